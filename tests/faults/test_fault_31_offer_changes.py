"""Fault 31: the offer ends, or its price changes, between invoice and answer."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import answer_lost, held
from tests.factories.sale import publish
from tests.faults.counter import Counter, open_counter

from matinee.entitlements.queries import entitlement_of_purchase
from matinee.kernel.errors import Refused
from matinee.offers.documents import MovieDocument
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


async def sell_for(counter: Counter, price: int) -> None:
    """Publish another price."""
    async with counter.database.transaction(counter.operator_id) as tx:
        text = await tx.fetchval(
            "SELECT document::text FROM published_items WHERE operator_id = $1 AND item_id = $2"
            " AND section = 'movies_handheld'", counter.operator_id, counter.sale.movie_id,
        )  # fmt: skip
        film = msgspec.json.decode(text, type=MovieDocument)
        assert film.offer is not None
        offer = msgspec.structs.replace(film.offer, prices={"EUR": price})
        await publish(
            tx, counter.operator_id, "movies_handheld", film.id, msgspec.structs.replace(film, offer=offer),
            counter.clock.moment,
        )  # fmt: skip


async def withdraw(counter: Counter) -> None:
    """Take the film off sale."""
    async with counter.database.transaction(counter.operator_id) as tx:
        await tx.execute(
            "UPDATE items SET withdrawn_at = $3 WHERE operator_id = $1 AND item_id = $2",
            counter.operator_id, counter.sale.movie_id, counter.clock.moment,
        )  # fmt: skip


async def license_until(counter: Counter, moment: datetime) -> None:
    async with counter.database.transaction(counter.operator_id) as tx:
        await tx.execute(
            "UPDATE items SET licence_ends_at = $3 WHERE operator_id = $1 AND item_id = $2",
            counter.operator_id, counter.sale.movie_id, moment,
        )  # fmt: skip


@pytest.mark.parametrize("price", [1, 99_900])
@pytest.mark.parametrize("when", ["before", "during"])
async def test_the_price_on_the_invoice_is_charged(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    price: int, when: str,
) -> None:  # fmt: skip
    async with open_counter(
        module_database_urls, billing_double, capabilities, timeout_seconds=10
    ) as counter:
        signed = await counter.quote()
        if when == "before":
            await sell_for(counter, price)
            bought = await counter.confirm(signed)
        else:
            billing_double.behave("charge", held("before"))
            buying = asyncio.create_task(counter.confirm(signed))
            await billing_double.holding()
            await sell_for(counter, price)
            billing_double.release()
            bought = await buying
        assert (bought.state, bought.amount_minor) == (PurchaseState.GRANTED, 499)
        await counter.ends_well()
        assert [charge.amount for charge in billing_double.charges()] == [Decimal("4.99")]


async def test_the_next_invoice_has_the_new_price(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double) as counter:
        await sell_for(counter, 699)
        bought = await counter.buy()
        assert (bought.state, bought.amount_minor) == (PurchaseState.GRANTED, 699)
        await counter.ends_well()
        assert [charge.amount for charge in billing_double.charges()] == [Decimal("6.99")]


@pytest.mark.parametrize("ends", ["withdrawn", "licence"])
async def test_an_offer_that_ended_after_the_invoice_is_not_charged(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    ends: str,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        signed = await counter.quote()
        if ends == "withdrawn":
            await withdraw(counter)
        else:
            await license_until(counter, counter.clock.moment)
        with pytest.raises(Refused) as refused:
            await counter.confirm(signed)
        assert refused.value.code == "not_for_sale"
        assert (await counter.purchases(), billing_double.requests()) == ([], [])
        await counter.ends_well()


@pytest.mark.parametrize("answer", ["late", "lost"])
async def test_an_offer_that_ends_during_the_charge_has_been_sold(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    answer: str,
) -> None:  # fmt: skip
    """What was bought stays bought: the right lasts as the invoice said, whatever the catalogue does."""
    async with open_counter(
        module_database_urls, billing_double, capabilities, timeout_seconds=10
    ) as counter:
        signed = await counter.quote()
        if answer == "late":
            billing_double.behave("charge", held("after"))
            buying = asyncio.create_task(counter.confirm(signed))
            await billing_double.holding()
        else:
            billing_double.behave("charge", answer_lost())
            assert (await counter.confirm(signed)).state is PurchaseState.UNKNOWN
        await withdraw(counter)
        await license_until(counter, counter.clock.moment)
        billing_double.release()
        if answer == "late":
            assert (await buying).state is PurchaseState.GRANTED
        await counter.ends_well()
        (purchase,) = await counter.purchases()
        assert purchase.state is PurchaseState.GRANTED
        assert purchase.granted_at is not None
        async with counter.database.transaction(counter.operator_id) as tx:
            right = await entitlement_of_purchase(
                tx, operator_id=counter.operator_id, customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
            )  # fmt: skip
        assert right is not None
        assert right.startable_until == purchase.granted_at + timedelta(hours=48)
