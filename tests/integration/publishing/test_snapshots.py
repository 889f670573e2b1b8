"""Snapshots: immutable pages, put-backs, and manifests that follow the database."""

from pathlib import Path

import pytest
from tests.factories.world import STAFF
from tests.integration.publishing.conftest import HANDHELD, TV, Catalogue

from matinee.kernel.errors import Conflict, NotFound
from matinee.kernel.ids import new_id
from matinee.platform.storage import ObjectStorage
from matinee.publishing.jobs import repair_manifests, run_sync
from matinee.publishing.operations.runs import request_put_back, request_sync
from matinee.publishing.queries.runs import recent_runs
from matinee.publishing.rules import manifest_key
from matinee.publishing.types import RunState


def _pages(catalogue: Catalogue) -> dict[str, float]:
    folder = catalogue.folder / "published" / str(catalogue.operator_id) / "pages"
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("*.json")}


async def test_one_changed_film_of_many_rewrites_one_page(catalogue: Catalogue) -> None:
    movies = [await catalogue.movie(f"Film {number:03}") for number in range(260)]
    first = await catalogue.run(TV)
    assert first.change_count == 260
    before = _pages(catalogue)
    assert len(before) == len(catalogue.manifest(TV)["pages"]) >= 2
    await catalogue.edit(movies[3], title="Another title")
    second = await catalogue.run(TV)
    after = _pages(catalogue)
    assert second.change_count == 1
    assert len(after.keys() - before.keys()) == 1
    assert {name: after[name] for name in before} == before
    assert len(catalogue.titles(TV)) == 260


async def test_a_sync_without_changes_publishes_the_same_snapshot_again(catalogue: Catalogue) -> None:
    await catalogue.movie("Lantern")
    first = await catalogue.run(TV)
    published_at = catalogue.manifest(TV)["published_at"]
    second = await catalogue.run(TV)
    assert (second.state, second.change_count) == (RunState.DONE, 0)
    assert second.snapshot_id == first.snapshot_id
    assert catalogue.manifest(TV)["published_at"] > published_at


async def test_an_empty_catalogue_can_be_published(catalogue: Catalogue) -> None:
    run = await catalogue.run(TV)
    assert run.state is RunState.DONE
    assert catalogue.manifest(TV)["pages"] == []


async def test_an_earlier_snapshot_can_be_put_back(catalogue: Catalogue) -> None:
    lantern = await catalogue.movie("Lantern", await catalogue.rule())
    first = await catalogue.run(TV)
    await catalogue.edit(lantern, title="Wrong title")
    await catalogue.movie("Too early")
    second = await catalogue.run(TV)
    assert catalogue.titles(TV) == ["Wrong title", "Too early"]
    third = await catalogue.put_back(TV, first.snapshot_id)
    assert (third.state, third.snapshot_id, third.change_count) == (RunState.DONE, first.snapshot_id, 2)
    assert catalogue.titles(TV) == ["Lantern"]
    assert await catalogue.changes(TV) == [("added", "Too early"), ("changed", "Wrong title")]
    await catalogue.put_back(TV, second.snapshot_id)
    assert catalogue.titles(TV) == ["Wrong title", "Too early"]
    assert await catalogue.changes(TV) == []


async def test_a_snapshot_of_another_section_or_of_nobody_cannot_be_put_back(catalogue: Catalogue) -> None:
    await catalogue.movie("Lantern")
    run = await catalogue.run(TV)
    for section, snapshot_id in ((HANDHELD, run.snapshot_id), (TV, new_id())):
        with pytest.raises(NotFound):
            await catalogue.put_back(section, snapshot_id)


async def test_a_put_back_waits_for_the_run_that_is_open(catalogue: Catalogue) -> None:
    await catalogue.movie("Lantern")
    run = await catalogue.run(TV)
    assert run.snapshot_id is not None
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        now = await tx.now()
        await request_sync(tx, operator_id=catalogue.operator_id, section=TV, actor=STAFF, now=now)
        with pytest.raises(Conflict) as raised:
            await request_put_back(
                tx, operator_id=catalogue.operator_id, section=TV, snapshot_id=run.snapshot_id, actor=STAFF,
                now=now,
            )  # fmt: skip
    assert raised.value.code == "sync_under_way"


async def test_a_snapshot_whose_pages_are_gone_fails_clearly(catalogue: Catalogue) -> None:
    lantern = await catalogue.movie("Lantern")
    first = await catalogue.run(TV)
    gone = list(_pages(catalogue))
    await catalogue.edit(lantern, title="Renamed")
    await catalogue.run(TV)
    for name in gone:
        (catalogue.folder / "published" / str(catalogue.operator_id) / "pages" / name).unlink()
    run = await catalogue.put_back(TV, first.snapshot_id)
    assert run.state is RunState.FAILED
    assert run.error == "A page of this snapshot is not in the storage any more, so it cannot be put back."
    assert catalogue.titles(TV) == ["Renamed"]


async def test_a_manifest_that_was_not_written_is_repaired_from_the_row(
    catalogue: Catalogue, storage: ObjectStorage
) -> None:
    lantern = await catalogue.movie("Lantern")
    await catalogue.run(TV)
    old = Path(catalogue.folder / manifest_key(catalogue.operator_id, TV)).read_bytes()
    await catalogue.edit(lantern, title="Renamed")
    await catalogue.run(TV)
    # A worker died after the swap and before the file.
    await storage.put(manifest_key(catalogue.operator_id, TV), old)
    assert catalogue.titles(TV) == ["Lantern"]
    assert await repair_manifests(catalogue.world.database, storage) == 1
    assert catalogue.titles(TV) == ["Renamed"]
    assert await repair_manifests(catalogue.world.database, storage) == 0


async def test_doing_a_finished_run_again_only_mends_the_manifest(
    catalogue: Catalogue, storage: ObjectStorage
) -> None:
    await catalogue.movie("Lantern")
    run = await catalogue.run(TV)
    await storage.delete(manifest_key(catalogue.operator_id, TV))
    await run_sync(catalogue.world.database, storage, operator_id=catalogue.operator_id, run_id=run.run_id)
    assert catalogue.titles(TV) == ["Lantern"]
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        assert await recent_runs(tx, operator_id=catalogue.operator_id, section=TV) == [run]
