"""Fault 22: two devices of one household confirm at once, each with an invoice of its own."""

import asyncio

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import answer_lost, declined, held
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


async def test_both_get_the_one_purchase(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(
        module_database_urls, billing_double, capabilities, timeout_seconds=10
    ) as counter:
        one, other = await counter.quote(), await counter.quote()
        billing_double.behave("charge", held("after"))
        first = asyncio.create_task(counter.confirm(one))
        await billing_double.holding()
        attached = await counter.confirm(other, device=1)
        assert (attached.purchase_id, attached.state) == (one.quote.purchase_id, PurchaseState.CHARGING)
        billing_double.release()
        assert (await first).state is PurchaseState.GRANTED
        again = await counter.confirm(other, device=1)
        assert (again.purchase_id, again.state) == (one.quote.purchase_id, PurchaseState.GRANTED)
        await counter.ends_well()
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)


@pytest.mark.parametrize("trouble", ["none", "answer lost"])
async def test_ten_devices_at_the_same_moment(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    trouble: str,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        quotes = [await counter.quote() for _ in range(10)]
        if trouble == "answer lost":
            billing_double.behave("charge", answer_lost("reset"))
        bought = await asyncio.gather(
            *(counter.confirm(signed, device=number % 2) for number, signed in enumerate(quotes))
        )
        assert len({purchase.purchase_id for purchase in bought}) == 1
        await counter.ends_well()
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)


async def test_the_second_device_may_try_again_after_a_refusal(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        one, other = await counter.quote(), await counter.quote()
        billing_double.behave("charge", declined())
        refused = await counter.confirm(one)
        bought = await counter.confirm(other, device=1)
        assert (refused.state, bought.state) == (PurchaseState.DECLINED, PurchaseState.GRANTED)
        assert bought.reference != refused.reference
        await counter.ends_well()
        assert len(billing_double.standing()) == 1
