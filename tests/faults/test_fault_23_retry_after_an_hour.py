"""Fault 23: a device asks again after an hour; and the same key comes with another price."""

from datetime import timedelta

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import answer_lost, declined, request_lost
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.errors import KeyReused, QuoteStale
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

HOUR = timedelta(hours=1)
FIRST = {
    "granted": (None, 1),
    "declined": (declined(), 0),
    "answer lost": (answer_lost(), 1),
    "request lost": (request_lost("reset"), 0),
}


@pytest.mark.parametrize("first", FIRST)
async def test_the_same_key_gets_the_same_purchase_and_sends_nothing(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    first: str,
) -> None:  # fmt: skip
    behaviour, charges = FIRST[first]
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", *[behaviour] if behaviour else [])
        signed = await counter.quote()
        bought = await counter.confirm(signed)
        await counter.pass_time(HOUR)
        again = await counter.confirm(signed)  # the invoice has run out long ago
        assert (again.purchase_id, again.reference) == (bought.purchase_id, bought.reference)
        assert len(billing_double.requests("charge")) == 1
        await counter.ends_well()
        assert len(billing_double.charges()) == charges
        assert len(await counter.purchases()) == 1


@pytest.mark.parametrize("first", ["granted", "answer lost"])
async def test_the_same_key_with_another_price_is_refused(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    first: str,
) -> None:  # fmt: skip
    behaviour, _ = FIRST[first]
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", *[behaviour] if behaviour else [])
        signed = await counter.quote()
        await counter.confirm(signed)
        cheaper = msgspec.structs.replace(signed.quote, amount_minor=1)
        forged = counter.services.quotes.sign(cheaper, now=counter.clock.moment)
        with pytest.raises(KeyReused):
            await counter.confirm(forged)
        await counter.pass_time(HOUR)
        with pytest.raises(KeyReused):
            await counter.confirm(forged)
        assert len(billing_double.requests("charge")) == 1
        await counter.ends_well()
        assert len(await counter.purchases()) == 1


async def test_a_first_try_after_an_hour_is_charged_nothing_and_gets_a_new_invoice(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        signed = await counter.quote()
        counter.clock.advance(HOUR)
        with pytest.raises(QuoteStale) as stale:
            await counter.confirm(signed)
        assert (await counter.purchases(), billing_double.requests()) == ([], [])
        assert (await counter.confirm(stale.value.renewed)).state is PurchaseState.GRANTED
        await counter.ends_well()
        assert len(billing_double.standing()) == 1
