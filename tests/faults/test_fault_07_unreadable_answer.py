"""Fault 7: an answer that fits no rule, is empty, breaks off, or has no end."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_D
from tests.doubles.misbehaviour import Behaviour, empty, huge, truncated, unmatched
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ANSWERS = {"unmatched": unmatched(), "empty": empty(), "truncated": truncated(), "huge": huge()}


@pytest.mark.parametrize("behaviour", ANSWERS.values(), ids=ANSWERS)
async def test_it_is_unclear_and_then_settled_by_what_billing_has(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    behaviour: Behaviour,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", behaviour)
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=10))
        if capabilities != CLASS_D:
            assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)
