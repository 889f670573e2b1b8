"""A charge that is found only when the live event is over: nobody pays for what could not be watched."""

from datetime import timedelta

from tests.factories.kinds import add_event, provisions_for
from tests.factories.shop import Shop, open_shop

from matinee.entitlements.queries import entitlement_of_purchase
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import Capabilities, Capability
from matinee.purchases.operations.quoting import make_quote
from matinee.purchases.types import Purchase, PurchaseState

B: Capabilities = frozenset({Capability.STATUS, Capability.REFUND})
SECTION = "movies_handheld"


async def _rent(shop: Shop, *, ends_in: timedelta) -> Purchase:
    await provisions_for(shop, "movie", "live_event")
    on_air = await add_event(shop, starts_in=-timedelta(hours=1), lasts=timedelta(hours=1) + ends_in)
    person = await shop.person()
    async with shop.database.transaction(shop.operator_id) as tx:
        signed = await make_quote(
            tx, operator=shop.sale.operator, signer=shop.services.quotes, customer_id=person.customer_id,
            section=SECTION, item_kind="live_event", item_id=on_air.event.item_id, now=shop.clock.moment,
        )  # fmt: skip
    return await shop.confirm(person, signed)


async def test_it_is_given_back(module_database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(module_database_urls, capabilities=B) as shop:
        shop.billing.choose = lambda call: Fault.ANSWER_LOST if call == "charge" else Fault.OK
        purchase = await _rent(shop, ends_in=timedelta(seconds=1))
        assert purchase.state is PurchaseState.UNKNOWN
        await shop.pass_time(timedelta(days=2), step=timedelta(minutes=30))
        assert (await shop.read(purchase)).state is PurchaseState.REVERSED
        assert shop.standing(purchase) == 0
        assert await shop.broken() == []


async def test_while_the_event_lasts_it_is_granted(module_database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(module_database_urls, capabilities=B) as shop:
        shop.billing.choose = lambda call: Fault.ANSWER_LOST if call == "charge" else Fault.OK
        purchase = await _rent(shop, ends_in=timedelta(hours=1))
        await shop.pass_time(timedelta(minutes=1))
        granted = await shop.read(purchase)
        assert (granted.state, shop.standing(purchase)) == (PurchaseState.GRANTED, 1)
        async with shop.database.transaction(shop.operator_id) as tx:
            right = await entitlement_of_purchase(
                tx, operator_id=shop.operator_id, customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
            )  # fmt: skip
        assert right is not None
        assert right.startable_until == purchase.licence_ends_at
