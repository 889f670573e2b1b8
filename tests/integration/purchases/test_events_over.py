"""A charge that is found only when the live event is over: nobody pays for what could not be watched."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from tests.factories.kinds import add_event, provisions_for
from tests.factories.sale import billing_config
from tests.factories.shop import Shop, open_shop

from matinee.entitlements.operations import give_grant
from matinee.entitlements.queries import entitlement_of_purchase
from matinee.entitlements.types import GrantTerms
from matinee.kernel.ids import new_id
from matinee.platform.audit import Actor
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import BillingTarget, CallName, Capabilities, Capability, StatusResult, Values
from matinee.purchases.operations.by_file import settle_by_file
from matinee.purchases.operations.by_staff import settle_by_staff
from matinee.purchases.operations.quoting import make_quote
from matinee.purchases.rules.by_file import FileEffect, FileEntry, FileEvidence
from matinee.purchases.types import Purchase, PurchaseState, StaffVerdict

B: Capabilities = frozenset({Capability.STATUS, Capability.REFUND})
D_AND_REFUND: Capabilities = frozenset({Capability.REFUND})
NAMES_NONE = billing_config(refund_names_charge=False)
SECTION = "movies_handheld"
ADA = Actor("staff", UUID(int=7), "Ada Care")
Finds = Callable[[Shop, Purchase], Awaitable[object]]


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


async def test_a_first_answer_that_comes_too_late_is_given_back(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=B) as shop:

        def slow(call: CallName) -> Fault:
            if call == "charge":
                shop.clock.advance(timedelta(seconds=2))
            return Fault.OK

        shop.billing.choose = slow
        purchase = await _rent(shop, ends_in=timedelta(seconds=1))
        assert purchase.state is PurchaseState.REVERSING
        assert await shop.broken() == []
        await shop.pass_time(timedelta(days=2), step=timedelta(minutes=30))
        assert ((await shop.read(purchase)).state, shop.standing(purchase)) == (PurchaseState.REVERSED, 0)


async def test_a_forgotten_charge_that_is_found_before_the_new_one_is_given_back(
    module_database_urls: EmbeddedPostgresInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(module_database_urls, capabilities=B) as shop:
        ask = shop.billing.status

        async def forgotten(target: BillingTarget, values: Values) -> StatusResult:
            if not shop.billing.charges:
                await shop.billing.charge(target, values)
                shop.clock.advance(timedelta(seconds=2))
            return await ask(target, values)

        monkeypatch.setattr(shop.billing, "status", forgotten)
        purchase = await _rent(shop, ends_in=timedelta(seconds=1))
        assert purchase.state is PurchaseState.REVERSING
        await shop.pass_time(timedelta(days=2), step=timedelta(minutes=30))
        assert ((await shop.read(purchase)).state, shop.standing(purchase)) == (PurchaseState.REVERSED, 0)
        assert await shop.broken() == []


async def _in_a_file(shop: Shop, purchase: Purchase) -> None:
    (taken,) = shop.billing.standing(purchase.reference)
    charge = FileEntry(taken.charge_id, purchase.amount_minor, purchase.currency)
    async with shop.database.transaction(shop.operator_id) as tx:
        assert await settle_by_file(
            tx, operator=shop.sale.operator, reference_key=shop.services.reference_key,
            customer_id=purchase.customer_id, purchase_id=purchase.purchase_id, effect=FileEffect.GRANT,
            evidence=FileEvidence(charges=(charge,)), file_id=new_id(), reason="month's end", actor=ADA,
        )  # fmt: skip


async def _by_staff(shop: Shop, purchase: Purchase) -> None:
    async with shop.database.transaction(shop.operator_id) as tx:
        await settle_by_staff(
            tx, operator=shop.sale.operator, reference_key=shop.services.reference_key,
            customer_id=purchase.customer_id, purchase_id=purchase.purchase_id, verdict=StaffVerdict.CHARGED,
            reason="in billing's books", actor=ADA,
        )  # fmt: skip


FOUND = [pytest.param(_in_a_file, id="in a file"), pytest.param(_by_staff, id="by staff")]


@pytest.mark.parametrize("finds", FOUND)
@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.BOTH_RULES_MATCH], ids=["unclear", "review"])
async def test_one_that_people_find_too_late_is_given_back(
    module_database_urls: EmbeddedPostgresInfo, finds: Finds, fault: Fault
) -> None:
    async with open_shop(module_database_urls, capabilities=D_AND_REFUND, config=NAMES_NONE) as shop:
        shop.billing.choose = lambda call: fault if call == "charge" else Fault.OK
        purchase = await _rent(shop, ends_in=timedelta(minutes=10))
        await shop.pass_time(timedelta(minutes=20), step=timedelta(minutes=10))
        await finds(shop, purchase)
        assert (await shop.read(purchase)).state is PurchaseState.REVERSING
        assert await shop.broken() == []
        await shop.pass_time(timedelta(minutes=1))
        assert ((await shop.read(purchase)).state, shop.standing(purchase)) == (PurchaseState.REVERSED, 0)


@pytest.mark.parametrize("finds", FOUND)
async def test_it_pays_for_the_free_grant_that_had_helped_over(
    module_database_urls: EmbeddedPostgresInfo, finds: Finds
) -> None:
    """The customer could watch the event, so the charge is due although it is found after it."""
    async with open_shop(module_database_urls, capabilities=D_AND_REFUND, config=NAMES_NONE) as shop:
        shop.billing.choose = lambda call: Fault.ANSWER_LOST if call == "charge" else Fault.OK
        purchase = await _rent(shop, ends_in=timedelta(minutes=10))
        async with shop.database.transaction(shop.operator_id) as tx:
            now = await tx.now()
            await give_grant(
                tx, operator_id=shop.operator_id, customer_id=purchase.customer_id, grant_id=new_id(), now=now,
                terms=GrantTerms(
                    item_kind="live_event", item_id=purchase.item_id, runtime_minutes=180, rule_name="",
                    startable_until=now + timedelta(minutes=10), finish_window_hours=None,
                    licence_ends_at=purchase.licence_ends_at, for_purchase_id=purchase.purchase_id,
                ), reason="billing is slow", actor=ADA,
            )  # fmt: skip
        await shop.pass_time(timedelta(minutes=20), step=timedelta(minutes=10))
        await finds(shop, purchase)
        await shop.pass_time(timedelta(minutes=1))
        assert ((await shop.read(purchase)).state, shop.standing(purchase)) == (PurchaseState.GRANTED, 1)
        assert await shop.broken() == []
