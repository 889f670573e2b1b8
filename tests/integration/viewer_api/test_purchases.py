"""Renting over HTTP: invoice, confirmation, result, and what is mine alone."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from httpx import AsyncClient, Response
from tests.factories.api import signed_in
from tests.factories.sale import CREDITS, PRICE, billing_config
from tests.factories.shop import Shop, open_shop

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import Capability
from matinee.purchases.operations.gate import Breaker, Pass, admit

A = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})
REPEATS = frozenset({Capability.IDEMPOTENT})


async def invoice(client: AsyncClient, shop: Shop) -> dict[str, Any]:
    answer = await client.post("/api/quotes", json={"item_kind": "movie", "item_id": str(shop.sale.movie_id)})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def confirm(client: AsyncClient, document: dict[str, Any], *, key: str | None = None) -> Response:
    return await client.post(
        "/api/purchases",
        json={"quote": document["quote"]},
        headers={"Idempotency-Key": key or document["purchase_id"]},
    )


def code(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_renting_from_invoice_to_right(database_urls: EmbeddedPostgresInfo) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        path = f"/api/items/movie/{shop.sale.movie_id}/right"
        before = (await client.get(path)).json()
        assert (before["state"], before["for_sale"]) == ("none", True)
        document = await invoice(client, shop)
        assert (document["amount_minor"], document["currency"], document["tax_minor"]) == (PRICE, "EUR", 87)
        assert document["payment"]["type"] == "api"
        answer = await confirm(client, document)
        assert (answer.status_code, answer.json()["state"]) == (201, "granted")
        after = (await client.get(path)).json()
        assert (after["state"], after["purchase_id"]) == ("playable", document["purchase_id"])
        rentals = (await client.get("/api/rentals")).json()["rentals"]
        assert [(r["purchase"]["state"], r["right"]["state"]) for r in rentals] == [("granted", "playable")]
        again = await confirm(client, document)
        assert again.json() == answer.json()
        assert len(shop.billing.requests) == 1


async def test_an_unclear_answer_is_202_and_settles_when_somebody_looks(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        shop.billing.choose = lambda call: Fault.ANSWER_LOST if call == "charge" else Fault.OK
        answer = await confirm(client, await invoice(client, shop))
        assert (answer.status_code, answer.json()["state"]) == (202, "confirming")
        assert answer.json()["never_charged_twice"] is True
        shop.clock.advance(timedelta(seconds=1))
        seen = (await client.get(f"/api/items/movie/{shop.sale.movie_id}/right")).json()
        assert seen["state"] == "playable"


async def test_who_waits_for_a_place_at_billing_reads_that_it_is_being_confirmed(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    config = msgspec.structs.replace(billing_config(), most_at_once=1)
    async with (
        open_shop(database_urls, capabilities=A, config=config) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        async with shop.database.transaction(shop.operator_id) as tx:
            held = await admit(
                tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id, breaker=Breaker(),
                most_at_once=1, until=shop.clock.moment + timedelta(seconds=5), now=shop.clock.moment, behind=None,
            )  # fmt: skip
        assert isinstance(held, Pass)
        answer = await confirm(client, await invoice(client, shop))
        purchase = answer.json()
        assert (answer.status_code, purchase["state"], purchase["can_give_up"]) == (202, "confirming", False)
        assert purchase["message"] == "We are confirming your purchase. You need not do anything."
        right = (await client.get(f"/api/items/movie/{shop.sale.movie_id}/right")).json()
        assert (right["state"], right["for_sale"]) == ("confirming", False)
        await shop.pass_time(timedelta(seconds=10), step=timedelta(seconds=1))
        settled = (await client.get(f"/api/purchases/{purchase['purchase_id']}")).json()
        assert (settled["state"], len(shop.billing.requests)) == ("granted", 1)


async def test_while_billing_is_left_alone_buying_fails_at_once_and_may_be_tried_again(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        shop.billing.choose = lambda call: Fault.NOTHING_SENT
        for _ in range(5):
            await shop.buy(await shop.person())
        shop.billing.choose = lambda call: Fault.OK
        answer = await confirm(client, await invoice(client, shop))
        refused = answer.json()
        assert (answer.status_code, refused["state"]) == (201, "not_charged")
        assert refused["message"].endswith("Nothing was charged, and you can try again.")
        right = (await client.get(f"/api/items/movie/{shop.sale.movie_id}/right")).json()
        assert (right["state"], right["for_sale"]) == ("none", True)
        shop.clock.advance(timedelta(seconds=15))
        again = await confirm(client, await invoice(client, shop))
        assert again.json()["state"] == "granted"


async def test_giving_up_stops_the_repeats(database_urls: EmbeddedPostgresInfo) -> None:
    async with (
        open_shop(database_urls, capabilities=REPEATS) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        shop.billing.choose = lambda call: Fault.REQUEST_LOST
        purchase = (await confirm(client, await invoice(client, shop))).json()
        assert (purchase["state"], purchase["can_give_up"]) == ("confirming", True)
        path = f"/api/purchases/{purchase['purchase_id']}"
        given_up = await client.post(f"{path}/give-up", json={})
        assert given_up.json()["can_give_up"] is False
        sent = len(shop.billing.requests)
        await shop.pass_time(timedelta(minutes=15))
        assert len(shop.billing.requests) == sent


async def test_a_decline_says_that_nothing_was_charged(database_urls: EmbeddedPostgresInfo) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        shop.billing.choose = lambda call: Fault.DECLINED
        purchase = (await confirm(client, await invoice(client, shop))).json()
        assert purchase["state"] == "declined"
        assert "Nothing was charged" in purchase["message"]


async def test_a_stale_invoice_brings_the_new_one(database_urls: EmbeddedPostgresInfo) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        document = await invoice(client, shop)
        shop.clock.advance(timedelta(minutes=11))
        stale = await confirm(client, document)
        assert code(stale) == (409, "quote_stale")
        renewed = await confirm(client, stale.json()["quote"])
        assert renewed.json()["state"] == "granted"


async def test_the_wallet_is_shown_before_and_after(database_urls: EmbeddedPostgresInfo) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person(wallet=CREDITS + 2)) as client,
    ):
        document = await invoice(client, shop)
        payment = document["payment"]
        assert (payment["balance_before_minor"], payment["balance_after_minor"]) == (CREDITS + 2, 2)
        assert (await confirm(client, document)).json()["state"] == "granted"


async def test_refused_words_and_codes(database_urls: EmbeddedPostgresInfo) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        document = await invoice(client, shop)
        other_key = await confirm(client, document, key=str(uuid4()))
        assert code(other_key) == (403, "quote_invalid")
        forged = await confirm(client, document | {"quote": document["quote"][:-2] + "xx"})
        assert code(forged) == (403, "quote_invalid")
        unknown = await client.post(
            "/api/quotes", json={"item_kind": "movie", "item_id": str(uuid4()), "price": 1}
        )
        assert code(unknown) == (422, "invalid")
        nowhere = await client.post("/api/quotes", json={"item_kind": "movie", "item_id": str(uuid4())})
        assert code(nowhere) == (403, "not_for_sale")
        await confirm(client, document)
        held = await client.post(
            "/api/quotes", json={"item_kind": "movie", "item_id": str(shop.sale.movie_id)}
        )
        assert code(held) == (409, "already_held")
        assert held.json()["purchase_id"] == document["purchase_id"]


async def test_what_is_not_mine_does_not_exist(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann, ben = await shop.person(), await shop.person()
        async with signed_in(shop, ann) as hers, signed_in(shop, ben) as his:
            document = await invoice(hers, shop)
            await confirm(hers, document)
            path = f"/api/purchases/{document['purchase_id']}"
            assert (await hers.get(path)).status_code == 200
            assert code(await his.get(path)) == (404, "not_found")
            assert code(await his.post(f"{path}/give-up", json={})) == (404, "not_found")
            assert code(await confirm(his, document)) == (403, "quote_invalid")
            right = (await his.get(f"/api/items/movie/{shop.sale.movie_id}/right")).json()
            assert right["state"] == "none"
            assert (await his.get("/api/rentals")).json() == {"rentals": [], "grants": []}


async def test_a_rental_is_cancelled_while_it_is_unplayed(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A, films=2, self_cancel_hours=24) as shop:
        ann, ben = await shop.person(), await shop.person()
        async with signed_in(shop, ann) as hers, signed_in(shop, ben) as his:
            bought = (await confirm(hers, document := await invoice(hers, shop))).json()
            path = f"/api/purchases/{document['purchase_id']}"
            assert bought["cancel_until"] == (await hers.get(path)).json()["cancel_until"] is not None
            assert code(await his.post(f"{path}/cancel", json={})) == (404, "not_found")
            for _ in range(2):
                cancelled = await hers.post(f"{path}/cancel", json={})
                assert (cancelled.status_code, cancelled.json()["state"]) == (200, "refunding")
                assert cancelled.json()["cancel_until"] is None
            right = (await hers.get(f"/api/items/movie/{shop.sale.movie_id}/right")).json()
            assert (right["state"], right["for_sale"]) == ("ended", True)
            await shop.pass_time(timedelta(minutes=2))
            assert (await hers.get(path)).json()["state"] == "refunded"

            second = await invoice(hers, shop)
            await confirm(hers, second)
            item = {"item_kind": "movie", "item_id": str(shop.sale.movie_id)}
            assert (await hers.post("/api/playback-sessions", json=item)).status_code == 201
            path = f"/api/purchases/{second['purchase_id']}"
            assert (await hers.get(path)).json()["cancel_until"] is None
            assert code(await hers.post(f"{path}/cancel", json={})) == (403, "cannot_cancel")
        assert await shop.broken() == []


async def test_playing_an_external_stream_starts_the_clock_and_heartbeats_renew_it(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with (
        open_shop(database_urls, capabilities=A, finish_window_hours=24) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        item = {"item_kind": "movie", "item_id": str(shop.sale.movie_id)}
        refused = await client.post("/api/playback-sessions", json=item)
        assert code(refused) == (403, "not_entitled")
        await confirm(client, await invoice(client, shop))
        path = f"/api/items/movie/{shop.sale.movie_id}/right"
        assert (await client.get(path)).json()["starts_finish_clock"] is True
        started = (await client.post("/api/playback-sessions", json=item)).json()
        assert started["stream"] == {"kind": "url", "url": "https://cdn.example/film.m3u8"}
        assert (await client.get(path)).json()["starts_finish_clock"] is False
        beat = f"/api/playback-sessions/{started['session_id']}/heartbeat"
        shop.clock.advance(timedelta(seconds=30))
        headers = {"authorization": f"Bearer {started['token']}"}
        renewed = await client.post(beat, json={"position_seconds": 30}, headers=headers)
        assert renewed.status_code == 200
        shop.clock.advance(timedelta(seconds=61))
        late = await client.post(beat, json={"position_seconds": 90}, headers=headers)
        assert code(late) == (403, "session_ended")
        resumed = (await client.post("/api/playback-sessions", json=item)).json()
        assert resumed["resume_at_seconds"] == 30
        shop.clock.advance(timedelta(hours=24))
        over = await client.post("/api/playback-sessions", json=item)
        assert code(over) == (403, "right_ended")


async def test_a_playback_token_opens_nothing_else(database_urls: EmbeddedPostgresInfo) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        await confirm(client, await invoice(client, shop))
        item = {"item_kind": "movie", "item_id": str(shop.sale.movie_id)}
        started = (await client.post("/api/playback-sessions", json=item)).json()
        headers = {"authorization": f"Bearer {started['token']}"}
        other = f"/api/playback-sessions/{UUID(int=1)}/heartbeat"
        assert code(await client.post(other, json={"position_seconds": 1}, headers=headers)) == (
            404,
            "not_found",
        )
        key = f"/api/keys/{uuid4()}/{uuid4()}"
        assert code(await client.get(key, headers=headers)) == (404, "not_found")
        assert code(await client.get(key)) == (401, "token_invalid")
        forged = {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}
        assert code(await client.get(key, headers=forged)) == (401, "token_invalid")


async def test_a_kind_of_item_that_there_is_not(database_urls: EmbeddedPostgresInfo) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        signed_in(shop, await shop.person()) as client,
    ):
        for kind in ("%00", "%ff", "film", "mo%00vie"):
            answer = await client.get(f"/api/items/{kind}/{shop.sale.movie_id}/right")
            assert code(answer) == (404, "not_found")
