"""Fault 13: billing confirms another amount or another currency than the invoice had."""

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import Behaviour, wrong_amount, wrong_currency
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ANSWERS = {
    "less": wrong_amount("0.01"),
    "a hundred times": wrong_amount("499"),
    "not a number": wrong_amount("4,99"),
    "other currency": wrong_currency("XTS"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_it_waits_for_a_person_without_access(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    answer: Behaviour,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", answer)
        purchase = await counter.buy()
        assert (purchase.state, purchase.granted_at) == (PurchaseState.REVIEW, None)
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)


@pytest.mark.parametrize("amount", ["4.99", "4.990", "04.99"])
async def test_the_same_amount_written_otherwise_is_the_same(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, amount: str
) -> None:
    async with open_counter(module_database_urls, billing_double) as counter:
        billing_double.behave("charge", wrong_amount(amount))
        assert (await counter.buy()).state is PurchaseState.GRANTED
        await counter.ends_well()
