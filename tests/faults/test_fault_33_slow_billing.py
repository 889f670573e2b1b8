"""Fault 33: billing works at one call a second, or one operator's billing hangs. The others must not feel it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import HONEST, hang, held
from tests.factories.sale import make_person
from tests.faults.counter import Counter, end, gateway_for, open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import Purchase, PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

CROWD = 40
LIMIT_SECONDS = 2.0


async def households(counter: Counter, count: int) -> list[Counter]:
    """The same counter with so many other customers before it."""
    async with counter.database.transaction(counter.operator_id) as tx:
        people = [
            await make_person(tx, sale=counter.sale, now=counter.clock.moment, devices=1)
            for _ in range(count)
        ]
    return [msgspec.structs.replace(counter, person=person) for person in people]


async def all_buy(crowd: list[Counter]) -> list[Purchase]:
    return await asyncio.gather(*(one.buy() for one in crowd))


async def reached(goal: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not goal():  # noqa: ASYNC110 (it is reached in another process)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def next_door(
    counter: Counter, urls: EmbeddedPostgresInfo, billing: BillingDouble
) -> AsyncIterator[tuple[Counter, Counter]]:
    """Two operators in one process: the same pool and the same gateway serve both."""
    ports = (counter.billing.port, billing.port)
    async with open_counter(urls, billing, clock=counter.clock) as other, gateway_for(*ports) as gateway:
        services = msgspec.structs.replace(counter.services, gateway=gateway)
        yield (
            msgspec.structs.replace(counter, services=services),
            msgspec.structs.replace(other, services=services, database=counter.database, clock=counter.clock),
        )


@pytest.mark.parametrize("rejects", [False, True], ids=["queues", "429"])
async def test_at_one_call_a_second_everybody_ends_in_order(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    rejects: bool,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        crowd = await households(counter, 4)
        billing_double.configure(capabilities=capabilities, per_second=1, rejects=rejects)
        await all_buy(crowd)
        await counter.work()
        if (
            not rejects
        ):  # what queues is charged when its turn comes, whether or not anybody still waits for it
            sent = len(billing_double.requests("charge"))
            await reached(lambda: len(billing_double.charges()) == sent)
        billing_double.configure(capabilities=capabilities)
        await counter.ends_well()


async def test_another_operators_purchases_are_as_quick_as_ever(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble,
    second_billing_double: BillingDouble,
) -> None:  # fmt: skip
    async with (
        open_counter(module_database_urls, billing_double, timeout_seconds=20) as first,
        next_door(first, module_database_urls, second_billing_double) as (hanging, other),
    ):
        crowd, neighbours = await households(hanging, CROWD), await households(other, 10)
        billing_double.always("charge", held("before"))
        stuck = asyncio.create_task(all_buy(crowd))
        await asyncio.sleep(0.3)
        spans = []
        for neighbour in neighbours:
            started = time.monotonic()
            assert (await neighbour.buy()).state is PurchaseState.GRANTED
            spans.append(time.monotonic() - started)
        assert not stuck.done()
        assert max(spans) < LIMIT_SECONDS
        billing_double.always("charge", HONEST)
        billing_double.release()
        await stuck
        assert await end([hanging, other]) == [{}, {}]


async def test_another_operators_unclear_purchases_are_settled_meanwhile(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble,
    second_billing_double: BillingDouble,
) -> None:  # fmt: skip
    """The worker's places are shared: one operator's questions that hang take no more than their own."""
    async with (
        open_counter(module_database_urls, billing_double, timeout_seconds=3) as first,
        next_door(first, module_database_urls, second_billing_double) as (hanging, other),
    ):
        crowd, neighbours = await households(hanging, CROWD), await households(other, 5)
        for double in (billing_double, second_billing_double):
            double.always("charge", msgspec.structs.replace(HONEST, delivery="reset"))
        await asyncio.gather(all_buy(crowd), all_buy(neighbours))
        billing_double.always("status", hang())
        other.clock.advance(timedelta(seconds=3))
        working = asyncio.create_task(other.work())
        async with asyncio.timeout(LIMIT_SECONDS):
            while any([await one.state() is not PurchaseState.GRANTED for one in neighbours]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not working.done()
        billing_double.always("status", HONEST)
        billing_double.release()
        await working
        assert await end([hanging, other]) == [{}, {}]
