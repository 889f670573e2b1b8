"""Buying, from the invoice to the right to play, on a real database."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from tests.factories.sale import CREDITS, PRICE
from tests.factories.shop import open_shop

from matinee.kernel.errors import Refused
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Charge, Fault
from matinee.provisions.types import Capability
from matinee.purchases.errors import AlreadyHeld, KeyReused, QuoteStale
from matinee.purchases.operations.gate import Breaker, breaker_of
from matinee.purchases.rules.references import charge_reference
from matinee.purchases.types import PurchaseState

A = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})
B = frozenset({Capability.STATUS, Capability.REFUND})
D: frozenset[Capability] = frozenset()


async def test_buying_charges_once_and_grants(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person()
        purchase = await shop.buy(ann)
        assert purchase.state is PurchaseState.GRANTED
        assert (shop.standing(purchase), len(shop.billing.requests)) == (1, 1)
        await shop.pass_time(timedelta(days=2), step=timedelta(minutes=7))
        assert (await shop.read(purchase)).state is PurchaseState.GRANTED
        assert shop.standing(purchase) == 1
        assert await shop.broken() == []


async def test_the_same_key_returns_the_same_purchase_also_after_an_hour(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person()
        quote = await shop.quote(ann)
        first = await shop.confirm(ann, quote)
        await shop.pass_time(timedelta(hours=1), step=timedelta(minutes=10))
        again = await shop.confirm(ann, quote, device=1)
        assert again.purchase_id == first.purchase_id
        assert len(shop.billing.requests) == 1


async def test_a_hundred_clicks_charge_once(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=D) as shop:
        ann = await shop.person()
        quote = await shop.quote(ann)
        bought = await asyncio.gather(*(shop.confirm(ann, quote) for _ in range(100)))
        assert {purchase.purchase_id for purchase in bought} == {quote.quote.purchase_id}
        assert len(shop.billing.requests) == 1


async def test_two_devices_at_once_share_one_purchase(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=D) as shop:
        ann = await shop.person()
        one, other = await shop.quote(ann), await shop.quote(ann)
        bought = await asyncio.gather(shop.confirm(ann, one), shop.confirm(ann, other, device=1))
        assert len({purchase.purchase_id for purchase in bought}) == 1
        assert len(shop.billing.requests) == 1
        again = await shop.confirm(ann, other, device=1)
        assert again.purchase_id == bought[0].purchase_id


async def test_another_invoice_under_the_same_key_is_refused(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person()
        quote = await shop.quote(ann)
        await shop.confirm(ann, quote)
        cheaper = msgspec.structs.replace(quote.quote, amount_minor=1)
        with pytest.raises(KeyReused):
            await shop.confirm(ann, shop.services.quotes.sign(cheaper, now=shop.clock.moment))


async def test_an_invoice_that_ran_out_brings_a_new_one_and_charges_nothing(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person()
        quote = await shop.quote(ann)
        shop.clock.advance(timedelta(minutes=10))
        with pytest.raises(QuoteStale) as stale:
            await shop.confirm(ann, quote)
        assert shop.billing.requests == []
        renewed = await shop.confirm(ann, stale.value.renewed)
        assert (renewed.state, renewed.amount_minor) == (PurchaseState.GRANTED, PRICE)


async def test_no_second_invoice_while_the_right_lasts_and_a_new_reference_after_it(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person()
        first = await shop.buy(ann)
        with pytest.raises(AlreadyHeld) as held:
            await shop.quote(ann)
        assert held.value.purchase_id == first.purchase_id
        await shop.pass_time(timedelta(hours=48), step=timedelta(hours=1))
        second = await shop.buy(ann)
        assert second.reference != first.reference
        assert (shop.standing(first), shop.standing(second)) == (1, 1)
        assert await shop.broken() == []


async def test_a_refusal_frees_the_slot_and_charges_nothing(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person()
        shop.billing.choose = lambda call: Fault.DECLINED if call == "charge" else Fault.OK
        refused = await shop.buy(ann)
        assert (refused.state, refused.decline_reason) == (PurchaseState.DECLINED, "insufficient_funds")
        shop.billing.choose = lambda call: Fault.OK
        second = await shop.buy(ann)
        assert second.state is PurchaseState.GRANTED
        assert (shop.standing(refused), shop.standing(second)) == (0, 1)


async def test_a_wallet_pays_in_the_same_transaction(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A, films=2) as shop:
        ann = await shop.person(wallet=CREDITS)
        purchase = await shop.buy(ann)
        assert (purchase.state, purchase.amount_minor, purchase.currency) == (
            PurchaseState.GRANTED,
            CREDITS,
            "CREDIT",
        )
        assert shop.billing.requests == []
        with pytest.raises(Refused) as refused:
            await shop.quote(ann, shop.sale.movie_ids[1])
        assert refused.value.code == "wallet_too_low"
        assert await shop.broken() == []


async def test_the_spending_limit_counts_purchases_that_are_open(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A, films=2) as shop:
        ann = await shop.person(spending_limit_minor=PRICE)
        other = await shop.quote(ann, shop.sale.movie_ids[1])
        shop.billing.choose = lambda call: Fault.ANSWER_LOST
        assert (await shop.buy(ann)).state is PurchaseState.UNKNOWN
        with pytest.raises(Refused) as refused:
            await shop.confirm(ann, other)
        assert refused.value.code == "spending_limit"


async def test_a_charge_that_the_database_forgot_is_found_and_ends_the_trial_of_silent_billing(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(database_urls, capabilities=B) as shop:
        shop.billing.choose = lambda call: Fault.REQUEST_LOST if call == "charge" else Fault.OK
        for _ in range(5):
            await shop.buy(await shop.person())
        shop.clock.advance(timedelta(seconds=15))
        ann = await shop.person()
        reference = charge_reference(
            shop.services.reference_key, operator_id=shop.operator_id, customer_id=ann.customer_id,
            item_kind="movie", item_id=shop.sale.movie_id, generation=0,
        )  # fmt: skip
        forgotten = Charge(
            charge_id="tx-0", reference=reference, amount="4.99", currency="EUR", at=shop.clock.moment
        )
        shop.billing.charges[reference].append(forgotten)
        purchase = await shop.buy(ann)
        assert (purchase.state, purchase.billing_transaction) == (PurchaseState.GRANTED, "tx-0")
        assert shop.billing.charges[reference] == [forgotten]
        async with shop.database.transaction(shop.operator_id) as tx:
            breaker = await breaker_of(tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id)
        assert breaker == Breaker()
