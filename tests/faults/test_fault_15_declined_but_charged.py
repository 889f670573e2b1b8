"""Fault 15: billing says "declined" and has charged.

What stays unseen: without `status` and without `cancel`, only billing's own books or a settlement file show it.
"""

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B, CLASS_D
from tests.doubles.misbehaviour import Behaviour, declined_but_charged
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("honour", [False, True], ids=["reversed", "honoured"])
@pytest.mark.parametrize("times", [1, 2])
async def test_the_watch_finds_it(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str],
    honour: bool, times: int,
) -> None:  # fmt: skip
    lie = Behaviour(effect="twice", says="declined") if times == 2 else declined_but_charged()
    async with open_counter(module_database_urls, billing_double, can, honour_late_charges=honour) as counter:
        billing_double.behave("charge", lie)
        assert (await counter.buy()).state is PurchaseState.DECLINED
        await counter.ends_well()
        assert await counter.state() is (PurchaseState.GRANTED if honour else PurchaseState.REVERSED)
        assert len(billing_double.standing()) == int(honour)


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("honour", [False, True])
async def test_who_has_bought_again_meanwhile_pays_once(
    module_database_urls: EmbeddedPostgresInfo,
    billing_double: BillingDouble,
    can: frozenset[str],
    honour: bool,
) -> None:
    async with open_counter(module_database_urls, billing_double, can, honour_late_charges=honour) as counter:
        billing_double.behave("charge", declined_but_charged())
        first, again = await counter.buy(), await counter.buy()
        assert (first.state, again.state) == (PurchaseState.DECLINED, PurchaseState.GRANTED)
        await counter.ends_well()
        assert [charge.reference for charge in billing_double.standing()] == [again.reference]


@pytest.mark.parametrize(
    ("can", "proved"), [(CLASS_D, []), (CLASS_A, ["idempotent"])], ids=["D", "idempotent"]
)
async def test_where_nothing_can_be_asked_it_stays_unseen(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str],
    proved: list[str],
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, can, proved=proved) as counter:
        billing_double.behave("charge", declined_but_charged())
        assert (await counter.buy()).state is PurchaseState.DECLINED
        assert await counter.ends() == {"no_access": 1}
