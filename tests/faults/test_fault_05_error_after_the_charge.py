"""Fault 5: billing charged, and then its server failed with a 5xx."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_D
from tests.doubles.misbehaviour import error_after
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@pytest.mark.parametrize("code", [500, 502, 504])
async def test_a_server_error_says_nothing_and_the_charge_is_found(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    code: int,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", error_after(code))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=10))
        if capabilities != CLASS_D:
            assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.charges()) == 1
