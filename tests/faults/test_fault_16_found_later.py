"""Fault 16: billing's status knows nothing of a charge at first, and finds it later. Only `status` can see this."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import HONEST, answer_lost, not_found
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize(
    ("minutes", "ended"),
    [(1, PurchaseState.GRANTED), (14, PurchaseState.GRANTED), (120, PurchaseState.REVERSED)],
)
async def test_not_found_is_believed_after_the_quiet_period_and_watched_even_then(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str],
    minutes: int, ended: PurchaseState,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.always("status", not_found())
        billing_double.behave("charge", answer_lost())
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(minutes=minutes))
        void = ended is PurchaseState.REVERSED
        assert await counter.state() is (PurchaseState.VOID if void else PurchaseState.UNKNOWN)
        billing_double.always("status", HONEST)
        await counter.ends_well()
        assert await counter.state() is ended
        assert len(billing_double.standing()) == int(not void)


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("minutes", [1, 14])
async def test_a_charge_that_was_confirmed_is_not_doubted_within_the_quiet_period(
    module_database_urls: EmbeddedPostgresInfo,
    billing_double: BillingDouble,
    can: frozenset[str],
    minutes: int,
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.always("status", not_found())
        assert (await counter.buy()).state is PurchaseState.GRANTED
        await counter.pass_time(timedelta(minutes=minutes))
        billing_double.always("status", HONEST)
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.standing()) == 1
