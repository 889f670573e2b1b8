"""A small catalogue in the CMS of one operator, storage in a real folder, and a worker's hands."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.factories.world import STAFF, World, database, neighbour, operators, world

from matinee.kernel.ids import new_id
from matinee.platform.storage import ObjectStorage
from matinee.publishing.jobs import run_sync
from matinee.publishing.operations.runs import request_put_back, request_sync
from matinee.publishing.queries.runs import get_run
from matinee.publishing.queries.source import changes_since, count_changes
from matinee.publishing.types import Section, SyncRun

__all__ = ["database", "neighbour", "operators", "world"]

TV, HANDHELD, PRODUCTS = Section.MOVIES_TV, Section.MOVIES_HANDHELD, Section.PRODUCTS


class Catalogue:
    """What staff do in the CMS, and what a worker does when they press Run."""

    def __init__(self, world: World, storage: ObjectStorage, folder: Path) -> None:
        self.world = world
        self.storage = storage
        self.folder = folder
        self.operator_id = world.operator_id

    async def rule(self, name: str = "Two days") -> UUID:
        rule_id = new_id()
        await self._do(
            "INSERT INTO ppv_rules (operator_id, rule_id, name, unit, quantity, finish_window_hours, created_at,"
            " updated_at) VALUES ($1, $2, $3, 'hours', 48, 24, $4, $4)",
            rule_id, name, await self.world.now(),
        )  # fmt: skip
        return rule_id

    async def movie(self, title: str, rule_id: UUID | None = None, **changes: Any) -> UUID:
        """Add a movie; with a rule it costs 4.99."""
        movie_id, now = new_id(), await self.world.now()
        method = "subscription" if rule_id is None else "ppv"
        async with self.world.database.transaction(self.operator_id) as tx:
            await tx.execute(
                "INSERT INTO items (operator_id, item_kind, item_id, title, runtime_minutes, stream_kind, stream_url,"
                " payment_method, rule_id, created_at, updated_at)"
                " VALUES ($1, 'movie', $2, $3, 90, 'url', 'https://cdn.example/secret-stream.m3u8', $4, $5, $6, $6)",
                self.operator_id, movie_id, title, method, rule_id, now,
            )  # fmt: skip
            if rule_id is not None:
                await tx.execute(
                    "INSERT INTO item_prices (operator_id, item_kind, item_id, currency, amount_minor)"
                    " VALUES ($1, 'movie', $2, 'EUR', 499)", self.operator_id, movie_id,
                )  # fmt: skip
        if changes:
            await self.edit(movie_id, **changes)
        return movie_id

    async def edit(self, movie_id: UUID, **changes: Any) -> None:
        """Save a movie as the CMS does: with its version one higher."""
        names = ", ".join(f"{name} = ${place}" for place, name in enumerate(changes, start=3))
        await self._do(
            f"UPDATE items SET version = version + 1, {names} WHERE operator_id = $1 AND item_id = $2",
            movie_id, *changes.values(),
        )  # fmt: skip

    async def poster(self, movie_id: UUID, content: bytes) -> None:
        key = f"media/{self.operator_id}/posters/{content.hex():0<32}"
        for use in ("tv", "handheld"):
            await self.storage.put(f"{key}/{use}.webp", content + use.encode())
        await self.edit(movie_id, poster_key=key)

    async def run(self, section: Section) -> SyncRun:
        """Press Run and let a worker do it."""
        async with self.world.database.transaction(self.operator_id) as tx:
            asked = await request_sync(
                tx, operator_id=self.operator_id, section=section, actor=STAFF, now=await tx.now()
            )
        return await self.work(asked)

    async def put_back(self, section: Section, snapshot_id: UUID | None) -> SyncRun:
        assert snapshot_id is not None
        async with self.world.database.transaction(self.operator_id) as tx:
            asked = await request_put_back(
                tx, operator_id=self.operator_id, section=section, snapshot_id=snapshot_id, actor=STAFF,
                now=await tx.now(),
            )  # fmt: skip
        return await self.work(asked)

    async def work(self, run: SyncRun) -> SyncRun:
        await run_sync(self.world.database, self.storage, operator_id=self.operator_id, run_id=run.run_id)
        return await self.read(run)

    async def read(self, run: SyncRun) -> SyncRun:
        async with self.world.database.transaction(self.operator_id) as tx:
            return await get_run(tx, operator_id=self.operator_id, run_id=run.run_id)

    async def changes(self, section: Section) -> list[tuple[str, str]]:
        """Return kind and title of every change; the count must agree."""
        async with self.world.database.transaction(self.operator_id) as tx:
            now: datetime = await tx.now()
            found = await changes_since(tx, operator_id=self.operator_id, section=section, now=now)
            assert len(found) == await count_changes(
                tx, operator_id=self.operator_id, section=section, now=now
            )
        return [(change.kind.value, change.title) for change in found]

    def manifest(self, section: Section) -> dict[str, Any]:
        path = self.folder / "published" / str(self.operator_id) / section.value / "manifest.json"
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        return found

    def documents(self, section: Section) -> list[dict[str, Any]]:
        """Return what an app sees: the documents of the pages that the manifest names."""
        pages = self.folder / "published" / str(self.operator_id) / "pages"
        return [
            document
            for name in self.manifest(section)["pages"]
            for document in msgspec.json.decode((pages / name).read_bytes())["items"]
        ]

    def titles(self, section: Section) -> list[str]:
        return [str(document.get("title", document.get("name"))) for document in self.documents(section)]

    async def _do(self, statement: str, *values: object) -> None:
        async with self.world.database.transaction(self.operator_id) as tx:
            await tx.execute(statement, self.operator_id, *values)


@pytest.fixture
def storage_folder(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
def storage(storage_folder: Path) -> ObjectStorage:
    return ObjectStorage.open(storage_folder.as_uri())


@pytest.fixture
def catalogue(world: World, storage: ObjectStorage, storage_folder: Path) -> Catalogue:
    return Catalogue(world, storage, storage_folder)
