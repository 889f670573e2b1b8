"""A subscriber takes back what was not played yet, where the operator allows it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from tests.factories.sale import CREDITS
from tests.factories.shop import Shop, open_shop
from tests.integration.purchases.deciders import balance, rights, told
from tests.simulation.seeded import A, D

from matinee.entitlements.operations import mark_played
from matinee.kernel.errors import NotFound, Refused
from matinee.platform.audit import entries_about
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.operators import Operator
from matinee.purchases.operations.by_subscriber import cancel_by_subscriber
from matinee.purchases.types import Purchase, PurchaseState

S = PurchaseState
HOUR = timedelta(hours=1)


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(database_urls, capabilities=A) as opened:
        yield opened


def allowing(shop: Shop, hours: int | None = 24) -> Operator:
    return msgspec.structs.replace(shop.sale.operator, self_cancel_hours=hours)


async def cancel(shop: Shop, purchase: Purchase, hours: int | None = 24) -> Purchase:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await cancel_by_subscriber(
            tx, operator=allowing(shop, hours), reference_key=shop.services.reference_key,
            customer_id=purchase.customer_id, purchase_id=purchase.purchase_id,
        )  # fmt: skip


async def test_it_ends_access_books_the_liability_and_then_billing_gives_back(shop: Shop) -> None:
    ann = await shop.person()
    purchase = await shop.buy(ann)
    for _ in range(2):
        assert (await cancel(shop, purchase)).state is S.REVERSING
    assert shop.standing(purchase) == 1
    (right,) = await rights(shop, ann)
    assert right.revoked_at == shop.clock.moment
    assert await told(shop) == [("entitlement.ended", "refunded")]
    await shop.pass_time(timedelta(minutes=2))
    assert (await cancel(shop, purchase)).state is S.REVERSED
    assert shop.standing(purchase) == 0
    async with shop.database.transaction(shop.operator_id) as tx:
        (entry,) = await entries_about(
            tx, operator_id=shop.operator_id, subject_kind="purchase", subject_id=purchase.purchase_id
        )
    assert (entry.action, entry.actor_kind, entry.actor_name) == (
        "purchase.cancelled", "subscriber", "The customer",
    )  # fmt: skip
    assert await shop.broken() == []
    assert (await shop.buy(ann)).state is S.GRANTED  # the slot is free


async def test_without_a_refund_call_finance_gives_back(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=D) as shop:
        purchase = await shop.buy(await shop.person())
        await cancel(shop, purchase)
        await shop.pass_time(timedelta(minutes=2))
        assert (await shop.read(purchase)).state is S.REFUND_OPEN
        assert await shop.broken() == []


async def test_a_wallet_has_its_credits_back_at_once(shop: Shop) -> None:
    ann = await shop.person(wallet=CREDITS)
    purchase = await shop.buy(ann)
    assert (await cancel(shop, purchase)).state is S.REVERSED
    assert await balance(shop, ann) == CREDITS


@pytest.mark.parametrize(("hours", "later"), [(None, 0), (2, 2), (100, 48)])
async def test_where_and_when_it_is_not_allowed_nothing_changes(
    shop: Shop, hours: int | None, later: int
) -> None:
    purchase = await shop.buy(await shop.person())
    shop.clock.advance(HOUR * later)
    with pytest.raises(Refused) as refused:
        await cancel(shop, purchase, hours)
    assert refused.value.code == "cannot_cancel"
    assert (await shop.read(purchase)).state is S.GRANTED


async def test_what_was_played_and_what_belongs_to_others_stays(shop: Shop) -> None:
    ann, bob = await shop.person(), await shop.person()
    purchase = await shop.buy(ann)
    with pytest.raises(NotFound):
        await cancel(shop, msgspec.structs.replace(purchase, customer_id=bob.customer_id))
    (right,) = await rights(shop, ann)
    async with shop.database.transaction(shop.operator_id) as tx:
        await mark_played(tx, entitlement=right, now=shop.clock.moment)
    with pytest.raises(Refused):
        await cancel(shop, purchase)
    assert (await shop.read(purchase)).state is S.GRANTED


@pytest.mark.parametrize("cancels_first", [True, False])
async def test_the_first_key_and_the_cancellation_exclude_each_other(shop: Shop, cancels_first: bool) -> None:
    ann = await shop.person()
    purchase = await shop.buy(ann)
    (right,) = await rights(shop, ann)

    async def play() -> None:
        async with shop.database.transaction(shop.operator_id) as tx:
            await mark_played(tx, entitlement=right, now=shop.clock.moment)

    first, second = (cancel(shop, purchase), play()) if cancels_first else (play(), cancel(shop, purchase))
    # Whoever comes first holds the row until it is done; the other one was already on its way.
    async with shop.database.transaction(shop.operator_id) as tx:
        await tx.execute("SELECT 1 FROM entitlements WHERE operator_id = $1 FOR UPDATE", shop.operator_id)
        works = [asyncio.create_task(first)]
        await asyncio.sleep(0.2)
        works.append(asyncio.create_task(second))
        await asyncio.sleep(0.2)
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    assert not isinstance(outcomes[0], BaseException)
    assert isinstance(outcomes[1], Refused)
    (after,) = await rights(shop, ann)
    assert (after.revoked_at is None, after.first_played_at is None) == (not cancels_first, cancels_first)
