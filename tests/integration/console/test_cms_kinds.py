"""CMS > Live events and CMS > Seasons, page by page."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.factories.catalogue import Catalogue, by_ppv, episode_draft, season_draft
from tests.integration.console.conftest import Browser
from tests.integration.console.counting import counted_statements
from tests.integration.console.pages import cells, error_at, link, plain
from tests.integration.console.test_cms_movies import png

from matinee.catalog.operations import add_episode, update_item
from matinee.catalog.queries import list_episodes, list_items
from matinee.catalog.types import Episode, ItemKind, ItemRow
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery

EVENTS, SEASONS = "/console/cms/live-events", "/console/cms/seasons"
URL = "https://cdn.example.com/final/index.m3u8"


def _terms(rule_id: object) -> dict[str, Any]:
    return {
        "description": "", "poster_key": "", "payment_method": "ppv", "rule_id": str(rule_id),
        "prices-0-currency": "EUR", "prices-0-amount": "14.99", "licence_ends_at": "", "version": "",
    }  # fmt: skip


def event(rule_id: object, /, **changes: Any) -> dict[str, Any]:
    own = {
        "title": "The Final", "starts_at": "2027-06-01T20:00", "ends_at": "2027-06-01T23:00", "stream_kind": "url",
        "stream_url": URL, "asset_id": "",
    }  # fmt: skip
    return _terms(rule_id) | own | changes


def season(rule_id: object, /, **changes: Any) -> dict[str, Any]:
    own = {"series_title": "Tidewater", "season_number": "2", "own_title": "", "year": "2026"}
    return _terms(rule_id) | own | changes


def episode(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Low water", "runtime_minutes": "44", "stream_kind": "url", "stream_url": URL, "asset_id": "",
    } | changes  # fmt: skip


async def kept(catalogue: Catalogue, kind: ItemKind) -> list[ItemRow]:
    async with catalogue.database.transaction(catalogue.operator_id) as tx:
        page = await list_items(
            tx, operator_id=catalogue.operator_id, kind=kind, query=ListQuery(), now=await tx.now()
        )
    return list(page.rows)


async def test_a_live_event_is_added_by_the_operators_clocks(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    page = await browser.get(f"{EVENTS}/new")
    assert "Rentals end with the event" in page.text
    done = await browser.post(
        f"{EVENTS}/new", event(rule.rule_id), files={"poster": ("p.png", png(), "image/png")}
    )
    assert done.status_code == 303
    (row,) = await kept(catalogue, ItemKind.LIVE_EVENT)
    assert (row.starts_at, row.ends_at) == (
        datetime(2027, 6, 1, 18, tzinfo=UTC), datetime(2027, 6, 1, 21, tzinfo=UTC),
    )  # fmt: skip
    assert (row.prices, row.poster_key is not None) == ((Money(1499, "EUR"),), True)
    again = await browser.get(done.headers["location"])
    assert 'value="2027-06-01T20:00"' in again.text
    assert "Start within 48 hours of buying. The rental ends with the event." in plain(again.text)
    listed = await browser.get(EVENTS)
    assert cells(listed)[1:5] == ["The Final", "Pay per view 48 hours", "€14.99", "On offer"]
    assert link(listed, "The Final") == done.headers["location"]


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"starts_at": ""}, "starts_at", "Say when the live event starts."),
        ({"ends_at": ""}, "ends_at", "rentals end with it"),
        ({"ends_at": "2027-06-01T20:00"}, "ends_at", "ends after it has started"),
        ({"ends_at": "2028-06-01T20:00"}, "ends_at", "at most 100 hours"),
        ({"starts_at": "soon"}, "starts_at", "Choose a date"),
        ({"rule_id": ""}, "rule_id", "Choose the PPV rule"),
        ({"prices-0-amount": ""}, "prices", "Give at least one price"),
        ({"stream_url": ""}, "stream_url", "Write the address"),
    ],
)
async def test_a_live_event_that_cannot_be_is_refused_beside_its_field(
    browser: Browser, catalogue: Catalogue, changes: dict[str, str], field: str, text: str
) -> None:
    rule = await catalogue.rule()
    await browser.get(f"{EVENTS}/new")
    wrong = await browser.post(f"{EVENTS}/new", event(rule.rule_id, **changes))
    assert (wrong.status_code, text in error_at(wrong, field)) == (422, True)
    assert 'value="The Final"' in wrong.text
    assert await kept(catalogue, ItemKind.LIVE_EVENT) == []


async def test_a_season_is_added_with_its_episodes(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    await browser.get(f"{SEASONS}/new")
    wrong = await browser.post(f"{SEASONS}/new", season(rule.rule_id, season_number="two", series_title=""))
    assert wrong.status_code == 422
    assert "whole number" in error_at(wrong, "season_number")
    assert "title of the series" in error_at(wrong, "series_title")
    done = await browser.post(f"{SEASONS}/new", season(rule.rule_id))
    address = done.headers["location"]
    assert "Added “Tidewater, season 2”. Add its episodes now." in (await browser.get(address)).text
    assert cells(await browser.get(SEASONS))[4] == "No episodes yet"
    await browser.get(f"{address}/episodes/new")
    bad = await browser.post(f"{address}/episodes/new", episode(title="", runtime_minutes=""))
    assert (bad.status_code, "Say how long" in error_at(bad, "runtime_minutes")) == (422, True)
    for title in ("Low water", "High water"):
        assert (await browser.post(f"{address}/episodes/new", episode(title=title))).status_code == 303
    page = await browser.get(address)
    assert page.text.index("Low water") < page.text.index("High water")
    assert cells(await browser.get(SEASONS))[1:5:3] == ["Tidewater, season 2 2026 · 2 episodes", "On offer"]


async def _episodes(catalogue: Catalogue, season_id: object) -> list[Episode]:
    found: list[Episode] = await catalogue.ask(list_episodes, season_id=season_id)
    return found


async def test_episodes_are_moved_edited_and_removed(browser: Browser, catalogue: Catalogue) -> None:
    made = await catalogue.season(2)
    address = f"{SEASONS}/{made.item_id}"
    first, second = await _episodes(catalogue, made.item_id)
    await browser.get(address)
    assert (
        await browser.post(f"{address}/episodes/{second.episode_id}/move", {"to": "1"})
    ).status_code == 303
    assert [each.draft.title for each in await _episodes(catalogue, made.item_id)] == ["Part 2", "Part 1"]
    await browser.get(f"{address}/episodes/{second.episode_id}")
    assert (
        await browser.post(f"{address}/episodes/{second.episode_id}", episode(title="New"))
    ).status_code == 303
    assert (await browser.post(f"{address}/episodes/{first.episode_id}/remove")).status_code == 303
    assert [(each.number, each.draft.title) for each in await _episodes(catalogue, made.item_id)] == [
        (1, "New")
    ]
    assert "Removed “Part 1”" in (await browser.get(address)).text


async def test_selling_a_season_the_other_way_takes_its_episodes_along(
    browser: Browser, catalogue: Catalogue
) -> None:
    rule = await catalogue.rule()
    made = await catalogue.season(2)
    address = link(await browser.get(f"{SEASONS}/{made.item_id}"), "Sell it the other way too")
    assert 'value="Tidewater"' in (await browser.get(address)).text
    twin = (await browser.post(address, season(rule.rule_id))).headers["location"]
    assert len(await _episodes(catalogue, twin.rsplit("/", 1)[1])) == 2


async def test_a_season_saved_elsewhere_shows_both_values(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    made = await catalogue.season(**by_ppv(rule.rule_id))
    address = f"{SEASONS}/{made.item_id}"
    await browser.get(address)
    await catalogue.run(
        update_item,
        item_id=made.item_id,
        version=1,
        draft=season_draft(own_title="Ebb", **by_ppv(rule.rule_id)),
    )
    clash = await browser.post(address, season(rule.rule_id, version="1", own_title="Flood"))
    assert (clash.status_code, "Saved meanwhile: <strong>Ebb</strong>" in clash.text) == (409, True)
    assert 'value="Flood"' in clash.text


async def test_taking_out_of_sale_is_the_same_for_every_kind(browser: Browser, catalogue: Catalogue) -> None:
    for path, found in ((EVENTS, await catalogue.event()), (SEASONS, await catalogue.season(1))):
        address = f"{path}/{found.item_id}"
        await browser.get(address)
        await browser.post(f"{address}/withdraw", {"reason": "Rights dispute"})
        assert "Withdrawn" in cells(await browser.get(path))[4]
        await browser.post(f"{address}/put-back")
        await browser.post(f"{address}/archive")
        assert " yet" in (await browser.get(path)).text
        await browser.post(f"{address}/unarchive")
        assert cells(await browser.get(path))[4] == "On offer"


async def test_no_page_shows_what_is_of_another_kind_or_operator(
    browser: Browser, catalogue: Catalogue, neighbour: Catalogue
) -> None:
    theirs, mine = await neighbour.season(1), await catalogue.season(1)
    (their_episode,) = await _episodes(neighbour, theirs.item_id)
    await browser.get(SEASONS)
    for address in (
        f"{SEASONS}/{theirs.item_id}", f"{EVENTS}/{mine.item_id}", f"/console/cms/movies/{mine.item_id}",
        f"{SEASONS}/{theirs.item_id}/episodes/{their_episode.episode_id}", f"{SEASONS}/{theirs.item_id}/episodes/new",
        f"{SEASONS}/{mine.item_id}/episodes/{their_episode.episode_id}",
    ):  # fmt: skip
        assert (await browser.get(address)).status_code == 404, address
    for address, sent in (
        (f"{SEASONS}/{theirs.item_id}/episodes/new", episode()),
        (f"{SEASONS}/{mine.item_id}/episodes/{their_episode.episode_id}", episode()),
        (f"{SEASONS}/{theirs.item_id}/episodes/{their_episode.episode_id}/remove", {}),
        (f"{SEASONS}/{theirs.item_id}/episodes/{their_episode.episode_id}/move", {"to": "1"}),
        (f"{SEASONS}/{theirs.item_id}/archive", {}),
    ):
        assert (await browser.post(address, sent)).status_code == 404, address
    assert await _episodes(neighbour, theirs.item_id) == [their_episode]


async def test_a_page_asks_the_same_however_many_episodes(browser: Browser, catalogue: Catalogue) -> None:
    made = await catalogue.season(1)
    await browser.get(f"{SEASONS}/{made.item_id}")
    with counted_statements() as few:
        await browser.get(f"{SEASONS}/{made.item_id}")
    for _ in range(8):
        await catalogue.run(add_episode, season_id=made.item_id, draft=episode_draft())
    with counted_statements() as many:
        await browser.get(f"{SEASONS}/{made.item_id}")
    assert len(many) == len(few)
