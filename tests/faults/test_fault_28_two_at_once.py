"""Fault 28: two workers resolve one purchase at once, or one of them comes with an old answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import Behaviour, Says, answer_lost, held, proxy_repeats
from tests.faults.counter import STAFF, Counter, open_counter

from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.jobs.resolver import Resolver
from matinee.purchases.operations.by_staff import refund_by_staff
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]
WORKERS = 5


@asynccontextmanager
async def workers(counter: Counter, count: int) -> AsyncIterator[list[Resolver]]:
    """Workers with a pool each, as separate processes have."""
    pools = [
        await Database.connect(counter.urls.app_url, connections=3, clock=counter.clock) for _ in range(count)
    ]
    try:
        yield [Resolver(msgspec.structs.replace(counter.services, database=pool)) for pool in pools]
    finally:
        for pool in pools:
            await pool.close()


async def work_once(resolver: Resolver) -> None:
    await resolver.start_due()
    await resolver.drain()


@pytest.mark.parametrize("can", ASKED)
async def test_one_of_them_asks_and_one_outcome_is_written(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", answer_lost())
        await counter.buy()
        asked = len(billing_double.requests("status"))
        counter.clock.advance(timedelta(seconds=3))
        async with workers(counter, WORKERS) as resolvers:
            await asyncio.gather(*(work_once(resolver) for resolver in resolvers))
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.requests("status")) == asked + 1
        await counter.ends_well()
        assert len(billing_double.charges()) == 1


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("old", ["declined", "not_found", "success"])
async def test_an_answer_that_comes_after_the_lease_changes_nothing(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str], old: Says
) -> None:
    async with open_counter(module_database_urls, billing_double, can, timeout_seconds=20) as counter:
        billing_double.behave("charge", answer_lost())
        await counter.buy()
        billing_double.behave("status", Behaviour(says=old, held="after"))
        counter.clock.advance(timedelta(seconds=3))
        async with workers(counter, 2) as (slow, fast):
            asking = asyncio.create_task(work_once(slow))
            await billing_double.holding()
            counter.clock.advance(timedelta(seconds=70))
            await work_once(fast)
            assert await counter.state() is PurchaseState.GRANTED
            billing_double.release()
            await asking
        assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert (await counter.state(), len(billing_double.charges())) == (PurchaseState.GRANTED, 1)


async def test_where_billing_is_only_idempotent_two_repeats_are_one_charge(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(
        module_database_urls, billing_double, proved=["idempotent"], timeout_seconds=20
    ) as counter:
        billing_double.behave("charge", answer_lost(), held("before"))
        await counter.buy()
        counter.clock.advance(timedelta(seconds=3))
        async with workers(counter, 2) as (slow, fast):
            repeating = asyncio.create_task(work_once(slow))
            await billing_double.holding()
            counter.clock.advance(timedelta(seconds=70))
            await work_once(fast)
            billing_double.release()
            await repeating
        assert len(billing_double.requests("charge")) == 3
        await counter.ends_well()
        assert (await counter.state(), len(billing_double.charges())) == (PurchaseState.GRANTED, 1)


@pytest.mark.parametrize("can", ASKED)
async def test_a_duplicate_is_found_by_all_and_given_back_once(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", proxy_repeats())
        await counter.buy()
        async with workers(counter, WORKERS) as resolvers:
            for _ in range(4):
                counter.clock.advance(timedelta(seconds=5))
                await asyncio.gather(*(work_once(resolver) for resolver in resolvers))
        refunds = len(billing_double.requests("refund"))
        assert refunds == len(billing_double.charges()) - 1
        await counter.ends_well()
        assert len(billing_double.standing()) == 1


@pytest.mark.parametrize("can", ASKED)
async def test_one_of_them_refunds(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        bought = await counter.buy()
        await counter.pass_time(timedelta(hours=1))
        async with counter.database.transaction(counter.operator_id) as tx:
            await refund_by_staff(
                tx, operator=counter.sale.operator, reference_key=counter.services.reference_key,
                customer_id=bought.customer_id, purchase_id=bought.purchase_id, reason="asked", actor=STAFF,
            )  # fmt: skip
        counter.clock.advance(timedelta(seconds=5))
        async with workers(counter, WORKERS) as resolvers:
            await asyncio.gather(*(work_once(resolver) for resolver in resolvers))
        assert len(billing_double.requests("refund")) == 1
        await counter.ends_well()
        assert (await counter.state(), billing_double.standing()) == (PurchaseState.REVERSED, [])
