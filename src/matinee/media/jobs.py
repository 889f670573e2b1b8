"""Packaging an uploaded film from beginning to end: many short transactions around long work."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from matinee.kernel.errors import Invalid, MatineeError, Unavailable
from matinee.kernel.ids import new_id
from matinee.media import operations
from matinee.media.packaging_process import package_in_process
from matinee.media.rules import media_folder_of
from matinee.media.types import Packaged
from matinee.platform.db import CommitInDoubt, Database
from matinee.platform.secrets import SecretBox
from matinee.platform.storage import ObjectMissing, ObjectStorage, StorageUnavailable

_PROGRESS_EVERY_SECONDS: Final = 1.0
_CONTENT_TYPES: Final = {".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t"}
_OUR_FAULT: Final = "Packaging stopped because of a fault on our side. Start it again; the upload is kept."

_SOURCE_GONE: Final = "The uploaded file is no longer there. Upload the film again."

_log = structlog.get_logger(__name__)


async def package_asset(
    database: Database,
    storage: ObjectStorage,
    secret_box: SecretBox,
    *,
    operator_id: UUID,
    asset_id: UUID,
    key_url: str,
    on_progress: Callable[[int], Awaitable[None]] | None = None,
    scratch: Path | None = None,
) -> None:
    """Package one uploaded film and make it playable; safe to repeat, and nothing to do when it is ready.

    `key_url` is the address of a key with `{asset_id}` and `{key_id}` in it; `scratch` a folder with
    room for twice the film (the system's temporary one if None). A film that cannot be used
    ends as `failed` with its reason, without an error here. Any other trouble also ends as `failed` and is
    raised. When cancelled, the film stays `packaging` until the job runs again. Raises NotFound.
    """
    async with database.transaction(operator_id) as tx:
        asset = await operations.start_packaging(
            tx, operator_id=operator_id, asset_id=asset_id, now=await tx.now()
        )
    if asset is None:
        return
    run = _Run(database, storage, secret_box, operator_id, asset_id)
    progress = _Progress(database, operator_id, asset_id, on_progress)
    try:
        with tempfile.TemporaryDirectory(prefix="matinee-packaging-", dir=scratch) as folder:
            packaged = await run.package(
                asset.source_key,
                Path(folder),
                key_url=key_url.replace("{asset_id}", str(asset_id)),
                progress=progress,
            )
        won = await run.finish(packaged)
    except CommitInDoubt:
        # Finished or not: the files stay, and the next run of this job finds out which.
        raise
    except Invalid as error:
        await run.fail(error.fields.get("file", error.message))
        await run.remove_files()
    except ObjectMissing:
        await run.fail(_SOURCE_GONE)
    except Exception as error:
        reason = error.code if isinstance(error, MatineeError) else type(error).__name__
        _log.error("packaging_failed", operator_id=str(operator_id), asset_id=str(asset_id), reason=reason)
        await run.remove_files()
        await run.fail(_OUR_FAULT)
        raise
    except asyncio.CancelledError:
        await run.remove_files()
        raise
    else:
        await (run.remove_other_runs() if won else run.remove_files())


class _Run:
    """One try at packaging a film, with a folder in storage of its own."""

    def __init__(
        self,
        database: Database,
        storage: ObjectStorage,
        secret_box: SecretBox,
        operator_id: UUID,
        asset_id: UUID,
    ) -> None:
        self._database = database
        self._storage = storage
        self._secret_box = secret_box
        self._operator_id = operator_id
        self._asset_id = asset_id
        self._all_runs = media_folder_of(operator_id, asset_id)
        self._folder = f"{self._all_runs}/{new_id()}"

    async def package(
        self, source_key: str, scratch: Path, *, key_url: str, progress: "_Progress"
    ) -> Packaged:
        """Fetch the upload, package it, and store the result."""
        source, into = scratch / "source", scratch / "packaged"
        await self._storage.download(source_key, source)
        packaged = await package_in_process(source, into, key_url=key_url, on_progress=progress)
        # The pointer in the database comes last, so the order of the files does not matter.
        for name in packaged.files:
            path = into / name
            content_type = _CONTENT_TYPES[path.suffix]
            await self._storage.put_file(f"{self._folder}/{name}", path, content_type=content_type)
        return packaged

    async def finish(self, packaged: Packaged) -> bool:
        """Make the film playable; False if another run was first."""
        async with self._database.transaction(self._operator_id) as tx:
            return await operations.finish_packaging(
                tx,
                secret_box=self._secret_box,
                operator_id=self._operator_id,
                asset_id=self._asset_id,
                playlist_key=f"{self._folder}/{packaged.playlist}",
                duration_seconds=round(packaged.duration_seconds),
                keys=packaged.keys,
                now=await tx.now(),
            )

    async def fail(self, error: str) -> None:
        """Record why the film cannot be played."""
        async with self._database.transaction(self._operator_id) as tx:
            await operations.fail_packaging(
                tx,
                operator_id=self._operator_id,
                asset_id=self._asset_id,
                error=error,
                now=await tx.now(),
            )

    async def remove_files(self) -> None:
        """Remove what this run stored; what cannot be removed now goes with the run that wins."""
        with suppress(StorageUnavailable):
            await self._storage.delete_folder(self._folder)

    async def remove_other_runs(self) -> None:
        """Remove what runs that were killed left behind: only the winner knows that nobody needs it."""
        with suppress(StorageUnavailable):
            keys = [stored.key async for stored in self._storage.list(self._all_runs)]
            for key in keys:
                if not key.startswith(self._folder + "/"):
                    await self._storage.delete(key)


class _Progress:
    """Writes progress to the film's row, at most once a second."""

    def __init__(
        self,
        database: Database,
        operator_id: UUID,
        asset_id: UUID,
        also: Callable[[int], Awaitable[None]] | None,
    ) -> None:
        self._database = database
        self._operator_id = operator_id
        self._asset_id = asset_id
        self._also = also
        self._last = float("-inf")

    async def __call__(self, percent: int) -> None:
        if self._also is not None:
            await self._also(percent)
        moment = asyncio.get_running_loop().time()
        if moment - self._last < _PROGRESS_EVERY_SECONDS:
            return
        self._last = moment
        # Hours of packaging are not thrown away because a number could not be shown.
        with suppress(Unavailable):
            await self._write(percent)

    async def _write(self, percent: int) -> None:
        async with self._database.transaction(self._operator_id) as tx:
            await operations.note_progress(
                tx,
                operator_id=self._operator_id,
                asset_id=self._asset_id,
                percent=percent,
                now=await tx.now(),
            )
