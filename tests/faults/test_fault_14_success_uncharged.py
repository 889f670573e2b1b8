"""Fault 14: billing says "success" and has charged nothing.

What stays unseen: without `status` only billing's own books, or a settlement file, would show it.
"""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B, CLASS_D
from tests.doubles.misbehaviour import success_but_late, success_uncharged
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]


@pytest.mark.parametrize("can", ASKED)
async def test_access_ends_when_no_charge_stands(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", success_uncharged())
        assert (await counter.buy()).state is PurchaseState.GRANTED
        await counter.pass_time(timedelta(minutes=14))
        assert await counter.state() is PurchaseState.GRANTED  # it may land yet
        await counter.ends_well()
        assert await counter.state() is PurchaseState.REVERSED
        assert billing_double.charges() == []
        assert billing_double.requests("refund") == []


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize(("minutes", "ended"), [(10, PurchaseState.GRANTED), (60, PurchaseState.REVERSED)])
async def test_one_that_lands_later_is_kept_or_given_back(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str],
    minutes: int, ended: PurchaseState,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", success_but_late())
        assert (await counter.buy()).state is PurchaseState.GRANTED
        await counter.pass_time(timedelta(minutes=minutes))
        assert billing_double.land() == 1
        await counter.ends_well()
        assert await counter.state() is ended
        assert len(billing_double.standing()) == int(ended is PurchaseState.GRANTED)


@pytest.mark.parametrize(
    ("can", "proved"), [(CLASS_D, []), (CLASS_A, ["idempotent"])], ids=["D", "idempotent"]
)
async def test_where_nothing_can_be_asked_it_stays_unseen(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str],
    proved: list[str],
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, can, proved=proved) as counter:
        billing_double.behave("charge", success_uncharged())
        assert (await counter.buy()).state is PurchaseState.GRANTED
        assert await counter.ends() == {"no_charge": 1}
