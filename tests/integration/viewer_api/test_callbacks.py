"""Billing calls back: signed, once, and believed in nothing but that it is worth asking."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from httpx import ASGITransport, AsyncClient
from tests.factories.api import viewer_app
from tests.factories.sale import billing_config
from tests.factories.shop import SECRET_KEY, Shop, open_shop

from matinee.kernel.ids import new_id
from matinee.kernel.webhook_signatures import signature
from matinee.platform.audit import Actor
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.rounds import sweep
from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.operations.secrets import set_secret
from matinee.provisions.types import Capabilities, Capability, KeyMapping, PlatformValue
from matinee.purchases import queries
from matinee.purchases.operations.receipts import forget_receipts
from matinee.purchases.types import Attempt, Purchase, PurchaseState, ReversalState

A = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})
B = frozenset({Capability.STATUS, Capability.REFUND})
SECRET = "whsec_c2VjcmV0LW9mLW91ci1vd24tYmlsbGluZw=="
CONFIG = msgspec.structs.replace(billing_config(), callback_secret="callbacks")
ACTOR = Actor("staff", UUID(int=7), "Ada Bell")
SECOND = timedelta(seconds=1)
ACCEPTED = (202, {"status": "accepted"})
S = PurchaseState


class Billing(msgspec.Struct, frozen=True):
    """A billing system that sends callbacks; each way of spoiling one is an argument."""

    shop: Shop
    client: AsyncClient
    secret: str = SECRET

    async def tell(
        self,
        body: bytes | dict[str, Any],
        *,
        message_id: str = "",
        age: timedelta = timedelta(0),
        provision_id: UUID | None = None,
        change: dict[str, str | None] | None = None,
        sent: bytes | None = None,
    ) -> httpx.Response:
        """Sign and send. `change` replaces headers after signing, `sent` the body."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        message_id = message_id or f"msg_{new_id().hex}"
        timestamp = int((self.shop.clock.moment - age).timestamp())
        headers: dict[str, str | None] = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self.secret, message_id=message_id, timestamp=timestamp, body=raw),
        }
        headers |= change or {}
        return await self.client.post(
            f"/api/billing/callbacks/{provision_id or self.shop.sale.provision_id}",
            content=raw if sent is None else sent,
            headers=[(k.encode(), v.encode("latin-1")) for k, v in headers.items() if v is not None],
        )


@asynccontextmanager
async def open_billing(
    urls: EmbeddedPostgresInfo, capabilities: Capabilities = A, secret: str = SECRET
) -> AsyncIterator[Billing]:
    async with open_shop(urls, capabilities=capabilities, config=CONFIG) as shop:
        async with shop.database.transaction(shop.operator_id) as tx:
            await set_secret(
                tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id, name="callbacks",
                text=secret, box=SecretBox(SECRET_KEY), actor=ACTOR, now=shop.clock.moment,
            )  # fmt: skip
        transport = ASGITransport(viewer_app(shop))  # type: ignore[arg-type]
        async with AsyncClient(transport=transport, base_url=f"https://{shop.sale.operator.host}") as client:
            yield Billing(shop, client, secret)


async def bought(shop: Shop, first: Fault) -> Purchase:
    faults = iter([first])
    shop.billing.choose = lambda call: next(faults, Fault.OK) if call == "charge" else Fault.OK
    return await shop.buy(await shop.person())


async def questions(shop: Shop, purchase: Purchase) -> list[Attempt]:
    async with shop.database.transaction(shop.operator_id) as tx:
        attempts = await queries.attempts_of(
            tx,
            operator_id=shop.operator_id,
            customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id,
        )
    return [attempt for attempt in attempts if attempt.call == "status"]


async def receipts(shop: Shop) -> int:
    async with shop.database.transaction(shop.operator_id) as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM callback_receipts")
        return count


def answer(response: httpx.Response) -> tuple[int, Any]:
    return response.status_code, response.json()


async def test_an_unclear_purchase_is_asked_about_at_once(module_database_urls: EmbeddedPostgresInfo) -> None:
    async with open_billing(module_database_urls) as billing:
        shop = billing.shop
        purchase = await bought(shop, Fault.ANSWER_LOST)
        assert purchase.state is S.UNKNOWN
        assert answer(await billing.tell({"reference": purchase.reference})) == ACCEPTED
        assert (await shop.read(purchase)).state is S.GRANTED
        assert await shop.broken() == []


async def test_the_reference_may_stand_in_data_as_the_standard_advises(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_billing(module_database_urls) as billing:
        purchase = await bought(billing.shop, Fault.ANSWER_LOST)
        body = {"type": "charge.made", "data": {"reference": purchase.reference, "amount": "4.99"}}
        assert answer(await billing.tell(body)) == ACCEPTED
        assert (await billing.shop.read(purchase)).state is S.GRANTED


async def test_what_it_says_is_not_believed_and_the_schedule_does_not_move_on(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_billing(module_database_urls) as billing:
        purchase = await bought(billing.shop, Fault.REQUEST_LOST)
        body = {"reference": purchase.reference, "status": "charged", "transaction": "tx-1"}
        assert answer(await billing.tell(body)) == ACCEPTED
        after = await billing.shop.read(purchase)
        assert (after.state, after.next_check_at, after.check_count) == (
            S.UNKNOWN, purchase.next_check_at, purchase.check_count,
        )  # fmt: skip
        assert [one.outcome for one in await questions(billing.shop, purchase)] == ["not_found"]


@pytest.mark.parametrize(
    ("first", "ends"), [(Fault.REPEATED, S.GRANTED), (Fault.DECLINED_BUT_CHARGED, S.REVERSING)]
)
async def test_a_settled_purchase_is_counted_and_a_closed_one_looked_at(
    module_database_urls: EmbeddedPostgresInfo, first: Fault, ends: PurchaseState
) -> None:
    async with open_billing(module_database_urls, B) as billing:
        shop = billing.shop
        purchase = await bought(shop, first)
        await billing.tell({"reference": purchase.reference})
        assert (await shop.read(purchase)).state is ends
        async with shop.database.transaction(shop.operator_id) as tx:
            reversals = await queries.reversals_of(
                tx, operator_id=shop.operator_id, customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
            )  # fmt: skip
        assert [reversal.state for reversal in reversals] == [ReversalState.REVERSING]
        await shop.pass_time(timedelta(minutes=40))
        assert shop.standing(purchase) == (1 if ends is S.GRANTED else 0)
        assert await shop.broken() == []


async def test_a_count_out_of_turn_leaves_the_later_counts_in_place(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_billing(module_database_urls) as billing:
        purchase = await bought(billing.shop, Fault.OK)
        await billing.tell({"reference": purchase.reference})
        after = await billing.shop.read(purchase)
        assert (after.next_check_at, after.check_count) == (purchase.next_check_at, purchase.check_count)
        assert len(await questions(billing.shop, purchase)) == 1


async def test_without_a_status_call_a_callback_causes_nothing(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    cancels = frozenset({Capability.CANCEL, Capability.IDEMPOTENT})
    async with open_billing(module_database_urls, cancels) as billing:
        purchase = await bought(billing.shop, Fault.REQUEST_LOST)
        sent = list(billing.shop.billing.requests)
        assert answer(await billing.tell({"reference": purchase.reference})) == ACCEPTED
        assert (billing.shop.billing.requests, (await billing.shop.read(purchase)).state) == (sent, S.UNKNOWN)


# -- who may say so


FORGED: dict[str, dict[str, Any]] = {
    "no signature": {"change": {"webhook-signature": None}},
    "empty signature": {"change": {"webhook-signature": ""}},
    "another signature": {"change": {"webhook-signature": "v1,AAAA"}},
    "a signature that is no ASCII": {"change": {"webhook-signature": "v1,\xe9"}},
    "another version": {"change": {"webhook-signature": "v2,AAAA"}},
    "endless signatures": {"change": {"webhook-signature": "v1,AAAA " * 200}},
    "no id": {"change": {"webhook-id": None}},
    "another id": {"change": {"webhook-id": "msg_2"}},
    "an endless id": {"message_id": "m" * 257},
    "an id that could be cut in two": {"message_id": "msg.1"},
    "no time": {"change": {"webhook-timestamp": None}},
    "another time": {"change": {"webhook-timestamp": "1772478001"}},
    "no number for a time": {"change": {"webhook-timestamp": "soon"}},
    "an endless time": {"change": {"webhook-timestamp": "9" * 400}},
    "another body": {"sent": b'{"reference": "m-1"}'},
    "another provision": {"provision_id": UUID(int=1)},
}


@pytest.mark.parametrize("spoilt", FORGED.values(), ids=FORGED)
async def test_a_forged_callback_is_refused_and_causes_nothing(
    module_database_urls: EmbeddedPostgresInfo, spoilt: dict[str, Any]
) -> None:
    async with open_billing(module_database_urls) as billing:
        purchase = await bought(billing.shop, Fault.ANSWER_LOST)
        response = await billing.tell({"reference": purchase.reference}, **spoilt)
        assert response.headers["content-type"] == "application/problem+json"
        assert (response.status_code, response.json()["code"]) == (401, "bad_signature")
        assert (await questions(billing.shop, purchase), await receipts(billing.shop)) == ([], 0)


async def test_another_operators_secret_signs_nothing_here(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with (
        open_billing(module_database_urls) as billing,
        open_billing(module_database_urls, secret="whsec_b3RoZXI=") as other,
    ):
        purchase = await bought(billing.shop, Fault.ANSWER_LOST)
        impostor = Billing(billing.shop, billing.client, other.secret)
        assert (await impostor.tell({"reference": purchase.reference})).status_code == 401
        # Their own provision on our host, signed rightly: it is not ours.
        theirs = await impostor.tell(
            {"reference": purchase.reference}, provision_id=other.shop.sale.provision_id
        )
        assert theirs.status_code == 401
        # Our reference on their host: accepted, and it names nobody there.
        assert answer(await other.tell({"reference": purchase.reference})) == ACCEPTED
        assert await questions(billing.shop, purchase) == []


async def test_a_provision_without_a_secret_takes_no_callbacks(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=A) as shop:
        transport = ASGITransport(viewer_app(shop))  # type: ignore[arg-type]
        async with AsyncClient(transport=transport, base_url="https://x.localhost") as client:
            assert (await Billing(shop, client).tell({"reference": "m-1"})).status_code == 401


@pytest.mark.parametrize(
    ("age", "status"), [(300, 202), (301, 401), (-300, 202), (-301, 401), (86_400 * 365, 401)]
)
async def test_a_callback_is_good_for_five_minutes(
    module_database_urls: EmbeddedPostgresInfo, age: int, status: int
) -> None:
    async with open_billing(module_database_urls) as billing:
        response = await billing.tell({"reference": "m-1"}, age=age * SECOND)
        assert response.status_code == status
        assert response.json().get("code", "stale_callback") == "stale_callback"


async def test_a_replayed_callback_is_accepted_and_does_nothing(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_billing(module_database_urls) as billing:
        purchase = await bought(billing.shop, Fault.REQUEST_LOST)
        for _ in range(3):
            told = await billing.tell({"reference": purchase.reference}, message_id="msg_1")
            assert answer(told) == ACCEPTED
            billing.shop.clock.advance(6 * SECOND)
        assert (len(await questions(billing.shop, purchase)), await receipts(billing.shop)) == (1, 1)
        await billing.tell({"reference": purchase.reference}, message_id="msg_2")
        assert len(await questions(billing.shop, purchase)) == 2


async def test_many_callbacks_about_one_purchase_are_one_question(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_billing(module_database_urls) as billing:
        purchase = await bought(billing.shop, Fault.REQUEST_LOST)
        for _ in range(10):
            await billing.tell({"reference": purchase.reference})
        assert len(await questions(billing.shop, purchase)) == 1


async def test_receipts_are_forgotten_once_no_replay_is_young_enough(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_billing(module_database_urls) as billing:
        for _ in range(5):
            await billing.tell({"reference": "m-1"})
        billing.shop.clock.advance(timedelta(hours=1) + SECOND)
        await billing.tell({"reference": "m-1"})
        await sweep(billing.shop.database, forget_receipts)
        assert await receipts(billing.shop) == 1


@pytest.mark.parametrize("known", [True, False])
async def test_the_answer_tells_nobody_which_references_there_are(
    module_database_urls: EmbeddedPostgresInfo, known: bool
) -> None:
    async with open_billing(module_database_urls) as billing:
        purchase = await bought(billing.shop, Fault.OK)
        reference = purchase.reference if known else purchase.reference[:-1] + "a"
        assert answer(await billing.tell({"reference": reference})) == ACCEPTED


MALFORMED = [
    b"", b"null", b"[]", b"{}", b"{", b'"m-1"', b'{"reference": 1}', b'{"reference": null}', b'{"reference": ""}',
    b'{"data": {}}', b'{"data": []}', b"\xff\xfe", b'{"reference": "' + b"m" * 65 + b'"}', b"[" * 16_000,
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED)
async def test_a_body_without_a_reference_is_a_problem(
    module_database_urls: EmbeddedPostgresInfo, body: bytes
) -> None:
    async with open_billing(module_database_urls) as billing:
        response = await billing.tell(body)
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert (response.status_code, [one["field"] for one in problem["errors"]]) == (422, ["reference"])
        assert await receipts(billing.shop) == 0


async def test_a_large_body_is_not_read(module_database_urls: EmbeddedPostgresInfo) -> None:
    async with open_billing(module_database_urls) as billing:
        fits = b'{"reference": "m-1", "padding": "' + b"x" * (16 * 1024 - 35) + b'"}'
        assert len(fits) == 16 * 1024
        assert (await billing.tell(fits)).status_code == 202
        response = await billing.tell(fits + b" ")
        assert (response.status_code, response.json()["code"]) == (413, "too_large")


async def test_an_address_that_sends_forgeries_is_not_listened_to_for_a_while(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_billing(module_database_urls) as billing:
        impostor = Billing(billing.shop, billing.client, "wrong")
        for _ in range(10):
            assert (await billing.tell({"reference": "m-1"})).status_code == 202
        tried = [(await impostor.tell({"reference": "m-1"})).status_code for _ in range(61)]
        assert tried == [401] * 60 + [429]
        refused = await billing.tell({"reference": "m-1"})
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
        billing.shop.clock.advance(timedelta(minutes=15))
        assert (await billing.tell({"reference": "m-1"})).status_code == 202


async def test_many_signed_callbacks_at_once_are_all_taken(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    """Billing sends all of them from one address; on a big night each purchase has one."""
    async with open_billing(module_database_urls) as billing:
        told = await asyncio.gather(*(billing.tell({"reference": f"m-{number}"}) for number in range(90)))
        assert [one.status_code for one in told] == [202] * 90
        other = await asyncio.gather(*(billing.tell({"type": "invoice.made"}) for _ in range(70)))
        assert [one.status_code for one in other] == [422] * 70
        assert answer(await billing.tell({"reference": "m-1"})) == ACCEPTED


async def test_forgeries_of_one_household_of_addresses_count_together(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_billing(module_database_urls) as billing:
        app, host = viewer_app(billing.shop), billing.client.base_url
        tried = []
        for last in range(61):
            transport = ASGITransport(app, client=(f"2001:db8::{last:x}", 1234))  # type: ignore[arg-type]
            async with AsyncClient(transport=transport, base_url=host) as client:
                forged = await Billing(billing.shop, client, "wrong").tell({"reference": "m-1"})
            tried.append(forged.status_code)
        assert tried == [401] * 60 + [429]


async def test_billing_may_be_told_where_to_call_back(module_database_urls: EmbeddedPostgresInfo) -> None:
    keys = (*CONFIG.charge.key_map, KeyMapping(parameter="cb", platform_value=PlatformValue.CALLBACK_URL))
    charge = msgspec.structs.replace(CONFIG.charge, key_map=keys)
    config = msgspec.structs.replace(CONFIG, charge=charge)
    async with open_shop(module_database_urls, capabilities=A, config=config) as shop:
        purchase = await shop.buy(await shop.person())
        async with shop.database.transaction(shop.operator_id) as tx:
            attempts = await queries.attempts_of(
                tx, operator_id=shop.operator_id, customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
            )  # fmt: skip
        sent = httpx.QueryParams(attempts[0].request.split("?", 1)[1].split(" ")[0].split("\n")[0])
        provision_id = shop.sale.provision_id
        assert sent["cb"] == f"https://{shop.sale.operator.host}/api/billing/callbacks/{provision_id}"
