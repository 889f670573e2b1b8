"""Fault 6: billing's server failed with a 5xx before it charged."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import error_before
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@pytest.mark.parametrize("code", [500, 503, 504])
async def test_a_server_error_says_nothing_and_the_purchase_ends_without_a_charge(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    code: int,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", error_before(code))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(minutes=14))
        assert await counter.state() is PurchaseState.UNKNOWN
        await counter.ends_well()
        assert await counter.state() is PurchaseState.VOID
        assert (billing_double.charges(), len(billing_double.requests("charge"))) == ([], 1)


async def test_where_billing_is_only_idempotent_the_same_reference_is_charged_on_the_next_try(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, proved=["idempotent"]) as counter:
        billing_double.behave("charge", error_before(503), error_before(503))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=30))
        assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        references = {request.parameter("reference") for request in billing_double.requests("charge")}
        assert (len(references), len(billing_double.charges())) == (1, 1)
