"""Fault 18: billing's status is down for a day. Only `status` is about this."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import (
    HONEST,
    Behaviour,
    answer_lost,
    declined_but_charged,
    proxy_repeats,
    request_lost,
)
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]
DOWN = Behaviour(effect="none", says="error", code=503)
STORIES = {
    "answer lost": (answer_lost(), PurchaseState.UNKNOWN, PurchaseState.GRANTED),
    "request lost": (request_lost("reset"), PurchaseState.UNKNOWN, PurchaseState.VOID),
    "declined but charged": (declined_but_charged(), PurchaseState.DECLINED, PurchaseState.REVERSED),
    "repeated": (proxy_repeats(), PurchaseState.GRANTED, PurchaseState.GRANTED),
}


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("story", STORIES)
async def test_what_is_unclear_waits_and_is_settled_afterwards(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str], story: str
) -> None:
    charging, meanwhile, ended = STORIES[story]
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", charging)
        billing_double.behave("status", *[HONEST] * ("idempotent" not in can))  # the question before a charge
        billing_double.behave("status", *[DOWN] * 500)
        assert (await counter.buy()).state is meanwhile
        await counter.pass_time(timedelta(hours=25))
        (purchase,) = await counter.purchases()
        assert purchase.state is meanwhile
        assert (purchase.alerted_at is not None) == (meanwhile is PurchaseState.UNKNOWN)
        await counter.holds()
        billing_double.always("status", HONEST)
        await counter.ends_well()
        assert await counter.state() is ended
        assert len(billing_double.standing()) == int(ended is PurchaseState.GRANTED)


async def test_where_billing_is_asked_first_nothing_is_sold_meanwhile(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_B) as counter:
        billing_double.always("status", DOWN)
        first = await counter.buy()
        assert (first.state, billing_double.requests("charge")) == (PurchaseState.NOT_SENT, [])
        billing_double.always("status", HONEST)
        again = await counter.buy()
        assert (again.state, again.reference) == (PurchaseState.GRANTED, first.reference)
        await counter.ends_well()
