"""Fault 21: a hundred clicks on Confirm."""

import asyncio

from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import answer_lost, held
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


async def test_one_request_one_charge_one_purchase(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(
        module_database_urls, billing_double, capabilities, timeout_seconds=10
    ) as counter:
        signed = await counter.quote()
        billing_double.behave("charge", held("after"))
        clicks = [asyncio.create_task(counter.confirm(signed)) for _ in range(100)]
        await billing_double.holding()
        waiting = set(clicks)
        while len(waiting) > 1:
            _, waiting = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert {click.result().state for click in clicks if click.done()} == {PurchaseState.CHARGING}
        billing_double.release()
        bought = await asyncio.gather(*clicks)
        assert {purchase.purchase_id for purchase in bought} == {signed.quote.purchase_id}
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.requests("charge")) == 1
        await counter.ends_well()
        assert len(billing_double.standing()) == 1


async def test_also_when_the_first_answer_is_lost(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        signed = await counter.quote()
        billing_double.behave("charge", answer_lost("hang"))
        await asyncio.gather(*(counter.confirm(signed) for _ in range(100)))
        await asyncio.gather(*(counter.confirm(signed) for _ in range(20)))
        await counter.ends_well()
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)
