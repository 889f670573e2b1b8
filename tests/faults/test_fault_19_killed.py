"""Fault 19: the process is killed at each of six points; another one finds what it left."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import answer_lost, held
from tests.faults.counter import open_counter
from tests.faults.parent import child

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

# point -> how often billing has charged when the process dies there
POINTS = {
    "before the commit of confirm": 0,
    "before the call": 0,
    "call under way": 1,
    "after the answer": 1,
    "before the commit of settle": 1,
    "after the commit of settle": 1,
}


@pytest.mark.parametrize("point", POINTS)
async def test_what_a_killed_buyer_left_is_settled_by_a_worker(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    point: str,
) -> None:  # fmt: skip
    async with open_counter(
        module_database_urls, billing_double, capabilities, timeout_seconds=20
    ) as counter:
        signed = await counter.quote()
        if point == "call under way":
            billing_double.behave("charge", held("after"))
        with child(counter, signed, point) as process:
            if point == "call under way":
                await billing_double.holding()
            else:
                assert await process.reached() == point
        billing_double.release()
        assert len(billing_double.charges()) == POINTS[point]
        counter.clock.advance(timedelta(seconds=3))
        again = await counter.confirm(signed)  # the device asks with the same key
        assert again.purchase_id == signed.quote.purchase_id
        await counter.ends_well()
        charged = POINTS[point] == 1 or point == "before the commit of confirm"
        assert len(billing_double.charges()) == int(charged)
        assert await counter.state() is (PurchaseState.GRANTED if charged else PurchaseState.VOID)
        assert len(billing_double.requests("charge")) == int(charged)


@pytest.mark.parametrize("can", [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")])
@pytest.mark.parametrize("point", ["before the question", "after the question"])
async def test_what_a_killed_worker_left_is_settled_by_the_next(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str], point: str
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", answer_lost())
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        counter.clock.advance(timedelta(seconds=3))
        with child(counter, None, point) as process:
            assert await process.reached() == point
        await counter.work()
        assert await counter.state() is PurchaseState.UNKNOWN  # the dead one's lease still runs
        await counter.pass_time(timedelta(seconds=70))
        assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert len(billing_double.charges()) == 1
