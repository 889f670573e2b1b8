"""Live events, seasons and their episodes in the database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from asyncpg import CheckViolationError, ExclusionViolationError
from tests.factories.catalogue import (
    CATALOGUER,
    Catalogue,
    by_ppv,
    episode_draft,
    event_draft,
    plain_draft,
    season_draft,
)

from matinee.catalog.operations import (
    add_episode,
    archive_item,
    create_item,
    duplicate_item,
    move_episode,
    remove_episode,
    update_episode,
    update_item,
)
from matinee.catalog.queries import get_item, list_episodes, list_items
from matinee.catalog.types import ItemKind, Season
from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.kernel.paging import ListQuery

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVENT, SEASON = ItemKind.LIVE_EVENT, ItemKind.SEASON


async def titles(catalogue: Catalogue, kind: ItemKind, **query: object) -> list[str]:
    asked = ListQuery(**query)  # type: ignore[arg-type]
    page = await catalogue.ask(list_items, kind=kind, query=asked, now=NOW)
    return [row.title for row in page.rows]


async def numbered(catalogue: Catalogue, season: Season) -> list[tuple[int, str]]:
    found = await catalogue.ask(list_episodes, season_id=season.item_id)
    return [(each.number, each.draft.title) for each in found]


async def version(catalogue: Catalogue, season: Season) -> int:
    found = await catalogue.ask(get_item, kind=SEASON, item_id=season.item_id)
    return int(found.version)


async def test_they_are_kept_as_they_were_said(catalogue: Catalogue) -> None:
    rule, package = await catalogue.rule(), await catalogue.package()
    for draft, kind, title in (
        (event_draft(**by_ppv(rule.rule_id)), EVENT, "The Final"),
        (event_draft(package_ids=frozenset({package})), EVENT, "The Final"),
        (season_draft(**by_ppv(rule.rule_id)), SEASON, "Tidewater, season 2"),
        (season_draft(own_title="Ebb", year=2026), SEASON, "Tidewater, season 2: Ebb"),
    ):
        item = await catalogue.run(create_item, draft=draft)
        found = await catalogue.ask(get_item, kind=kind, item_id=item.item_id)
        assert (found.draft, found.title, found.version) == (draft, title, 1)
        assert await catalogue.audit_actions(item.item_id) == [f"{kind.value}.created"]


async def test_an_id_is_found_under_its_own_kind_only(catalogue: Catalogue, neighbour: Catalogue) -> None:
    event = await catalogue.event()
    for asked, kind in ((catalogue, SEASON), (catalogue, ItemKind.MOVIE), (neighbour, EVENT)):
        with pytest.raises(NotFound):
            await asked.ask(get_item, kind=kind, item_id=event.item_id)
        with pytest.raises(NotFound):
            await asked.run(archive_item, kind=kind, item_id=event.item_id)
    with pytest.raises(NotFound):
        await catalogue.run(update_item, item_id=event.item_id, version=1, draft=plain_draft())
    assert (await catalogue.ask(get_item, kind=EVENT, item_id=event.item_id)) == event


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE items SET rule_id = NULL", "items_one_payment_method"),
        ("UPDATE items SET payment_method = 'subscription', rule_id = NULL", "items_subscription_price"),
        ("DELETE FROM item_prices", "items_ppv_price"),
        ("UPDATE live_events SET ends_at = starts_at", "live_events_ends"),
        ("UPDATE items SET stream_kind = NULL WHERE item_kind = 'live_event'", "items_stream"),
        ("UPDATE items SET stream_kind = 'file' WHERE item_kind = 'season'", "items_stream"),
        ("UPDATE items SET runtime_minutes = NULL WHERE item_kind = 'live_event'", "items_ppv_runtime"),
    ],
)
async def test_the_database_gives_every_kind_the_same_guarantees(
    catalogue: Catalogue, statement: str, constraint: str
) -> None:
    rule = await catalogue.rule()
    await catalogue.event(**by_ppv(rule.rule_id))
    await catalogue.season(1, **by_ppv(rule.rule_id))
    with pytest.raises(CheckViolationError) as caught:
        async with catalogue.database.transaction(catalogue.operator_id) as tx:
            await tx.execute(statement)
    assert caught.value.as_dict()["constraint_name"] == constraint


async def test_a_season_is_as_long_as_its_longest_episode(catalogue: Catalogue) -> None:
    season = await catalogue.season(3)

    async def runtime() -> int | None:
        async with catalogue.database.transaction(catalogue.operator_id) as tx:
            found: int | None = await tx.fetchval(
                "SELECT runtime_minutes FROM items WHERE item_id = $1", season.item_id
            )
        return found

    episodes = await catalogue.ask(list_episodes, season_id=season.item_id)
    assert await runtime() == 42
    await catalogue.run(remove_episode, season_id=season.item_id, episode_id=episodes[2].episode_id)
    assert await runtime() == 41
    # Saving the season itself leaves it alone.
    await catalogue.run(
        update_item,
        item_id=season.item_id,
        version=await version(catalogue, season),
        draft=season_draft(year=2020),
    )
    assert await runtime() == 41


async def test_episodes_are_moved_changed_and_removed_and_each_raises_the_version(
    catalogue: Catalogue,
) -> None:
    season = await catalogue.season(3)
    assert (await version(catalogue, season), await numbered(catalogue, season)) == (
        4, [(1, "Part 1"), (2, "Part 2"), (3, "Part 3")],
    )  # fmt: skip
    third = (await catalogue.ask(list_episodes, season_id=season.item_id))[2].episode_id
    which = {"season_id": season.item_id, "episode_id": third}
    await catalogue.run(move_episode, to_number=1, **which)
    assert await numbered(catalogue, season) == [(1, "Part 3"), (2, "Part 1"), (3, "Part 2")]
    await catalogue.run(move_episode, to_number=1, **which)
    assert await version(catalogue, season) == 5  # it stood there already
    await catalogue.run(move_episode, to_number=99, **which)
    await catalogue.run(update_episode, draft=episode_draft(title="Last"), **which)
    await catalogue.run(update_episode, draft=episode_draft(title="Last"), **which)
    assert (await version(catalogue, season), (await numbered(catalogue, season))[2]) == (7, (3, "Last"))
    first = (await catalogue.ask(list_episodes, season_id=season.item_id))[0].episode_id
    await catalogue.run(remove_episode, season_id=season.item_id, episode_id=first)
    assert await numbered(catalogue, season) == [(1, "Part 2"), (2, "Last")]
    assert (await catalogue.audit_actions(season.item_id))[-4:] == [
        "season.episode_moved", "season.episode_moved", "season.episode_changed", "season.episode_removed",
    ]  # fmt: skip
    with pytest.raises(NotFound):
        await catalogue.run(remove_episode, season_id=season.item_id, episode_id=first)


async def test_two_episodes_never_share_a_number(catalogue: Catalogue) -> None:
    await catalogue.season(2)
    with pytest.raises(ExclusionViolationError):
        async with catalogue.database.transaction(catalogue.operator_id) as tx:
            await tx.execute("UPDATE episodes SET number = 1")


async def test_episodes_of_the_neighbours_season_are_out_of_reach(
    catalogue: Catalogue, neighbour: Catalogue
) -> None:
    theirs = await neighbour.season(1)
    episode = (await neighbour.ask(list_episodes, season_id=theirs.item_id))[0]
    which = {"season_id": theirs.item_id, "episode_id": episode.episode_id}
    assert await catalogue.ask(list_episodes, season_id=theirs.item_id) == []
    for operation, more in (
        (add_episode, {"season_id": theirs.item_id, "draft": episode_draft()}),
        (update_episode, {"draft": episode_draft(title="Mine"), **which}),
        (move_episode, {"to_number": 1, **which}),
        (remove_episode, which),
    ):
        with pytest.raises(NotFound):
            await catalogue.run(operation, **more)
    assert await neighbour.ask(list_episodes, season_id=theirs.item_id) == [episode]


async def test_the_other_way_of_a_season_has_the_same_episodes(catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    season = await catalogue.season(2, poster_key="media/x/posters/y")
    twin = await catalogue.run(
        duplicate_item, item_id=season.item_id, draft=season_draft(**by_ppv(rule.rule_id))
    )
    assert twin.draft.poster_key == "media/x/posters/y"
    mine, theirs = [await catalogue.ask(list_episodes, season_id=each.item_id) for each in (season, twin)]
    assert [each.draft for each in mine] == [each.draft for each in theirs]
    assert {each.episode_id for each in mine} & {each.episode_id for each in theirs} == set()
    with pytest.raises(Invalid) as caught:
        await catalogue.run(duplicate_item, item_id=season.item_id, draft=season_draft())
    assert list(caught.value.fields) == ["payment_method"]


async def test_the_second_of_two_editors_is_told(catalogue: Catalogue) -> None:
    event = await catalogue.event()
    await catalogue.run(update_item, item_id=event.item_id, version=1, draft=event_draft(title="First"))
    with pytest.raises(Conflict):
        await catalogue.run(update_item, item_id=event.item_id, version=1, draft=event_draft(title="Second"))
    assert await titles(catalogue, EVENT) == ["First"]


async def test_lists_show_one_kind_and_know_what_is_over(catalogue: Catalogue) -> None:
    ended = {"starts_at": NOW - timedelta(hours=3), "ends_at": NOW}
    await catalogue.event("Over", **ended)
    await catalogue.event("Coming")
    await catalogue.season(2, year=1999)
    await catalogue.movie("Film")
    assert await titles(catalogue, EVENT) == ["Coming", "Over"]
    assert await titles(catalogue, EVENT, filters={"state": "ended"}) == ["Over"]
    assert await titles(catalogue, EVENT, filters={"state": "on_offer"}) == ["Coming"]
    assert await titles(catalogue, EVENT, sort="starts") == ["Over", "Coming"]
    assert await titles(catalogue, SEASON, search="tidewater 1999") == ["Tidewater, season 2"]
    page = await catalogue.ask(list_items, kind=SEASON, query=ListQuery(), now=NOW)
    assert [row.episode_count for row in page.rows] == [2]
    assert (await catalogue.ask(list_items, kind=ItemKind.MOVIE, query=ListQuery(), now=NOW)).total == 1


async def test_one_transaction_may_make_several_items(catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    async with catalogue.database.transaction(catalogue.operator_id) as tx:
        now = await tx.now()
        who: dict[str, Any] = {"operator_id": catalogue.operator_id, "actor": CATALOGUER, "now": now}
        await create_item(tx, draft=event_draft(**by_ppv(rule.rule_id)), **who)
        season = await create_item(tx, draft=season_draft(**by_ppv(rule.rule_id)), **who)
        for _ in range(2):
            episode = await add_episode(tx, season_id=season.item_id, draft=episode_draft(), **who)
        which: dict[str, Any] = {"season_id": season.item_id, "episode_id": episode.episode_id}
        await move_episode(tx, to_number=1, **which, **who)
    assert len(await numbered(catalogue, season)) == 2


async def test_an_unknown_season_has_no_episodes(catalogue: Catalogue) -> None:
    with pytest.raises(NotFound):
        await catalogue.run(add_episode, season_id=UUID(int=1), draft=episode_draft())
