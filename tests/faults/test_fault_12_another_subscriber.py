"""Fault 12: the answer is about another subscriber's purchase."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import Behaviour, answer_lost, other_subscriber
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

SOMEBODY = {"reference": "somebody-else-0001", "transaction": "tx-9999"}
ANSWERS = {
    "charged": other_subscriber(),
    "not charged": Behaviour(effect="none", says="success", overrides=SOMEBODY),
}


@pytest.mark.parametrize("charged", ANSWERS)
async def test_it_waits_for_a_person_without_access(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    charged: str,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", ANSWERS[charged])
        purchase = await counter.buy()
        assert (purchase.state, purchase.granted_at) == (PurchaseState.REVIEW, None)
        await counter.ends_well()
        ended = PurchaseState.GRANTED if charged == "charged" else PurchaseState.VOID
        assert await counter.state() is ended
        assert len(billing_double.requests("charge")) == 1


@pytest.mark.parametrize("can", [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")])
@pytest.mark.parametrize("says", ["success", "declined", "not_found"])
async def test_a_status_about_somebody_else_decides_nothing(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str], says: str
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", answer_lost())
        await counter.buy()
        lie = Behaviour(says=says, overrides={"reference": SOMEBODY["reference"]})  # type: ignore[arg-type]
        billing_double.always("status", lie)
        await counter.pass_time(timedelta(minutes=40))
        assert await counter.state() is PurchaseState.UNKNOWN
        billing_double.always("status", Behaviour())
        await counter.ends_well()
        assert (await counter.state(), len(billing_double.charges())) == (PurchaseState.GRANTED, 1)
