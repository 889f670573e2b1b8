"""A sync from the press of Run to what an app reads."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from tests.factories.world import STAFF, World
from tests.integration.publishing.conftest import HANDHELD, PRODUCTS, TV, Catalogue

from matinee.kernel.errors import Conflict
from matinee.offers.documents import MovieDocument, ProductDocument
from matinee.offers.queries.published_items import published_document
from matinee.platform.storage import ObjectStorage
from matinee.publishing.jobs import run_sync
from matinee.publishing.operations.runs import cancel_run, request_sync
from matinee.publishing.queries.runs import get_published, pending_changes, section_status
from matinee.publishing.types import RunState, Section, SyncRun


async def _ask(catalogue: Catalogue, section: Section) -> SyncRun:
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        return await request_sync(
            tx, operator_id=catalogue.operator_id, section=section, actor=STAFF, now=await tx.now()
        )


async def _document(catalogue: Catalogue, section: Section, item_id: UUID) -> MovieDocument | None:
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        found = await published_document(
            tx, operator_id=catalogue.operator_id, section=section.value, item_id=item_id
        )
    return None if found is None else msgspec.json.decode(found, type=MovieDocument)


async def test_a_film_reaches_the_apps_of_the_category_that_was_synced(catalogue: Catalogue) -> None:
    movie_id = await catalogue.movie("Lantern", await catalogue.rule())
    run = await catalogue.run(TV)
    assert (run.state, run.percent, run.change_count, run.error) == (RunState.DONE, 100, 1, None)
    [document] = catalogue.documents(TV)
    assert document["id"] == str(movie_id)
    assert document["kind"] == "movie"
    assert document["offer"]["rule_name"] == "Two days"
    assert document["offer"]["prices"] == {"EUR": 499}
    manifest = catalogue.manifest(TV)
    assert (manifest["section"], manifest["item_count"]) == ("movies_tv", 1)
    assert await _document(catalogue, TV, movie_id) is not None
    assert await _document(catalogue, HANDHELD, movie_id) is None
    assert await catalogue.changes(HANDHELD) == [("added", "Lantern")]


async def test_until_the_next_sync_apps_and_quotes_keep_the_old_state(catalogue: Catalogue) -> None:
    movie_id = await catalogue.movie("Lantern", await catalogue.rule())
    await catalogue.run(TV)
    await catalogue.edit(movie_id, title="The Lantern")
    assert catalogue.titles(TV) == ["Lantern"]
    kept = await _document(catalogue, TV, movie_id)
    assert kept is not None
    assert kept.title == "Lantern"
    assert await catalogue.changes(TV) == [("changed", "The Lantern")]
    run = await catalogue.run(TV)
    assert run.change_count == 1
    assert catalogue.titles(TV) == ["The Lantern"]
    assert await catalogue.changes(TV) == []


async def test_what_leaves_the_cms_leaves_the_catalogue(catalogue: Catalogue) -> None:
    stays = await catalogue.movie("Stays")
    now = await catalogue.world.now()
    for title, change in (
        ("Archived", {"archived_at": now}),
        ("Withdrawn", {"withdrawn_at": now}),
        ("Licence over", {"licence_ends_at": now - timedelta(seconds=1)}),
    ):
        movie_id = await catalogue.movie(title)
        await catalogue.run(TV)
        assert title in catalogue.titles(TV)
        await catalogue.edit(movie_id, **change)
        assert await catalogue.changes(TV) == [("removed", title)]
        await catalogue.run(TV)
        assert catalogue.titles(TV) == ["Stays"]
        assert await _document(catalogue, TV, movie_id) is None
    assert await _document(catalogue, TV, stays) is not None


async def test_a_film_whose_file_is_not_packaged_yet_is_not_offered(catalogue: Catalogue) -> None:
    asset_id, now = UUID(int=5), await catalogue.world.now()
    await catalogue._do(
        "INSERT INTO assets (operator_id, asset_id, file_name, state, source_key, created_at, updated_at)"
        " VALUES ($1, $2, 'f.mp4', 'packaging', 's', $3, $3)",
        asset_id, now,
    )  # fmt: skip
    await catalogue.movie("Fresh", stream_kind="file", stream_url=None, asset_id=asset_id)
    assert await catalogue.changes(TV) == []
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        status = await section_status(tx, operator_id=catalogue.operator_id, section=TV, now=await tx.now())
    assert status.unplayable_count == 1
    await catalogue._do(
        "UPDATE assets SET state = 'ready', playlist_key = 'p' WHERE operator_id = $1 AND asset_id = $2",
        asset_id,
    )
    assert await catalogue.changes(TV) == [("added", "Fresh")]


async def test_editing_a_rule_or_a_package_is_a_change_too(catalogue: Catalogue) -> None:
    rule_id = await catalogue.rule()
    await catalogue.movie("Rented", rule_id)
    included = await catalogue.movie("Included")
    await catalogue.run(TV)
    await catalogue._do(
        "UPDATE ppv_rules SET name = 'Weekend', version = version + 1 WHERE operator_id = $1 AND rule_id = $2",
        rule_id,
    )
    assert await catalogue.changes(TV) == [("changed", "Rented")]
    package_id, now = UUID(int=9), await catalogue.world.now()
    await catalogue._do(
        "INSERT INTO packages (operator_id, package_id, name, created_at) VALUES ($1, $2, 'Basic', $3)",
        package_id, now,
    )  # fmt: skip
    await catalogue._do(
        "INSERT INTO package_items (operator_id, package_id, item_kind, item_id) VALUES ($1, $2, 'movie', $3)",
        package_id, included,
    )  # fmt: skip
    assert await catalogue.changes(TV) == [("changed", "Included"), ("changed", "Rented")]
    await catalogue.run(TV)
    found = {document["title"]: document for document in catalogue.documents(TV)}
    assert found["Included"]["packages"] == [str(package_id)]
    assert found["Rented"]["offer"]["rule_name"] == "Weekend"


async def test_products_name_the_provision_and_its_version_and_nothing_secret(
    catalogue: Catalogue, world: World
) -> None:
    product_id = await world.product("Basic", mapping_id="B-1")
    provision_id, now = UUID(int=3), await world.now()
    await catalogue._do(
        "INSERT INTO provisions (operator_id, provision_id, name, api_type, current_version, created_at,"
        " updated_at) VALUES ($1, $2, 'Billing', 'movie', 1, $3, $3)",
        provision_id, now,
    )  # fmt: skip
    await catalogue._do(
        "INSERT INTO provision_versions (operator_id, provision_id, version, config, created_by, created_at)"
        """ VALUES ($1, $2, 1, '{"base_url": "https://billing.example/canary-secret"}', 'x', $3)""",
        provision_id, now,
    )  # fmt: skip
    await catalogue._do(
        "INSERT INTO product_provisions (operator_id, product_id, api_type, provision_id)"
        " VALUES ($1, $2, 'movie', $3)", product_id, provision_id,
    )  # fmt: skip
    await catalogue.run(PRODUCTS)
    async with world.database.transaction(world.operator_id) as tx:
        stored = await published_document(
            tx, operator_id=world.operator_id, section="products", item_id=product_id
        )
    assert stored is not None
    document = msgspec.json.decode(stored, type=ProductDocument)
    assert (document.name, document.mapping_id) == ("Basic", "B-1")
    assert document.provisions["movie"].version == 1
    await catalogue._do(
        "UPDATE provisions SET current_version = 2 WHERE operator_id = $1 AND provision_id = $2", provision_id
    )
    assert await catalogue.changes(PRODUCTS) == [("changed", "Basic")]
    for file in catalogue.folder.rglob("*.json"):
        assert b"canary" not in file.read_bytes()
        assert b"billing.example" not in file.read_bytes()


async def test_stream_addresses_are_not_published(catalogue: Catalogue) -> None:
    await catalogue.movie("Lantern")
    await catalogue.run(TV)
    assert not [file for file in catalogue.folder.rglob("*.json") if b"secret-stream" in file.read_bytes()]


async def test_each_category_gets_the_poster_in_its_size(catalogue: Catalogue) -> None:
    movie_id = await catalogue.movie("Lantern")
    await catalogue.poster(movie_id, b"\x01")
    for section, use in ((TV, b"tv"), (HANDHELD, b"handheld")):
        await catalogue.run(section)
        path = catalogue.documents(section)[0]["poster"]
        assert path.startswith(f"/published/{catalogue.operator_id}/posters/")
        assert (catalogue.folder / path[1:]).read_bytes() == b"\x01" + use


async def test_a_poster_that_is_lost_fails_the_run_by_the_films_name(catalogue: Catalogue) -> None:
    await catalogue.movie("Old")
    before = await catalogue.run(TV)
    await catalogue.movie("Lantern", poster_key=f"media/{catalogue.operator_id}/posters/gone")
    run = await catalogue.run(TV)
    assert run.state is RunState.FAILED
    assert run.error == "The poster of “Lantern” is not in the storage; upload it again."
    assert catalogue.titles(TV) == ["Old"]
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        published = await get_published(tx, operator_id=catalogue.operator_id, section=TV)
    assert published is not None
    assert published.snapshot_id == before.snapshot_id


async def test_a_second_press_attaches_to_the_run_that_is_open(catalogue: Catalogue) -> None:
    first = await _ask(catalogue, TV)
    second = await _ask(catalogue, TV)
    assert second == first
    other = await _ask(catalogue, HANDHELD)
    assert other.run_id != first.run_id
    async with catalogue.world.database.directory() as tx:
        jobs = await tx.fetch("SELECT task_name, args::text FROM jobs.procrastinate_jobs ORDER BY id")
    assert [row["task_name"] for row in jobs] == ["publishing.run_sync", "publishing.run_sync"]
    assert str(first.run_id) in jobs[0]["args"]
    assert await catalogue.world.audit_actions(TV.value) == ["sync.requested"]  # type: ignore[arg-type]


async def test_a_cancelled_run_changes_nothing(catalogue: Catalogue) -> None:
    await catalogue.movie("Lantern")
    asked = await _ask(catalogue, TV)
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        await cancel_run(
            tx, operator_id=catalogue.operator_id, run_id=asked.run_id, actor=STAFF, now=await tx.now()
        )
    run = await catalogue.work(asked)
    assert run.state is RunState.CANCELLED
    assert not (catalogue.folder / "published").exists()
    with pytest.raises(Conflict) as raised:
        async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
            await cancel_run(
                tx, operator_id=catalogue.operator_id, run_id=asked.run_id, actor=STAFF, now=await tx.now()
            )
    assert raised.value.code == "sync_ended"


async def test_a_run_that_is_cancelled_under_way_does_not_publish(catalogue: Catalogue) -> None:
    """The cancellation comes while the worker writes its pages."""
    await catalogue.movie("Lantern")
    asked = await _ask(catalogue, TV)
    storage = _Interrupting(catalogue, asked)
    await run_sync(
        catalogue.world.database,
        storage,  # type: ignore[arg-type]
        operator_id=catalogue.operator_id,
        run_id=asked.run_id,
    )
    assert (await catalogue.read(asked)).state is RunState.CANCELLED
    assert await catalogue.changes(TV) == [("added", "Lantern")]


class _Interrupting:
    """Storage in whose first write somebody presses Cancel."""

    def __init__(self, catalogue: Catalogue, run: SyncRun) -> None:
        self._catalogue = catalogue
        self._run = run
        self._pressed = False

    async def put(self, *args: object, **kwargs: object) -> object:
        if not self._pressed:
            self._pressed = True
            world = self._catalogue.world
            async with world.database.transaction(world.operator_id) as tx:
                await cancel_run(
                    tx,
                    operator_id=world.operator_id,
                    run_id=self._run.run_id,
                    actor=STAFF,
                    now=await tx.now(),
                )
        return await self._catalogue.storage.put(*args, **kwargs)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._catalogue.storage, name)


async def test_a_run_whose_worker_died_is_done_by_the_next(catalogue: Catalogue) -> None:
    await catalogue.movie("Lantern")
    asked = await _ask(catalogue, TV)
    await catalogue._do(
        "UPDATE sync_runs SET state = 'running', percent = 40 WHERE operator_id = $1 AND run_id = $2",
        asked.run_id,
    )
    run = await catalogue.work(asked)
    assert run.state is RunState.DONE
    assert catalogue.titles(TV) == ["Lantern"]


async def test_a_run_that_nobody_works_on_is_given_up_by_the_next_press(catalogue: Catalogue) -> None:
    asked = await _ask(catalogue, TV)
    await catalogue._do(
        "UPDATE sync_runs SET state = 'running', updated_at = updated_at - interval '6 minutes'"
        " WHERE operator_id = $1 AND run_id = $2",
        asked.run_id,
    )
    second = await _ask(catalogue, TV)
    assert second.run_id != asked.run_id
    lost = await catalogue.read(asked)
    assert (lost.state, lost.error) == (
        RunState.FAILED,
        "The worker that ran this sync stopped. What was published before stays.",
    )


async def test_an_operator_sees_and_publishes_its_own_films_only(
    catalogue: Catalogue, neighbour: World, storage: ObjectStorage
) -> None:
    await catalogue.movie("Mine")
    other = Catalogue(neighbour, storage, catalogue.folder)
    await other.movie("Theirs")
    await catalogue.run(TV)
    await other.run(TV)
    assert catalogue.titles(TV) == ["Mine"]
    assert other.titles(TV) == ["Theirs"]
    async with neighbour.database.transaction(neighbour.operator_id) as tx:
        assert await pending_changes(tx, operator_id=neighbour.operator_id, now=await tx.now()) == 1


async def test_the_row_of_the_page_tells_last_sync_changes_and_who(catalogue: Catalogue) -> None:
    await catalogue.movie("Lantern")
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        before = await section_status(tx, operator_id=catalogue.operator_id, section=TV, now=await tx.now())
    assert (before.published, before.change_count, before.open_run, before.last_run) == (None, 1, None, None)
    run = await catalogue.run(TV)
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        after = await section_status(tx, operator_id=catalogue.operator_id, section=TV, now=await tx.now())
    assert after.published is not None
    assert (after.published.published_by, after.published.item_count) == (STAFF.name, 1)
    assert (after.change_count, after.open_run, after.last_run) == (0, None, run)
