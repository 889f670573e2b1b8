"""Class C over real HTTP: a billing system that can close a reference, and cannot be asked about one."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_C
from tests.doubles.misbehaviour import Behaviour, answer_lost, lands_late, request_lost
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]
S = PurchaseState
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("cancels_lost", [0, 2])
async def test_a_request_that_comes_late_charges_nothing_any_more(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, cancels_lost: int
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        billing_double.behave("charge", lands_late())
        billing_double.behave("cancel", *[request_lost("reset")] * cancels_lost)
        assert (await counter.buy()).state is S.UNKNOWN
        await counter.pass_time(MINUTE)
        assert await counter.state() is S.VOID
        billing_double.land()
        assert billing_double.standing() == []
        assert len(billing_double.requests("cancel")) == cancels_lost + 1
        assert (await counter.buy()).state is S.GRANTED
        sent = [request.parameter("reference") for request in billing_double.requests("charge")]
        assert (len(sent), len(set(sent)), len(billing_double.standing())) == (2, 2, 1)
        await counter.ends_well()


async def test_an_acknowledged_cancel_also_gives_back_what_was_charged(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        billing_double.behave("charge", answer_lost())
        assert (await counter.buy()).state is S.UNKNOWN
        await counter.pass_time(MINUTE)
        assert (await counter.state(), billing_double.standing()) == (S.VOID, [])
        await counter.ends_well()


async def test_a_cancel_that_is_refused_leaves_the_decision_to_staff(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        billing_double.behave("charge", answer_lost())
        billing_double.behave("cancel", Behaviour(effect="none", says="body", code=409, body="{}"))
        assert (await counter.buy()).state is S.UNKNOWN
        await counter.pass_time(MINUTE)
        assert await counter.state() is S.REVIEW
        await counter.ends_well()
