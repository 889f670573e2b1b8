"""Fault 3: billing charged, and its answer was lost."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_D
from tests.doubles.misbehaviour import How, answer_lost
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@pytest.mark.parametrize("how", ["hang", "reset", "close"])
async def test_it_is_granted_by_itself_and_charged_once(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    how: How,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", answer_lost(how))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=10))
        if capabilities != CLASS_D:
            assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert (len(billing_double.standing()), len(billing_double.requests("charge"))) == (1, 1)


async def test_where_billing_is_only_idempotent_the_same_reference_is_sent_again(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    """A system whose status call was not proved, or is down for good."""
    async with open_counter(module_database_urls, billing_double, proved=["idempotent"]) as counter:
        billing_double.behave("charge", answer_lost("hang"), answer_lost("reset"))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=30))
        assert await counter.state() is PurchaseState.GRANTED
        sent = billing_double.requests("charge")
        assert len(sent) == 3
        assert len({request.parameter("reference") for request in sent}) == 1
        await counter.ends_well()
        assert len(billing_double.standing()) == 1
