"""Renting and playing a live event and a season, over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient, Response
from tests.factories.api import signed_in
from tests.factories.catalogue import CATALOGUER, by_ppv, event_draft
from tests.factories.kinds import add_event, add_season, provisions_for
from tests.factories.sale import Person
from tests.factories.shop import Shop, open_shop

from matinee.catalog.operations import update_item
from matinee.kernel.ids import new_id
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo

HOUR = timedelta(hours=1)
ALL = ("movie", "live_event", "season")


@pytest.fixture
async def shop(module_database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(module_database_urls, capabilities=frozenset()) as opened:
        await provisions_for(opened, *ALL)
        yield opened


@pytest.fixture
async def ann(shop: Shop) -> Person:
    return await shop.person()


async def rent(client: AsyncClient, kind: str, item_id: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the invoice and the purchase."""
    quoted = await client.post("/api/quotes", json={"item_kind": kind, "item_id": str(item_id)})
    assert quoted.status_code == 201, quoted.text
    invoice = quoted.json()
    bought = await client.post(
        "/api/purchases",
        json={"quote": invoice["quote"]},
        headers={"idempotency-key": invoice["purchase_id"]},
    )
    assert bought.status_code == 201, bought.text
    return invoice, bought.json()


async def play(client: AsyncClient, kind: str, item_id: UUID, episode_id: UUID | None = None) -> Response:
    asked = {"item_kind": kind, "item_id": str(item_id)}
    return await client.post(
        "/api/playback-sessions", json=asked | ({"episode_id": str(episode_id)} if episode_id else {})
    )


async def key(client: AsyncClient, started: dict[str, Any], film: tuple[UUID, UUID]) -> Response:
    return await client.get(
        f"/api/keys/{film[0]}/{film[1]}", headers={"authorization": f"Bearer {started['token']}"}
    )


async def test_a_rental_of_a_live_event_ends_with_it(shop: Shop, ann: Person) -> None:
    on_air = await add_event(shop, starts_in=HOUR, lasts=3 * HOUR)
    event, film = on_air.event, (on_air.asset_id, on_air.key_id)
    ends = event.draft.ends_at
    async with signed_in(shop, ann) as client:
        invoice, bought = await rent(client, "live_event", event.item_id)
        stamp = ends.isoformat().replace("+00:00", "Z")
        # The rule says 48 hours; the event is over in four.
        assert (invoice["startable_until"], invoice["ends_at"], invoice["item_kind"]) == (
            stamp,
            stamp,
            "live_event",
        )
        assert (bought["startable_until"], bought["item"]["kind"]) == (stamp, "live_event")
        early = await play(client, "live_event", event.item_id)
        assert (early.status_code, early.json()["code"]) == (403, "not_started")
        assert "This starts on" in early.json()["detail"]
        shop.clock.advance(2 * HOUR)
        started = (await play(client, "live_event", event.item_id)).json()
        assert (started["play_until"], (await key(client, started, film)).status_code) == (stamp, 200)
        shop.clock.advance(2 * HOUR - timedelta(seconds=61))
        started = (await play(client, "live_event", event.item_id)).json()
        assert (await key(client, started, film)).status_code == 200
        shop.clock.advance(timedelta(seconds=61))
        refused = await key(client, started, film)
        assert (refused.status_code, refused.json()["code"]) == (403, "session_ended")
        over = await play(client, "live_event", event.item_id)
        assert (over.status_code, over.json()["detail"]) == (403, "This live event is over.")
        right = (await client.get(f"/api/items/live_event/{event.item_id}/right")).json()
        assert (right["state"], right["for_sale"]) == ("ended", False)
        assert right["not_for_sale_reason"] == "This live event is over."
        fast = (await client.get(f"/api/entitlements/live_event/{event.item_id}")).json()
        assert fast == {"allowed": False, "reason": "right_ended"}
        (rental,) = (await client.get("/api/rentals")).json()["rentals"]
        assert rental["right"]["state"] == "ended"
    assert await shop.broken() == []


async def test_a_key_is_refused_at_the_very_end_of_a_running_event(shop: Shop, ann: Person) -> None:
    on_air = await add_event(shop, starts_in=-HOUR, lasts=HOUR + timedelta(seconds=40))
    async with signed_in(shop, ann) as client:
        await rent(client, "live_event", on_air.event.item_id)
        started = (await play(client, "live_event", on_air.event.item_id)).json()
        film = (on_air.asset_id, on_air.key_id)
        assert (await key(client, started, film)).status_code == 200
        shop.clock.advance(timedelta(seconds=40))  # the session itself is good for a minute
        refused = await key(client, started, film)
        assert (refused.status_code, refused.json()["code"]) == (403, "right_ended")


async def test_an_event_that_runs_late_plays_on(shop: Shop, ann: Person) -> None:
    on_air = await add_event(shop, starts_in=-HOUR, lasts=2 * HOUR)
    event = on_air.event
    async with signed_in(shop, ann) as client:
        await rent(client, "live_event", event.item_id)
        started = (await play(client, "live_event", event.item_id)).json()
        await key(client, started, (on_air.asset_id, on_air.key_id))
        later = event_draft(
            starts_at=event.draft.starts_at, ends_at=event.draft.ends_at + HOUR,
            stream_kind=event.draft.stream_kind, stream_url=None, asset_id=event.draft.asset_id,
            **by_ppv(shop.sale.rule_id),
        )  # fmt: skip
        async with shop.database.transaction(shop.operator_id) as tx:
            await update_item(
                tx, operator_id=shop.operator_id, item_id=event.item_id, version=1, draft=later,
                actor=CATALOGUER, now=shop.clock.moment,
            )  # fmt: skip
        shop.clock.advance(HOUR + timedelta(minutes=30))
        again = (await play(client, "live_event", event.item_id)).json()
        assert (await key(client, again, (on_air.asset_id, on_air.key_id))).status_code == 200


async def test_an_event_is_sold_until_it_ends(shop: Shop, ann: Person) -> None:
    on_air = await add_event(shop, starts_in=-HOUR, lasts=2 * HOUR)
    asked = {"item_kind": "live_event", "item_id": str(on_air.event.item_id)}
    async with signed_in(shop, ann) as client:
        invoice = (await client.post("/api/quotes", json=asked)).json()
        shop.clock.advance(HOUR)
        late = await client.post("/api/quotes", json=asked)
        assert (late.status_code, late.json()["code"]) == (403, "not_for_sale")
        assert late.json()["detail"] == "This live event is over."
        confirmed = await client.post(
            "/api/purchases", json={"quote": invoice["quote"]},
            headers={"idempotency-key": invoice["purchase_id"]},
        )  # fmt: skip
        assert (confirmed.status_code, confirmed.json()["code"]) == (403, "not_for_sale")
    assert shop.billing.requests == []


async def test_one_purchase_of_a_season_plays_every_episode(shop: Shop, ann: Person) -> None:
    box = await add_season(shop, episodes=2)
    first, second = box.episode_ids
    async with signed_in(shop, ann) as client:
        refused = await play(client, "season", box.season_id, first)
        assert refused.json()["code"] == "not_entitled"
        _, bought = await rent(client, "season", box.season_id)
        assert bought["item"] == {"kind": "season", "id": str(box.season_id), "title": "Tidewater, season 2"}
        for episode_id, mine, other in ((second, 1, 0), (first, 0, 1)):
            started = (await play(client, "season", box.season_id, episode_id)).json()
            assert started["stream"]["url"] == f"/media/{box.films[mine][0]}/main.m3u8"
            assert (await key(client, started, box.films[mine])).status_code == 200
            assert (await key(client, started, box.films[other])).status_code == 404


async def test_a_position_is_remembered_by_episode(shop: Shop, ann: Person) -> None:
    box = await add_season(shop, episodes=2)
    first, second = box.episode_ids
    async with signed_in(shop, ann) as client:
        await rent(client, "season", box.season_id)
        started = (await play(client, "season", box.season_id, first)).json()
        beat = await client.post(
            f"/api/playback-sessions/{started['session_id']}/heartbeat", json={"position_seconds": 90},
            headers={"authorization": f"Bearer {started['token']}"},
        )  # fmt: skip
        assert beat.status_code == 200
        assert (await play(client, "season", box.season_id, second)).json()["resume_at_seconds"] == 0
        assert (await play(client, "season", box.season_id, first)).json()["resume_at_seconds"] == 90


async def test_the_episode_must_be_named_and_be_of_that_season(shop: Shop, ann: Person) -> None:
    box, other = await add_season(shop, episodes=1), await add_season(shop, episodes=1)
    async with signed_in(shop, ann) as client:
        await rent(client, "season", box.season_id)
        for kind, item_id, episode_id, status in (
            ("season", box.season_id, None, 422),
            ("movie", shop.sale.movie_id, box.episode_ids[0], 422),
            ("season", box.season_id, other.episode_ids[0], 404),
            ("season", box.season_id, new_id(), 404),
            ("live_event", box.season_id, None, 404),
            ("season", other.season_id, other.episode_ids[0], 403),
        ):
            assert (await play(client, kind, item_id, episode_id)).status_code == status, (kind, status)


async def test_nothing_is_sold_of_a_kind_without_a_provision(shop: Shop, ann: Person) -> None:
    box = await add_season(shop, episodes=1)
    await provisions_for(shop, "movie", "live_event")
    async with signed_in(shop, ann) as client:
        right = (await client.get(f"/api/items/season/{box.season_id}/right")).json()
        assert (right["for_sale"], right["not_for_sale_reason"]) == (
            False, "Renting this is not set up for your subscription yet.",
        )  # fmt: skip
        wrong = await client.post("/api/quotes", json={"item_kind": "movie", "item_id": str(box.season_id)})
        assert wrong.status_code == 403  # not in the catalogue as that


async def test_a_neighbour_finds_neither(
    shop: Shop, ann: Person, module_database_urls: EmbeddedPostgresInfo
) -> None:
    box = await add_season(shop, episodes=1)
    on_air = await add_event(shop, starts_in=-HOUR, lasts=2 * HOUR)
    async with (
        open_shop(module_database_urls, capabilities=frozenset()) as theirs,
        signed_in(theirs, await theirs.person()) as client,
    ):
        for kind, item_id in (("season", box.season_id), ("live_event", on_air.event.item_id)):
            asked = {"item_kind": kind, "item_id": str(item_id)}
            assert (await client.post("/api/quotes", json=asked)).status_code in (403, 404)
            assert (await client.get(f"/api/entitlements/{kind}/{item_id}")).json()["allowed"] is False
        assert (await play(client, "season", box.season_id, box.episode_ids[0])).status_code == 404
