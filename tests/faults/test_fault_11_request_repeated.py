"""Fault 11: a proxy between us and billing sends one request on twice.

What stays unseen: without `idempotent` and without `status` the second charge shows only in billing's own books.
"""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B, CLASS_D
from tests.doubles.misbehaviour import Behaviour, proxy_repeats
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@pytest.mark.parametrize(
    ("can", "charged"), [pytest.param(CLASS_A, 1, id="A"), pytest.param(CLASS_B, 2, id="B")]
)
@pytest.mark.parametrize("late", [None, 5, 300], ids=["at once", "minutes later", "hours later"])
async def test_one_charge_is_left(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str],
    charged: int, late: int | None,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", proxy_repeats(late=late is not None))
        assert (await counter.buy()).state is PurchaseState.GRANTED
        if late is not None:
            await counter.pass_time(timedelta(minutes=late))
            assert billing_double.land() == 1
        assert len(billing_double.charges()) == charged
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert (len(billing_double.standing()), len(billing_double.requests("charge"))) == (1, 1)


@pytest.mark.parametrize("can", [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")])
async def test_also_when_its_answer_is_lost(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", Behaviour(effect="twice", delivery="reset"))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.standing()) == 1


async def test_where_nothing_can_be_asked_it_stays_unseen(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_D) as counter:
        billing_double.behave("charge", proxy_repeats())
        assert (await counter.buy()).state is PurchaseState.GRANTED
        assert await counter.ends() == {"double": 1}
