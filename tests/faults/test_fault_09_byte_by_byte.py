"""Fault 9: the answer comes one byte a second. The limit is on the whole call, not on each piece of it."""

import time
from datetime import timedelta

from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_B
from tests.doubles.misbehaviour import Behaviour, answer_lost, dribble
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


async def test_the_call_ends_in_time_and_the_charge_is_found(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", dribble(1.0))
        started = time.monotonic()
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        assert time.monotonic() - started < 3
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)


async def test_a_status_that_dribbles_is_no_answer(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double) as counter:
        billing_double.behave("charge", answer_lost())
        await counter.buy()
        billing_double.behave("status", dribble(1.0))
        await counter.pass_time(timedelta(seconds=3))
        assert await counter.state() is PurchaseState.UNKNOWN
        await counter.ends_well()
        assert (await counter.state(), len(billing_double.charges())) == (PurchaseState.GRANTED, 1)


async def test_nothing_is_charged_while_the_question_before_it_dribbles(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_B) as counter:
        billing_double.behave("status", Behaviour(delivery="dribble"))
        assert (await counter.buy()).state is PurchaseState.NOT_SENT
        assert (await counter.buy()).state is PurchaseState.GRANTED
        await counter.ends_well()
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)
