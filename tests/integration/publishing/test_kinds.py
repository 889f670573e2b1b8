"""Live events and seasons in the published catalogue."""

from datetime import timedelta
from typing import Any

from tests.factories.catalogue import Catalogue as Cms
from tests.factories.catalogue import by_ppv, episode_draft, season_draft
from tests.factories.world import World
from tests.integration.publishing.conftest import HANDHELD, TV, Catalogue

from matinee.catalog.operations import add_episode, move_episode, update_item
from matinee.catalog.queries import list_episodes
from matinee.catalog.types import StreamKind
from matinee.kernel.ids import new_id
from matinee.publishing.queries.runs import section_status


def cms_of(world: World) -> Cms:
    return Cms(world.database, world.operator)


async def unplayable(catalogue: Catalogue) -> int:
    async with catalogue.world.database.transaction(catalogue.operator_id) as tx:
        status = await section_status(tx, operator_id=catalogue.operator_id, section=TV, now=await tx.now())
    return status.unplayable_count


async def test_both_kinds_reach_both_categories_of_devices(catalogue: Catalogue, world: World) -> None:
    cms, rule = cms_of(world), await catalogue.rule()
    event = await cms.event(**by_ppv(rule))
    season = await cms.season(2, own_title="Ebb", **by_ppv(rule))
    await catalogue.movie("Lantern")
    for section in (TV, HANDHELD):
        assert [kind for kind, _ in await catalogue.changes(section)] == ["added"] * 3
        await catalogue.run(section)
        documents: dict[str, dict[str, Any]] = {each["kind"]: each for each in catalogue.documents(section)}
        assert set(documents) == {"movie", "live_event", "season"}
        assert documents["live_event"]["id"] == str(event.item_id)
        assert documents["live_event"]["ends_at"] == "2027-06-01T22:00:00Z"
        assert documents["live_event"]["runtime_minutes"] == 180
        assert documents["season"]["title"] == "Tidewater, season 2: Ebb"
        assert documents["season"]["offer"]["prices"] == {"EUR": 499}
        assert [(one["number"], one["title"]) for one in documents["season"]["episodes"]] == [
            (1, "Part 1"), (2, "Part 2"),
        ]  # fmt: skip
        assert "cdn.example.com" not in str(documents)
        assert await catalogue.changes(section) == []
    assert season.version == 3


async def test_every_change_of_an_episode_is_a_change_of_its_season(
    catalogue: Catalogue, world: World
) -> None:
    cms = cms_of(world)
    season = await cms.season(2)
    await catalogue.run(TV)
    episodes = await cms.ask(list_episodes, season_id=season.item_id)
    await cms.run(move_episode, season_id=season.item_id, episode_id=episodes[1].episode_id, to_number=1)
    assert await catalogue.changes(TV) == [("changed", "Tidewater, season 2")]
    await catalogue.run(TV)
    assert [one["title"] for one in catalogue.documents(TV)[0]["episodes"]] == ["Part 2", "Part 1"]
    await cms.run(update_item, item_id=season.item_id, version=4, draft=season_draft(year=2020))
    assert await catalogue.changes(TV) == [("changed", "Tidewater, season 2")]


async def test_an_episode_is_published_when_its_film_is_packaged(catalogue: Catalogue, world: World) -> None:
    cms = cms_of(world)
    season, asset_id = await cms.season(), new_id()
    assert await catalogue.changes(TV) == []
    assert await unplayable(catalogue) == 1
    async with world.database.transaction(catalogue.operator_id) as tx:
        await tx.execute(
            """INSERT INTO assets (operator_id, asset_id, file_name, state, source_key, created_at, updated_at)
               VALUES ($1, $2, 'f.mp4', 'packaging', 's', $3, $3)""",
            catalogue.operator_id, asset_id, await tx.now(),
        )  # fmt: skip
    await cms.run(add_episode, season_id=season.item_id, draft=episode_draft(title="One"))
    waiting = episode_draft(title="Two", stream_kind=StreamKind.FILE, stream_url=None, asset_id=asset_id)
    await cms.run(add_episode, season_id=season.item_id, draft=waiting)
    assert await unplayable(catalogue) == 0
    await catalogue.run(TV)
    assert [one["title"] for one in catalogue.documents(TV)[0]["episodes"]] == ["One"]
    async with world.database.transaction(catalogue.operator_id) as tx:
        await tx.execute(
            "UPDATE assets SET state = 'ready', playlist_key = 'p' WHERE operator_id = $1",
            catalogue.operator_id,
        )
    assert await catalogue.changes(TV) == [("changed", "Tidewater, season 2")]
    await catalogue.run(TV)
    assert [one["title"] for one in catalogue.documents(TV)[0]["episodes"]] == ["One", "Two"]


async def test_an_event_that_is_over_leaves_the_catalogue(catalogue: Catalogue, world: World) -> None:
    now = await world.now()
    await cms_of(world).event("Over", starts_at=now - timedelta(hours=2), ends_at=now)
    await cms_of(world).event("On", starts_at=now - timedelta(hours=2), ends_at=now + timedelta(hours=2))
    await catalogue.run(TV)
    assert catalogue.titles(TV) == ["On"]
