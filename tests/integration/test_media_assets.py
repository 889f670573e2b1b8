import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from tests.unit.media.clips import make_clip, play

from matinee.kernel.errors import Invalid, Misconfigured, NotFound
from matinee.kernel.ids import new_id
from matinee.media import jobs, operations, queries
from matinee.media.packaging_process import PackagingFailed
from matinee.media.types import Asset, ContentKey
from matinee.media.uploads import save_upload
from matinee.platform.db import CommitInDoubt, Database, DatabaseUnavailable
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.secrets import SecretBox
from matinee.platform.storage import ObjectStorage, ObjectTooLarge

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY_URL = "https://aurora.example/api/keys/{asset_id}/{key_id}"
AURORA, BOREAL = new_id(), new_id()
BOX = SecretBox(bytes(32))


@pytest.fixture
async def database(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Database]:
    owner = await asyncpg.connect(database_urls.owner_url)
    for operator_id, slug in ((AURORA, "aurora"), (BOREAL, "boreal")):
        await owner.execute(
            """INSERT INTO operators (operator_id, slug, name, time_zone, currency, country, locale,
                                      tax_rate_basis_points, cms_name, crm_name)
               VALUES ($1, $2, $2, 'UTC', 'EUR', 'DE', 'en', 1900, 'cms', 'crm')""",
            operator_id, slug,
        )  # fmt: skip
    await owner.close()
    database = await Database.connect(database_urls.app_url, connections=2)
    yield database
    await database.close()


@pytest.fixture
def storage() -> ObjectStorage:
    return ObjectStorage.in_memory()


async def bytes_of(path: Path) -> AsyncIterator[bytes]:
    yield path.read_bytes()


async def uploaded(database: Database, storage: ObjectStorage, path: Path, operator: UUID = AURORA) -> Asset:
    asset_id = new_id()
    stored = await save_upload(storage, operator_id=operator, asset_id=asset_id, chunks=bytes_of(path))
    async with database.transaction(operator) as tx:
        return await operations.register_asset(
            tx,
            operator_id=operator,
            asset_id=asset_id,
            file_name="C:\\films\\My film.mp4",
            source_key=stored.key,
            now=NOW,
        )


async def package(database: Database, storage: ObjectStorage, asset: Asset) -> None:
    await jobs.package_asset(
        database, storage, BOX, operator_id=asset.operator_id, asset_id=asset.asset_id, key_url=KEY_URL
    )


async def asset_now(database: Database, asset: Asset) -> Asset:
    async with database.transaction(asset.operator_id) as tx:
        return await queries.get_asset(tx, operator_id=asset.operator_id, asset_id=asset.asset_id)


async def files_of(storage: ObjectStorage, asset: Asset) -> list[str]:
    folder = f"media/{asset.operator_id}/{asset.asset_id}"
    return sorted([stored.key.removeprefix(folder + "/") async for stored in storage.list(folder)])


async def key_ids(database: Database, asset: Asset) -> list[UUID]:
    async with database.transaction(asset.operator_id) as tx:
        rows = await tx.fetch("SELECT key_id FROM asset_keys WHERE asset_id = $1", asset.asset_id)
        return [row["key_id"] for row in rows]


async def test_an_upload_becomes_a_film_that_plays(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=2))
    assert (asset.state, asset.file_name, asset.progress_percent) == ("uploaded", "My film.mp4", 0)
    await package(database, storage, asset)
    ready = await asset_now(database, asset)
    assert (ready.state, ready.progress_percent, ready.duration_seconds, ready.error) == (
        "ready",
        100,
        2,
        None,
    )
    assert ready.playlist_key is not None
    assert ready.playlist_key.startswith(f"media/{AURORA}/{asset.asset_id}/")
    run = ready.playlist_key.removesuffix("/master.m3u8")
    for stored in [stored async for stored in storage.list(run)]:
        copy = tmp_path / "fetched" / stored.key.removeprefix(run + "/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        await storage.download(stored.key, copy)
    (key_id,) = await key_ids(database, asset)
    async with database.transaction(AURORA) as tx:
        key = await queries.get_key(
            tx, secret_box=BOX, operator_id=AURORA, asset_id=asset.asset_id, key_id=key_id
        )
    playlist = (tmp_path / "fetched/90p/index.m3u8").read_text()
    assert f'URI="https://aurora.example/api/keys/{asset.asset_id}/{key_id}"' in playlist
    played = play(tmp_path / "fetched", "90p", (ContentKey(key_id=key_id, key=key),), tmp_path)
    assert played.frames == 48


async def test_running_again_changes_nothing(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))
    await package(database, storage, asset)
    before = (
        await asset_now(database, asset),
        await files_of(storage, asset),
        await key_ids(database, asset),
    )
    await package(database, storage, asset)
    after = (await asset_now(database, asset), await files_of(storage, asset), await key_ids(database, asset))
    assert after == before


async def test_a_run_after_one_that_was_killed_starts_again_and_cleans_up(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))
    async with database.transaction(AURORA) as tx:
        await operations.start_packaging(tx, operator_id=AURORA, asset_id=asset.asset_id, now=NOW)
    await storage.put(f"media/{AURORA}/{asset.asset_id}/killed-run/90p/00000.ts", b"half")
    await package(database, storage, asset)
    assert (await asset_now(database, asset)).state == "ready"
    assert [name.partition("/")[2] for name in await files_of(storage, asset)] == [
        "90p/00000.ts",
        "90p/index.m3u8",
        "master.m3u8",
    ]


async def test_a_film_that_cannot_be_used_fails_with_the_mend_and_leaves_no_files(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    (tmp_path / "in.mp4").write_bytes(b"not a film")
    asset = await uploaded(database, storage, tmp_path / "in.mp4")
    await package(database, storage, asset)
    failed = await asset_now(database, asset)
    assert failed.state == "failed"
    assert "Upload an MP4" in (failed.error or "")
    assert (await files_of(storage, asset), await key_ids(database, asset)) == ([], [])


async def test_a_fault_of_ours_is_recorded_and_raised_and_the_next_run_succeeds(
    database: Database, storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))

    async def broken(*_: object, **__: object) -> None:
        raise PackagingFailed("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "package_in_process", broken)
        with pytest.raises(PackagingFailed):
            await package(database, storage, asset)
    failed = await asset_now(database, asset)
    assert (failed.state, failed.error) == (
        "failed",
        "Packaging stopped because of a fault on our side. Start it again; the upload is kept.",
    )
    await package(database, storage, asset)
    mended = await asset_now(database, asset)
    assert (mended.state, mended.error) == ("ready", None)


async def test_an_upload_that_is_gone_is_said_so(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))
    await storage.delete(asset.source_key)
    await package(database, storage, asset)
    assert (await asset_now(database, asset)).error == (
        "The uploaded file is no longer there. Upload the film again."
    )


async def test_when_the_commit_is_in_doubt_the_files_stay(
    database: Database, storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))
    really_finish = operations.finish_packaging

    async def finish_and_lose_the_answer(*args: object, **kwargs: object) -> bool:
        async with database.transaction(AURORA) as tx:
            await really_finish(tx, **kwargs)  # type: ignore[arg-type]
        raise CommitInDoubt("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(operations, "finish_packaging", finish_and_lose_the_answer)
        with pytest.raises(CommitInDoubt):
            await package(database, storage, asset)
    await package(database, storage, asset)
    ready = await asset_now(database, asset)
    assert ready.state == "ready"
    assert await storage.exists(ready.playlist_key or "")


async def test_progress_that_cannot_be_written_does_not_stop_packaging(
    database: Database, storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))

    async def unreachable(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("gone for a moment")

    monkeypatch.setattr(operations, "note_progress", unreachable)
    await package(database, storage, asset)
    assert (await asset_now(database, asset)).state == "ready"


async def test_progress_is_written_at_most_once_a_second(
    database: Database, storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mkv", video="mpeg4"))
    written: list[int] = []
    heard: list[int] = []

    async def write(*_: object, percent: int, **__: object) -> None:
        written.append(percent)

    async def hear(percent: int) -> None:
        heard.append(percent)

    monkeypatch.setattr(operations, "note_progress", write)
    started = time.monotonic()
    await jobs.package_asset(
        database,
        storage,
        BOX,
        operator_id=AURORA,
        asset_id=asset.asset_id,
        key_url=KEY_URL,
        on_progress=hear,
    )
    assert len(heard) > 10
    assert 1 <= len(written) <= time.monotonic() - started + 1


async def test_a_run_that_is_cancelled_can_be_taken_up_again(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mkv", seconds=5, video="mpeg4"))
    begun = asyncio.Event()

    async def hear(percent: int) -> None:
        if percent > 3:
            begun.set()

    task = asyncio.create_task(
        jobs.package_asset(
            database,
            storage,
            BOX,
            operator_id=AURORA,
            asset_id=asset.asset_id,
            key_url=KEY_URL,
            on_progress=hear,
        )
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await asset_now(database, asset)).state == "packaging"
    assert await files_of(storage, asset) == []
    await package(database, storage, asset)
    assert (await asset_now(database, asset)).state == "ready"


async def test_of_two_runs_the_first_to_finish_wins(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))
    done = []
    for name in ("first", "second"):
        async with database.transaction(AURORA) as tx:
            done.append(
                await operations.finish_packaging(
                    tx,
                    secret_box=BOX,
                    operator_id=AURORA,
                    asset_id=asset.asset_id,
                    playlist_key=name,
                    duration_seconds=1,
                    keys=[ContentKey(key_id=new_id(), key=bytes(16))],
                    now=NOW,
                )
            )
    assert done == [True, False]
    assert (await asset_now(database, asset)).playlist_key == "first"
    assert len(await key_ids(database, asset)) == 1


async def test_late_news_does_not_change_a_film_that_is_ready(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))
    await package(database, storage, asset)
    before = await asset_now(database, asset)
    async with database.transaction(AURORA) as tx:
        ids = {"operator_id": AURORA, "asset_id": asset.asset_id}
        await operations.fail_packaging(tx, **ids, error="too late", now=NOW)
        await operations.note_progress(tx, **ids, percent=5, now=NOW)
    assert await asset_now(database, asset) == before


async def test_films_and_keys_of_another_operator_do_not_exist(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))
    await package(database, storage, asset)
    (key_id,) = await key_ids(database, asset)
    for operator_id in (AURORA, BOREAL):
        async with database.transaction(BOREAL) as tx:
            ids = {"operator_id": operator_id, "asset_id": asset.asset_id}
            with pytest.raises(NotFound):
                await queries.get_asset(tx, **ids)
            with pytest.raises(NotFound):
                await queries.get_key(tx, secret_box=BOX, key_id=key_id, **ids)
            with pytest.raises(NotFound):
                await operations.fail_packaging(tx, error="not yours", now=NOW, **ids)
            assert await queries.assets_by_id(tx, operator_id=BOREAL, asset_ids=[asset.asset_id]) == {}
    with pytest.raises(NotFound):
        await jobs.package_asset(
            database, storage, BOX, operator_id=BOREAL, asset_id=asset.asset_id, key_url=KEY_URL
        )
    assert (await asset_now(database, asset)).state == "ready"


async def test_a_key_moved_to_another_film_does_not_open(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "in.mp4", seconds=0.5)
    one, other = await uploaded(database, storage, clip), await uploaded(database, storage, clip)
    await package(database, storage, one)
    async with database.transaction(AURORA) as tx:
        await tx.execute(
            """INSERT INTO asset_keys (operator_id, asset_id, key_id, sealed_key, created_at)
               SELECT operator_id, $1, key_id, sealed_key, created_at FROM asset_keys WHERE asset_id = $2""",
            other.asset_id, one.asset_id,
        )  # fmt: skip
    (key_id,) = await key_ids(database, other)
    async with database.transaction(AURORA) as tx:
        with pytest.raises(Misconfigured):
            await queries.get_key(
                tx, secret_box=BOX, operator_id=AURORA, asset_id=other.asset_id, key_id=key_id
            )


async def test_keys_lie_sealed_in_the_database(
    database: Database, storage: ObjectStorage, tmp_path: Path
) -> None:
    asset = await uploaded(database, storage, make_clip(tmp_path / "in.mp4", seconds=0.5))
    await package(database, storage, asset)
    (key_id,) = await key_ids(database, asset)
    async with database.transaction(AURORA) as tx:
        sealed = await tx.fetchval("SELECT sealed_key FROM asset_keys WHERE key_id = $1", key_id)
        ids = {"operator_id": AURORA, "asset_id": asset.asset_id, "key_id": key_id}
        key = await queries.get_key(tx, secret_box=BOX, **ids)
    assert len(key) == 16
    assert key not in sealed


async def test_uploads_that_are_empty_or_too_large_leave_nothing(
    storage: ObjectStorage, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(b"x" * 2000)
    with pytest.raises(Invalid, match="attention"):
        await save_upload(storage, operator_id=AURORA, asset_id=new_id(), chunks=bytes_of(tmp_path / "empty"))
    with pytest.raises(ObjectTooLarge):
        await save_upload(
            storage, operator_id=AURORA, asset_id=new_id(), chunks=bytes_of(tmp_path / "large"), limit=1999
        )
    assert [stored.key async for stored in storage.list("uploads")] == []
