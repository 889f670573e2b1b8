"""Fault 8: one answer fits the rule for success and the rule for refusal."""

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import Behaviour, both_match
from tests.doubles.settings import provision_for
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

LIES = {"charged": both_match(), "not charged": Behaviour(effect="none", says="both")}


@pytest.mark.parametrize("charged", LIES)
async def test_it_waits_for_a_person_without_access(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    charged: str,
) -> None:  # fmt: skip
    config = provision_for(
        billing_double.base_url, capabilities=capabilities, by_body=True, echo=False, timeout_seconds=1
    )
    async with open_counter(module_database_urls, billing_double, capabilities, config=config) as counter:
        billing_double.behave("charge", LIES[charged])
        purchase = await counter.buy()
        assert (purchase.state, purchase.granted_at) == (PurchaseState.REVIEW, None)
        await counter.ends_well()
        ended = PurchaseState.GRANTED if charged == "charged" else PurchaseState.VOID
        assert await counter.state() is ended
