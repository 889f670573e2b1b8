"""Fault 4: the charge lands long after Matinee has given up waiting for its answer.

What stays unseen: where billing can be asked nothing (D, or `idempotent` alone), a charge that lands after staff have
closed the purchase by billing's books.
"""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B, CLASS_D
from tests.doubles.misbehaviour import lands_late
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]


@pytest.mark.parametrize("seconds", [20, 120, 600])
async def test_it_is_granted_once_it_is_there(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    seconds: int,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", lands_late(how="reset"))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=seconds))
        assert (await counter.state(), billing_double.charges()) == (PurchaseState.UNKNOWN, [])
        assert billing_double.land() == 1
        await counter.pass_time(timedelta(minutes=16))
        if "status" in capabilities:
            assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)


async def test_where_billing_is_only_idempotent_the_repeat_and_the_late_one_are_one_charge(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, proved=["idempotent"]) as counter:
        billing_double.behave("charge", lands_late(how="reset"))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=20))
        assert await counter.state() is PurchaseState.GRANTED
        assert billing_double.land() == 1
        await counter.ends_well()
        assert len(billing_double.charges()) == 1


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("honour", [False, True], ids=["reversed", "honoured"])
async def test_after_the_quiet_period_the_watch_finds_it(
    module_database_urls: EmbeddedPostgresInfo,
    billing_double: BillingDouble,
    can: frozenset[str],
    honour: bool,
) -> None:
    async with open_counter(module_database_urls, billing_double, can, honour_late_charges=honour) as counter:
        billing_double.behave("charge", lands_late(how="reset"))
        await counter.buy()
        await counter.pass_time(timedelta(hours=1))
        assert await counter.state() is PurchaseState.VOID
        assert billing_double.land() == 1
        await counter.ends_well()
        assert await counter.state() is (PurchaseState.GRANTED if honour else PurchaseState.REVERSED)
        assert len(billing_double.standing()) == int(honour)


async def test_nobody_sees_one_that_lands_after_staff_have_closed_the_purchase(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_D) as counter:
        billing_double.behave("charge", lands_late(how="reset"))
        await counter.buy()
        await counter.ends_well()
        assert await counter.state() is PurchaseState.VOID
        assert billing_double.land() == 1
        assert await counter.ends() == {"no_access": 1}
