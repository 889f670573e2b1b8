"""Events on their way to the operator's own server: real rows, real HTTP, a clock that is set."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.doubles.receiver import Receiver, running_receiver
from tests.factories.shop import Shop, open_shop

from matinee.kernel.ids import new_id
from matinee.kernel.paging import ListQuery
from matinee.kernel.webhook_signatures import is_signed
from matinee.platform.audit import Actor
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.http.resolver import LookupPool
from matinee.platform.http.wire import Wire
from matinee.platform.rounds import sweep
from matinee.platform.secrets import SecretBox
from matinee.provisions.types import Capability
from matinee.webhooks.jobs import WebhookServices, telling
from matinee.webhooks.operations import (
    create_endpoint,
    forget_events,
    new_secret,
    replace_secret,
    send_again,
    switch_endpoint,
)
from matinee.webhooks.queries import get_endpoint, list_deliveries, tries_of
from matinee.webhooks.rules import KEEP_FOR, RETRY_DELAYS, UNDELIVERED_KEPT
from matinee.webhooks.types import Delivery, DeliveryState, Endpoint, EndpointDraft, EventKind

STAFF = Actor("staff", new_id(), "Ina")
BOX = SecretBox(bytes(32))
ALL = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})


class Post(msgspec.Struct, frozen=True):
    """A shop, the server that is told, and the loop that tells."""

    shop: Shop
    receiver: Receiver
    services: WebhookServices
    policy: EgressPolicy

    async def endpoint(self, secret: str, **draft: Any) -> Endpoint:
        wanted = EndpointDraft(url=draft.pop("url", self.receiver.url), **draft)
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            return await create_endpoint(
                tx, operator_id=self.shop.operator_id, draft=wanted, secret=secret, box=BOX,
                policy=self.policy, actor=STAFF, now=self.shop.clock.moment,
            )  # fmt: skip

    async def tell(self) -> None:
        """Do everything that is due now."""
        loop = telling(self.services)
        while await loop.start_due():
            await loop.drain()

    async def log(self) -> list[Delivery]:
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            page = await list_deliveries(tx, operator_id=self.shop.operator_id, query=ListQuery())
            return list(page.rows)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as one:
        yield one


@pytest.fixture
async def post(database_urls: EmbeddedPostgresInfo, receiver: Receiver) -> AsyncIterator[Post]:
    policy = EgressPolicy.parse(f"127.0.0.1/32:{receiver.port}")
    async with open_shop(database_urls, capabilities=ALL, films=2) as shop:
        services = WebhookServices(shop.database, Wire(policy=policy), LookupPool(), BOX)
        yield Post(shop, receiver, services, policy)
        await services.wire.close()
        services.names.close()


async def test_a_purchase_is_told_once_and_signed(post: Post) -> None:
    secret = new_secret()
    await post.endpoint(secret)
    purchase = await post.shop.buy(await post.shop.person())
    await post.tell()
    await post.tell()

    (told,) = post.receiver.received
    said = json.loads(told.body)
    assert (said["type"], said["data"]["purchase_id"]) == ("purchase.granted", str(purchase.purchase_id))
    assert told.headers["content-type"] == "application/json"
    assert is_signed(
        told.headers["webhook-signature"], secret, message_id=told.headers["webhook-id"],
        timestamp=int(told.headers["webhook-timestamp"]), body=told.body,
    )  # fmt: skip
    assert int(told.headers["webhook-timestamp"]) == int(post.shop.clock.moment.timestamp())
    assert [(one.state, one.tries, one.status) for one in await post.log()] == [("delivered", 1, 204)]


async def test_what_does_not_arrive_is_tried_again_with_the_same_id_and_body(post: Post) -> None:
    await post.endpoint(new_secret())
    await post.shop.buy(await post.shop.person())
    post.receiver.answer = 500
    await post.tell()
    post.receiver.answer = None
    post.shop.clock.advance(RETRY_DELAYS[0])
    await post.tell()
    post.receiver.answer = 200
    post.shop.clock.advance(RETRY_DELAYS[1])
    await post.tell()

    assert len({told.headers["webhook-id"] for told in post.receiver.received}) == 1
    assert len({told.body for told in post.receiver.received}) == 1
    (line,) = await post.log()
    assert (line.state, line.tries) == (DeliveryState.DELIVERED, 3)
    async with post.shop.database.transaction(post.shop.operator_id) as tx:
        tries = await tries_of(tx, key=line.key)
    assert [(one.status, one.cause) for one in tries] == [(200, ""), (None, "broken"), (500, "refused")]


async def test_a_redirect_is_not_followed(post: Post) -> None:
    await post.endpoint(new_secret())
    await post.shop.buy(await post.shop.person())
    post.receiver.answer = 307
    await post.tell()

    assert len(post.receiver.received) == 1
    (line,) = await post.log()
    assert (line.state, line.cause) == (DeliveryState.PENDING, "redirect")


async def test_after_the_last_try_a_person_sends_it_again(post: Post) -> None:
    await post.endpoint(new_secret())
    await post.shop.buy(await post.shop.person())
    post.receiver.answer = 503
    await post.tell()
    for delay in RETRY_DELAYS:
        post.shop.clock.advance(delay)
        await post.tell()

    (line,) = await post.log()
    assert (line.state, line.tries) == (DeliveryState.FAILED, len(RETRY_DELAYS) + 1)
    post.receiver.answer = 200
    async with post.shop.database.transaction(post.shop.operator_id) as tx:
        await send_again(tx, key=line.key, actor=STAFF, now=post.shop.clock.moment)
    await post.tell()
    assert [one.state for one in await post.log()] == [DeliveryState.DELIVERED]


async def test_only_the_kinds_that_were_chosen_and_only_from_then_on(post: Post) -> None:
    person = await post.shop.person()
    await post.shop.buy(person)
    post.shop.clock.advance(timedelta(seconds=1))
    await post.endpoint(new_secret(), kinds=frozenset({EventKind.PURCHASE_DECLINED}))
    await post.endpoint(new_secret(), kinds=frozenset({EventKind.PURCHASE_GRANTED}))
    await post.shop.buy(person, post.shop.sale.movie_ids[1])
    await post.tell()

    assert [json.loads(told.body)["type"] for told in post.receiver.received] == ["purchase.granted"]


async def test_an_endpoint_that_is_gone_is_switched_off_and_waits(post: Post) -> None:
    endpoint = await post.endpoint(new_secret())
    person = await post.shop.person()
    await post.shop.buy(person)
    post.receiver.answer = 410
    await post.tell()
    await post.shop.buy(person, post.shop.sale.movie_ids[1])
    post.receiver.answer = 200
    await post.tell()

    assert len(post.receiver.received) == 1
    async with post.shop.database.transaction(post.shop.operator_id) as tx:
        seen = await get_endpoint(tx, operator_id=post.shop.operator_id, endpoint_id=endpoint.endpoint_id)
        assert seen.switched_off_because == "gone"
        await switch_endpoint(
            tx, operator_id=post.shop.operator_id, endpoint_id=endpoint.endpoint_id, on=True, actor=STAFF,
            now=post.shop.clock.moment,
        )  # fmt: skip
    post.shop.clock.advance(timedelta(hours=1))
    await post.tell()
    assert len(post.receiver.received) == 2


async def test_a_replaced_secret_signs_what_was_waiting(post: Post) -> None:
    endpoint = await post.endpoint(new_secret())
    await post.shop.buy(await post.shop.person())
    other = new_secret()
    async with post.shop.database.transaction(post.shop.operator_id) as tx:
        await replace_secret(
            tx, operator_id=post.shop.operator_id, endpoint_id=endpoint.endpoint_id, secret=other, box=BOX,
            actor=STAFF, now=post.shop.clock.moment,
        )  # fmt: skip
    await post.tell()

    (told,) = post.receiver.received
    assert is_signed(
        told.headers["webhook-signature"], other, message_id=told.headers["webhook-id"],
        timestamp=int(told.headers["webhook-timestamp"]), body=told.body,
    )  # fmt: skip


async def test_two_workers_send_one_request(post: Post) -> None:
    await post.endpoint(new_secret())
    await post.shop.buy(await post.shop.person())
    loops = [telling(post.services), telling(post.services)]
    for _ in range(4):
        for loop in loops:
            await loop.start_due()
        for loop in loops:
            await loop.drain()

    assert len(post.receiver.received) == 1


async def test_an_address_that_turned_private_is_not_called(post: Post) -> None:
    await post.endpoint(new_secret())
    await post.shop.buy(await post.shop.person())
    closed = msgspec.structs.replace(post.services, wire=Wire(policy=EgressPolicy()))
    await telling(closed).start_due()
    loop = telling(closed)
    while await loop.start_due():
        await loop.drain()

    assert post.receiver.received == []
    assert [one.cause for one in await post.log()] == ["egress_refused"]


async def test_old_events_are_forgotten_but_none_that_still_waits(post: Post) -> None:
    await post.endpoint(new_secret())
    person = await post.shop.person()
    await post.shop.buy(person)
    await post.tell()
    post.receiver.answer = 500
    await post.shop.buy(person, post.shop.sale.movie_ids[1])
    await post.tell()
    post.shop.clock.advance(KEEP_FOR + timedelta(days=1))
    assert await sweep(post.shop.database, forget_events) == 1
    assert [one.state for one in await post.log()] == [DeliveryState.PENDING]

    post.shop.clock.advance(UNDELIVERED_KEPT - KEEP_FOR - timedelta(days=2))
    assert await sweep(post.shop.database, forget_events) == 0
    post.shop.clock.advance(timedelta(days=1, seconds=1))
    assert await sweep(post.shop.database, forget_events) == 1
    assert await post.log() == []
