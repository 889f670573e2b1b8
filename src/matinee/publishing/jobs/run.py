"""One run: read the CMS in short transactions, write pages outside of them, then swap."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

import msgspec
import structlog

from matinee.kernel.errors import MatineeError
from matinee.offers.operations.published_items import PublishedItem
from matinee.platform.db import Database
from matinee.platform.storage import ObjectExists, ObjectMissing, ObjectStorage
from matinee.publishing.jobs.manifests import write_manifest
from matinee.publishing.operations.publish import new_snapshot, publish
from matinee.publishing.operations.runs import fail_run, note_progress, start_run
from matinee.publishing.queries.runs import get_snapshot, published_versions
from matinee.publishing.queries.source import count_source, read_source
from matinee.publishing.rules import digest_of, encode_page, index_key, page_key, page_name, paged, poster_key
from matinee.publishing.types import Category, Section, Snapshot, SnapshotIndex, SourceItem, SyncRun

_READ_AT_ONCE: Final = 1000
_PROGRESS_EVERY_SECONDS: Final = 0.5
_WRITING_ENDS_AT: Final = 95
_OUR_FAULT: Final = "Something went wrong on our side. What was published before stays; run the sync again."
_PAGE_LOST: Final = "A page of this snapshot is not in the storage any more, so it cannot be put back."

_log = structlog.get_logger(__name__)


class _Stopped(Exception):
    """The run is not running any more: somebody cancelled it."""


class _Prepared(msgspec.Struct, frozen=True):
    """Everything that the swap needs. `changed` are the items that differ from what is published."""

    snapshot: Snapshot
    changed: list[PublishedItem]
    item_ids: list[UUID]


async def run_sync(database: Database, storage: ObjectStorage, *, operator_id: UUID, run_id: UUID) -> None:
    """Do one run to its end; safe to repeat after a crash, and nothing to do when it has ended.

    Whatever goes wrong ends it as `failed` with a reason and leaves published what was published. When
    cancelled from outside, the run stays `running` until its job is begun again.
    """
    async with database.transaction(operator_id) as tx:
        run = await start_run(tx, operator_id=operator_id, run_id=run_id, now=await tx.now())
    if run is None:
        await _follow_up(database, storage, operator_id)
        return
    try:
        work = _Work(database, storage, run)
        prepared = await (work.restore(run.restores) if run.restores else work.build())
        async with database.transaction(operator_id) as tx:
            done = await publish(
                tx,
                run=run,
                snapshot=prepared.snapshot,
                changed=prepared.changed,
                item_ids=prepared.item_ids,
                now=await tx.now(),
            )
        if done is not None:
            await write_manifest(database, storage, operator_id=operator_id, section=run.section)
    except _Stopped:
        _log.info("sync_cancelled", run_id=str(run_id))
    except Exception as error:
        _log.error("sync_failed", run_id=str(run_id), exc_info=error)
        reason = error.message if isinstance(error, MatineeError) else _OUR_FAULT
        async with database.transaction(operator_id) as tx:
            await fail_run(tx, operator_id=operator_id, run_id=run_id, error=reason, now=await tx.now())
        # The swap may have happened although its answer was lost.
        with suppress(MatineeError):
            await write_manifest(database, storage, operator_id=operator_id, section=run.section)


async def _follow_up(database: Database, storage: ObjectStorage, operator_id: UUID) -> None:
    """A run that ended in the database may have died before it wrote its manifest."""
    for section in Section:
        await write_manifest(database, storage, operator_id=operator_id, section=section)


class _Work:
    """The long part of one run."""

    def __init__(self, database: Database, storage: ObjectStorage, run: SyncRun) -> None:
        self._database = database
        self._storage = storage
        self._run = run
        self._operator_id = run.operator_id
        self._section = run.section
        self._noted_at = float("-inf")

    async def build(self) -> _Prepared:
        """Write the pages and posters of the CMS as it is now."""
        async with self._database.transaction(self._operator_id) as tx:
            total = await count_source(
                tx, operator_id=self._operator_id, section=self._section, now=await tx.now()
            )
        pages: list[str] = []
        versions: dict[UUID, str] = {}
        changed: list[PublishedItem] = []
        async for page in paged(self._items()):
            pages.append(await self._write_page(page))
            versions |= {item.item_id: item.version for item in page}
            different = await self._different(page)
            await self._write_posters(different)
            changed += _published_items(different)
            await self._note("Writing pages", min(1.0, len(versions) / max(total, 1)))
        digest = digest_of(self._section, pages)
        index = SnapshotIndex(section=self._section, digest=digest, pages=pages, versions=versions)
        key = index_key(self._operator_id, self._section, digest)
        await self._storage.put(key, msgspec.json.encode(index), content_type="application/json")
        await self._note("Publishing", 1.0, at_once=True)
        snapshot = new_snapshot(
            operator_id=self._operator_id,
            section=self._section,
            digest=digest,
            manifest_key=key,
            item_count=len(versions),
        )
        return _Prepared(snapshot, changed, list(versions))

    async def restore(self, snapshot_id: UUID) -> _Prepared:
        """Read an earlier snapshot from the storage. Raises NotFound, ObjectMissing when its pages are gone."""
        async with self._database.transaction(self._operator_id) as tx:
            snapshot = await get_snapshot(
                tx, operator_id=self._operator_id, section=self._section, snapshot_id=snapshot_id
            )
        index = msgspec.json.decode(await self._storage.get(snapshot.manifest_key), type=SnapshotIndex)
        changed: list[PublishedItem] = []
        for number, name in enumerate(index.pages, start=1):
            changed += _published_items(await self._different(await self._read_page(name, index)))
            await self._note("Reading the snapshot", number / len(index.pages))
        await self._note("Publishing", 1.0, at_once=True)
        return _Prepared(snapshot, changed, list(index.versions))

    async def _items(self) -> AsyncIterator[SourceItem]:
        after: UUID | None = None
        while True:
            async with self._database.transaction(self._operator_id) as tx:
                items = await read_source(
                    tx,
                    operator_id=self._operator_id,
                    section=self._section,
                    now=await tx.now(),
                    after=after,
                    limit=_READ_AT_ONCE,
                )
            for item in items:
                yield item
            if len(items) < _READ_AT_ONCE:
                return
            after = items[-1].item_id

    async def _write_page(self, page: Sequence[SourceItem]) -> str:
        body = encode_page(page)
        name = page_name(body)
        with suppress(ObjectExists):  # the same content: written by an earlier sync
            await self._storage.put(
                page_key(self._operator_id, name), body, content_type="application/json", only_if_absent=True
            )
        return name

    async def _read_page(self, name: str, index: SnapshotIndex) -> list[SourceItem]:
        try:
            body = await self._storage.get(page_key(self._operator_id, name))
        except ObjectMissing as error:
            raise ObjectMissing(_PAGE_LOST) from error
        documents = msgspec.json.decode(body, type=dict[str, list[msgspec.Raw]])["items"]
        ids = [msgspec.json.decode(document, type=_Identified).id for document in documents]
        return [
            SourceItem(item_id=item_id, version=index.versions[item_id], document=bytes(document))
            for item_id, document in zip(ids, documents, strict=True)
        ]

    async def _different(self, page: Sequence[SourceItem]) -> list[SourceItem]:
        async with self._database.transaction(self._operator_id) as tx:
            known = await published_versions(
                tx,
                operator_id=self._operator_id,
                section=self._section,
                item_ids=[item.item_id for item in page],
            )
        return [item for item in page if known.get(item.item_id) != item.version]

    async def _write_posters(self, items: Sequence[SourceItem]) -> None:
        """Copy the posters that are not published yet, in the size for the section's devices."""
        category = self._section.category
        for item in items:
            if item.poster_key is None or category is None:
                continue
            target = poster_key(self._operator_id, item.poster_key, category)
            if not await self._storage.exists(target):
                image = await self._read_poster(item, category)
                await self._storage.put(target, image, content_type="image/webp")

    async def _read_poster(self, item: SourceItem, category: Category) -> bytes:
        try:
            return await self._storage.get(f"{item.poster_key}/{category}.webp")
        except ObjectMissing as error:
            title = msgspec.json.decode(item.document, type=_Titled).title
            raise ObjectMissing(f"The poster of “{title}” is not in the storage; upload it again.") from error

    async def _note(self, stage: str, share: float, *, at_once: bool = False) -> None:
        """Write progress down, at most twice a second. Raises _Stopped when the run was cancelled."""
        moment = asyncio.get_running_loop().time()
        if not at_once and moment - self._noted_at < _PROGRESS_EVERY_SECONDS:
            return
        self._noted_at = moment
        async with self._database.transaction(self._operator_id) as tx:
            running = await note_progress(
                tx,
                operator_id=self._operator_id,
                run_id=self._run.run_id,
                stage=stage,
                percent=int(share * _WRITING_ENDS_AT),
                now=await tx.now(),
            )
        if not running:
            raise _Stopped


class _Identified(msgspec.Struct, frozen=True):
    id: UUID


class _Titled(msgspec.Struct, frozen=True):
    title: str


def _published_items(items: Sequence[SourceItem]) -> list[PublishedItem]:
    """Return what the database keeps of these items."""
    return [
        PublishedItem(item_id=item.item_id, source_version=item.version, document=item.document)
        for item in items
    ]
