"""Playback sessions on a real database: first play, windows, leases, streams, revoked rights."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.factories.sale import Person
from tests.factories.shop import Shop, open_shop

from matinee.customers.operations import open_session
from matinee.customers.queries import get_customer, lock_customer
from matinee.customers.types import Customer, DeviceCategory, DeviceInput
from matinee.entitlements.operations import (
    check_session,
    end_session,
    mark_played,
    renew_session,
    revoke,
    start_session,
)
from matinee.entitlements.queries import entitlement_of_purchase, live_sessions
from matinee.entitlements.types import Entitlement, PlaybackSession
from matinee.kernel.errors import Refused
from matinee.kernel.ids import new_id
from matinee.platform.db import Transaction
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import Purchase

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


class Showing:
    """A bought film and what its buyer's devices do with it."""

    def __init__(self, shop: Shop, person: Person, purchase: Purchase) -> None:
        self.shop, self.person, self.purchase = shop, person, purchase

    async def sign_in(self) -> None:
        """Sign the buyer in on each of its devices."""
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            for device_id in self.person.device_ids:
                await open_session(
                    tx, operator_id=self.shop.operator_id, customer_id=self.person.customer_id,
                    device=DeviceInput(device_id=device_id, category=DeviceCategory.HANDHELD),
                    now=self.shop.clock.moment,
                )  # fmt: skip

    async def customer(self, tx: Transaction) -> Customer:
        return await get_customer(tx, operator_id=self.shop.operator_id, customer_id=self.person.customer_id)

    async def right(self) -> Entitlement:
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            found = await entitlement_of_purchase(
                tx, operator_id=self.shop.operator_id, customer_id=self.person.customer_id,
                purchase_id=self.purchase.purchase_id,
            )  # fmt: skip
        assert found is not None
        return found

    async def start(self, device: int = 0, *, keys: bool = True, streams: int = 2) -> PlaybackSession:
        right = await self.right()
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            await lock_customer(tx, operator_id=self.shop.operator_id, customer_id=self.person.customer_id)
            return await start_session(
                tx, operator_id=self.shop.operator_id, customer_id=self.person.customer_id,
                device_id=self.person.device_ids[device], item_kind="movie", item_id=self.purchase.item_id,
                entitlement=right, max_streams=streams, key_delivered_here=keys, now=self.shop.clock.moment,
            )  # fmt: skip

    async def beat(self, session: PlaybackSession, *, cut: bool = False, position: int = 0) -> None:
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            live, _ = await check_session(
                tx, operator_id=session.operator_id, customer=await self.customer(tx),
                session_id=session.session_id, cut_at_finish=cut, now=self.shop.clock.moment,
            )  # fmt: skip
            await renew_session(tx, session=live, position_seconds=position, now=self.shop.clock.moment)

    async def key(self, session: PlaybackSession) -> None:
        """Fetch a key, as the key endpoint does it."""
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            _, right = await check_session(
                tx, operator_id=session.operator_id, customer=await self.customer(tx),
                session_id=session.session_id, cut_at_finish=False, now=self.shop.clock.moment,
            )  # fmt: skip
            assert right is not None
            await mark_played(tx, entitlement=right, now=self.shop.clock.moment)

    async def watch(self, session: PlaybackSession, span: timedelta, *, cut: bool = False) -> None:
        end = self.shop.clock.moment + span
        while self.shop.clock.moment < end:
            self.shop.clock.advance(30 * SECOND)
            await self.beat(session, cut=cut)

    async def live(self) -> int:
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            return len(
                await live_sessions(
                    tx, operator_id=self.shop.operator_id, customer_id=self.person.customer_id,
                    now=self.shop.clock.moment,
                )
            )  # fmt: skip


@pytest.fixture
async def showing(module_database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Showing]:
    """48 hours to start, no finish window, 90 minutes long."""
    async with open_shop(module_database_urls, capabilities=frozenset()) as shop:
        person = await shop.person()
        bought = Showing(shop, person, await shop.buy(person))
        await bought.sign_in()
        yield bought


@pytest.fixture
async def brief(module_database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Showing]:
    """48 hours to start, 2 hours to finish."""
    async with open_shop(module_database_urls, capabilities=frozenset(), finish_window_hours=2) as shop:
        person = await shop.person()
        bought = Showing(shop, person, await shop.buy(person))
        await bought.sign_in()
        yield bought


async def refused(work: object, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        await work  # type: ignore[misc]
    assert refusal.value.code == code


async def test_the_first_play_is_the_first_key_not_the_session(showing: Showing) -> None:
    session = await showing.start()
    assert (await showing.right()).first_played_at is None
    showing.shop.clock.advance(20 * SECOND)
    first = showing.shop.clock.moment
    await showing.key(session)
    showing.shop.clock.advance(20 * SECOND)
    await showing.key(session)
    right = await showing.right()
    assert (right.first_played_at, right.last_started_at) == (first, first)


async def test_an_external_stream_plays_from_its_start_and_each_start_counts(showing: Showing) -> None:
    first = showing.shop.clock.moment
    await showing.start(keys=False)
    showing.shop.clock.advance(47 * HOUR)
    await showing.start(keys=False)
    right = await showing.right()
    assert (right.first_played_at, right.last_started_at) == (first, first + 47 * HOUR)


async def test_nothing_starts_after_the_start_window(showing: Showing) -> None:
    showing.shop.clock.advance(48 * HOUR)
    await refused(showing.start(), "right_ended")
    assert await showing.live() == 0


async def test_whoever_started_inside_the_window_may_finish_on_another_device_too(showing: Showing) -> None:
    showing.shop.clock.advance(48 * HOUR - MINUTE)
    session = await showing.start()
    await showing.key(session)
    await showing.watch(session, 5 * MINUTE)
    await showing.start(1)
    showing.shop.clock.advance(5 * HOUR + 30 * MINUTE)
    await refused(showing.start(1), "right_ended")


async def test_a_start_after_the_window_does_not_move_the_end_on(showing: Showing) -> None:
    showing.shop.clock.advance(48 * HOUR - MINUTE)
    await showing.key(await showing.start())
    last = (await showing.right()).last_started_at
    showing.shop.clock.advance(HOUR)
    await showing.key(await showing.start())
    assert (await showing.right()).last_started_at == last


async def test_a_second_start_inside_the_window_moves_the_end_on(showing: Showing) -> None:
    await showing.key(await showing.start())
    showing.shop.clock.advance(47 * HOUR)
    await showing.start()
    assert (await showing.right()).last_started_at == showing.shop.clock.moment


async def test_after_the_finish_window_only_what_runs_goes_on(brief: Showing) -> None:
    session = await brief.start()
    await brief.key(session)
    await brief.watch(session, 2 * HOUR)
    await brief.beat(session)
    await refused(brief.start(1), "right_ended")
    await refused(brief.beat(session, cut=True), "right_ended")


async def test_heartbeats_do_not_keep_a_showing_past_the_time_of_one_film(brief: Showing) -> None:
    session = await brief.start()
    await brief.key(session)
    async with brief.shop.database.transaction(brief.shop.operator_id) as tx:
        await tx.execute(  # as if its heartbeats had come all the time
            "UPDATE playback_sessions SET lease_until = $3 WHERE operator_id = $1 AND customer_id = $2",
            session.operator_id, session.customer_id, session.started_at + 24 * HOUR,
        )  # fmt: skip
    brief.shop.clock.advance(5 * HOUR + 30 * MINUTE - SECOND)
    await brief.key(session)
    brief.shop.clock.advance(SECOND)
    await refused(brief.key(session), "right_ended")
    await refused(brief.beat(session), "right_ended")


async def test_a_revoked_right_stops_at_the_next_key_and_heartbeat(showing: Showing) -> None:
    session = await showing.start()
    await showing.key(session)
    async with showing.shop.database.transaction(showing.shop.operator_id) as tx:
        await revoke(
            tx, operator_id=showing.shop.operator_id, customer_id=showing.person.customer_id,
            purchase_id=showing.purchase.purchase_id, now=showing.shop.clock.moment,
        )  # fmt: skip
    await refused(showing.key(session), "right_ended")
    await refused(showing.beat(session), "right_ended")
    await refused(showing.start(1), "right_ended")
    showing.shop.clock.advance(MINUTE)
    assert await showing.live() == 0


async def test_a_session_without_heartbeats_ends_after_its_lease(showing: Showing) -> None:
    session = await showing.start()
    showing.shop.clock.advance(59 * SECOND)
    await showing.beat(session)
    showing.shop.clock.advance(60 * SECOND)
    await refused(showing.beat(session), "session_ended")
    assert await showing.live() == 0


async def test_a_device_that_starts_again_replaces_its_own_session(showing: Showing) -> None:
    first = await showing.start()
    await showing.beat(first, position=1234)
    second = await showing.start()
    assert (second.position_seconds, await showing.live()) == (1234, 1)
    await refused(showing.beat(first), "session_ended")


async def test_the_stream_limit_counts_devices_and_a_stopped_one_makes_room(showing: Showing) -> None:
    session = await showing.start(0, streams=1)
    await refused(showing.start(1, streams=1), "too_many_streams")
    async with showing.shop.database.transaction(showing.shop.operator_id) as tx:
        await end_session(
            tx, operator_id=session.operator_id, customer_id=session.customer_id,
            session_id=session.session_id, now=showing.shop.clock.moment,
        )  # fmt: skip
    await showing.start(1, streams=1)
    assert await showing.live() == 1


async def test_fifty_devices_that_start_at_once_get_as_many_streams_as_there_are(showing: Showing) -> None:
    device_ids = tuple(new_id() for _ in range(50))
    async with showing.shop.database.transaction(showing.shop.operator_id) as tx:
        await tx.executemany(
            "INSERT INTO devices (operator_id, customer_id, device_id, category, model, created_at, last_seen_at)"
            " VALUES ($1, $2, $3, 'tv', 'test', $4, $4)",
            [
                (showing.shop.operator_id, showing.person.customer_id, device, showing.shop.clock.moment)
                for device in device_ids
            ],
        )
    showing.person = Person(customer_id=showing.person.customer_id, device_ids=device_ids)
    results = await asyncio.gather(
        *(showing.start(number, streams=3) for number in range(50)), return_exceptions=True
    )
    assert sum(isinstance(result, PlaybackSession) for result in results) == 3
    assert {result.code for result in results if isinstance(result, Refused)} == {"too_many_streams"}
    assert await showing.live() == 3
