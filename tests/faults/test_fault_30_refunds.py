"""Fault 30: a refund is lost, duplicated or refused.

Class D has no refund call: finance gives the money back by other means, and says so.
"""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B, CLASS_D
from tests.doubles.misbehaviour import (
    Behaviour,
    answer_lost,
    declined,
    error_before,
    lands_late,
    proxy_repeats,
    request_lost,
    success_uncharged,
)
from tests.doubles.wire import send
from tests.faults.counter import STAFF, Counter, open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.operations.by_staff import close_open_refund, refund_by_staff
from matinee.purchases.types import Purchase, PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]
UNCLEAR = {
    "request lost": request_lost("reset"),
    "answer lost": answer_lost(),
    "error after": Behaviour(says="error", code=500),
    "error before": error_before(),
    "repeated by a proxy": proxy_repeats(),
    "success that was none": success_uncharged(),
}


async def bought_and_asked_back(counter: Counter) -> Purchase:
    bought = await counter.buy()
    assert bought.state is PurchaseState.GRANTED
    await counter.pass_time(timedelta(hours=1))
    return await ask_back(counter, bought)


async def ask_back(counter: Counter, bought: Purchase) -> Purchase:
    async with counter.database.transaction(counter.operator_id) as tx:
        return await refund_by_staff(
            tx, operator=counter.sale.operator, reference_key=counter.services.reference_key,
            customer_id=bought.customer_id, purchase_id=bought.purchase_id, reason="asked for it", actor=STAFF,
        )  # fmt: skip


async def close(counter: Counter, purchase: Purchase) -> None:
    """What finance does for a refund that billing would not make: by billing's own means, then on record."""
    for charge in counter.billing.standing(purchase.reference):
        given = {"reference": charge.reference, "refund_reference": "by-hand", "charge": charge.transaction}
        counter.billing.configure(capabilities=CLASS_A)
        assert send(f"{counter.billing.base_url}/refund", given).code == 200
    async with counter.database.transaction(counter.operator_id) as tx:
        await close_open_refund(
            tx, operator=counter.sale.operator, customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id, reason="paid back by hand", actor=STAFF,
        )  # fmt: skip


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("refund", UNCLEAR.values(), ids=UNCLEAR)
async def test_an_unclear_refund_is_made_once_and_touches_no_other_charge(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str],
    refund: Behaviour,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("refund", refund)
        asked = await bought_and_asked_back(counter)
        assert asked.state is PurchaseState.REVERSING
        again = await counter.buy()  # the film is bought once more while the money is on its way back
        assert again.state is PurchaseState.GRANTED
        await counter.ends_well()
        states = {one.purchase_id: one.state for one in await counter.purchases()}
        assert states == {
            asked.purchase_id: PurchaseState.REVERSED,
            again.purchase_id: PurchaseState.GRANTED,
        }
        assert [charge.reference for charge in billing_double.standing()] == [again.reference]


@pytest.mark.parametrize("can", ASKED)
async def test_a_refund_that_lands_minutes_later_is_made_once(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("refund", lands_late(how="reset"))
        asked = await bought_and_asked_back(counter)
        await counter.pass_time(timedelta(minutes=5))
        billing_double.land()
        await counter.ends_well()
        assert (await counter.state(), billing_double.standing(asked.reference)) == (
            PurchaseState.REVERSED,
            [],
        )


@pytest.mark.parametrize("can", ASKED)
async def test_a_refusal_goes_to_finance_and_is_closed_by_it(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.always("refund", declined())
        asked = await bought_and_asked_back(counter)
        await counter.pass_time(timedelta(hours=1))
        (purchase,) = await counter.purchases()
        assert purchase.state is PurchaseState.REFUND_OPEN
        await counter.holds()
        billing_double.always("refund", Behaviour())
        await close(counter, asked)
        await counter.ends_well()
        assert (await counter.state(), billing_double.standing()) == (PurchaseState.REVERSED, [])


async def test_without_a_refund_call_finance_gives_the_money_back(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_D) as counter:
        asked = await bought_and_asked_back(counter)
        await counter.pass_time(timedelta(minutes=10))
        assert await counter.state() is PurchaseState.REFUND_OPEN
        await counter.holds()
        await close(counter, asked)
        await counter.ends_well()
        assert (await counter.state(), billing_double.standing()) == (PurchaseState.REVERSED, [])
