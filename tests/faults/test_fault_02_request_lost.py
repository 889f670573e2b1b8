"""Fault 2: the request never reached billing's books."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_D
from tests.doubles.misbehaviour import How, request_lost
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@pytest.mark.parametrize("how", ["hang", "reset", "close"])
async def test_it_ends_without_a_charge_and_without_access(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    how: How,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", request_lost(how))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(minutes=14))
        assert await counter.state() is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(minutes=10))
        assert await counter.state() is (
            PurchaseState.UNKNOWN if capabilities == CLASS_D else PurchaseState.VOID
        )
        await counter.ends_well()
        assert await counter.state() is PurchaseState.VOID
        assert (billing_double.charges(), len(billing_double.requests("charge"))) == ([], 1)
