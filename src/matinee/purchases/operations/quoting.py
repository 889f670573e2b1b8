"""Making the invoice, and checking at confirmation that what it depends on still holds."""

from datetime import datetime
from uuid import UUID

import msgspec

from matinee.customers.queries import get_customer
from matinee.customers.rules import status_of
from matinee.customers.types import Customer, EffectiveStatus, PaymentType
from matinee.kernel.errors import Refused
from matinee.kernel.ids import new_id
from matinee.kernel.money import CREDIT, tax_included
from matinee.offers.documents import ItemDocument, OfferDocument, ProductDocument, sold_until
from matinee.offers.quotes import QUOTE_LIFETIME, Quote, QuoteSigner, SignedQuote
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.queries import proved_capabilities
from matinee.provisions.rules import provision_class
from matinee.purchases import queries
from matinee.purchases.errors import AlreadyHeld
from matinee.purchases.queries.facts import Facts, sale_facts

_MAY_RENT = frozenset({EffectiveStatus.ACTIVE, EffectiveStatus.TRIAL})


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase would rest on at this moment."""

    customer: Customer
    product: ProductDocument
    item: ItemDocument
    offer: OfferDocument
    amount_minor: int
    provision_id: UUID | None
    provision_version: int | None


async def make_quote(
    tx: Transaction,
    *,
    operator: Operator,
    signer: QuoteSigner,
    customer_id: UUID,
    section: str,
    item_kind: str,
    item_id: UUID,
    now: datetime,
) -> SignedQuote:
    """Return the invoice for one item, signed. `section` is the published catalogue of the device's category.

    Raises AlreadyHeld while a purchase holds the slot, and Refused (`not_for_sale`, `subscription_cannot_rent`,
    `customer_not_active`, `spending_limit`, `wallet_too_low`).
    """
    customer = await get_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
    facts = await sale_facts(
        tx, operator_id=operator.operator_id, customer_id=customer_id, product_id=customer.product_id,
        section=section, item_kind=item_kind, item_id=item_id,
    )  # fmt: skip
    if facts.holder_id is not None:
        holder = await queries.get_purchase(
            tx, operator_id=operator.operator_id, customer_id=customer_id, purchase_id=facts.holder_id
        )
        if await queries.holds_slot_now(tx, holder=holder, now=now):
            raise AlreadyHeld(holder.purchase_id)
    terms = terms_of(facts, customer=customer, item_kind=item_kind, now=now)
    await check_means(
        tx, operator=operator, customer=customer, amount_minor=terms.amount_minor,
        currency=terms.product.currency, now=now,
    )  # fmt: skip
    return signer.sign(_quote(operator, terms, item_kind, now), now=now)


def _quote(operator: Operator, terms: Terms, item_kind: str, now: datetime) -> Quote:
    currency = terms.product.currency
    rate = 0 if currency == CREDIT else operator.tax_rate_basis_points
    if terms.item.runtime_minutes is None:
        raise Refused("It is not known how long this lasts, so it cannot be rented yet.", code="not_for_sale")
    return Quote(
        operator_id=operator.operator_id,
        customer_id=terms.customer.customer_id,
        purchase_id=new_id(),
        item_kind=item_kind,
        item_id=terms.item.id,
        title=terms.item.title,
        rule_id=terms.offer.rule_id,
        rule_name=terms.offer.rule_name,
        rule_unit=terms.offer.unit,
        rule_quantity=terms.offer.quantity,
        finish_window_hours=terms.offer.finish_window_hours,
        runtime_minutes=terms.item.runtime_minutes,
        licence_ends_at=sold_until(terms.item),
        amount_minor=terms.amount_minor,
        currency=currency,
        tax_minor=tax_included(terms.amount_minor, rate),
        tax_rate_basis_points=rate,
        payment_type=terms.product.payment_type,
        product_id=terms.product.id,
        provision_id=terms.provision_id,
        provision_version=terms.provision_version,
        expires_at=now + QUOTE_LIFETIME,
    )


async def current_terms(
    tx: Transaction,
    *,
    operator: Operator,
    customer: Customer,
    section: str,
    item_kind: str,
    item_id: UUID,
    now: datetime,
) -> Terms:
    """Return the terms as of now. Raises as `terms_of`."""
    facts = await sale_facts(
        tx, operator_id=operator.operator_id, customer_id=customer.customer_id,
        product_id=customer.product_id, section=section, item_kind=item_kind, item_id=item_id,
    )  # fmt: skip
    return terms_of(facts, customer=customer, item_kind=item_kind, now=now)


def terms_of(facts: Facts, *, customer: Customer, item_kind: str, now: datetime) -> Terms:
    """Return the published terms for this customer. What was taken away since the last sync counts at once.

    Raises Refused (`customer_not_active`, `subscription_cannot_rent`, `not_for_sale`).
    """
    if status_of(customer, now) not in _MAY_RENT:
        raise Refused("Your account is not active, so nothing can be rented.", code="customer_not_active")
    product = _published_product(facts)
    if product.payment_type == PaymentType.SUBSCRIPTION:
        raise Refused("Your subscription does not include renting.", code="subscription_cannot_rent")
    item = _published_item(facts)
    noun = item_noun(item_kind)
    if facts.live_ends_at is not None and now >= facts.live_ends_at:
        raise _not_for_sale("This live event is over.")
    until = sold_until(item)
    licensed = until is None or now < until
    if not (licensed and _still_sold(facts, now)):
        raise _not_for_sale(f"This {noun} is not for rent at the moment.")
    if item.offer is None:
        raise _not_for_sale(f"This {noun} is part of a subscription and cannot be rented.")
    amount = item.offer.prices.get(product.currency, 0)
    if amount <= 0:
        raise _not_for_sale(f"This {noun} has no price in your currency.")
    provision_id, version = _provision(facts, product, item_kind)
    return Terms(
        customer=customer,
        product=product,
        item=item,
        offer=item.offer,
        amount_minor=amount,
        provision_id=provision_id,
        provision_version=version,
    )


async def check_means(
    tx: Transaction,
    *,
    operator: Operator,
    customer: Customer,
    amount_minor: int,
    currency: str,
    now: datetime,
) -> None:
    """Check limit and credit. Raises Refused (`spending_limit`, `wallet_too_low`)."""
    if currency == CREDIT:
        balance = await queries.wallet_balance(
            tx, operator_id=operator.operator_id, customer_id=customer.customer_id
        )
        if balance < amount_minor:
            raise Refused("Your balance is too low. Nothing was charged.", code="wallet_too_low")
    if customer.spending_limit_minor is None:
        return
    if customer.spending_limit_currency != currency:
        # Currencies are not converted, and a limit that cannot be counted must not be no limit.
        raise Refused(
            "Your monthly limit is in another currency. Nothing was charged. Ask your operator to renew it.",
            code="spending_limit",
        )
    month = now.astimezone(operator.zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    spent = await queries.spent_since(
        tx, operator_id=operator.operator_id, customer_id=customer.customer_id, currency=currency, since=month
    )
    if spent + amount_minor > customer.spending_limit_minor:
        raise Refused("This would go over your monthly limit. Nothing was charged.", code="spending_limit")


_NOUNS = {"movie": "film", "live_event": "live event", "season": "season"}


def item_noun(item_kind: str) -> str:
    """Return what subscribers call an item of a kind."""
    return _NOUNS.get(item_kind, "title")


_PRODUCTS = msgspec.json.Decoder(ProductDocument)
_ITEMS: msgspec.json.Decoder[ItemDocument] = msgspec.json.Decoder(ItemDocument)


def _published_product(facts: Facts) -> ProductDocument:
    if facts.product_document is None:
        raise _not_for_sale("Renting is not set up for your subscription yet.")
    return _PRODUCTS.decode(facts.product_document)


def _published_item(facts: Facts) -> ItemDocument:
    if facts.item_document is None:
        raise _not_for_sale("This is not in the catalogue any more.")
    return _ITEMS.decode(facts.item_document)


def _still_sold(facts: Facts, now: datetime) -> bool:
    """Say whether the CMS still has the item on sale, whatever is published."""
    return (
        facts.live_item_id is not None
        and facts.live_payment_method == "ppv"
        and facts.live_withdrawn_at is None
        and facts.live_archived_at is None
        and (facts.live_licence_ends_at is None or now < facts.live_licence_ends_at)
    )


def _provision(facts: Facts, product: ProductDocument, item_kind: str) -> tuple[UUID | None, int | None]:
    if product.payment_type != PaymentType.API:
        return None, None
    pointer = product.provisions.get(item_kind)
    if pointer is None or facts.provision_id is None:
        raise _not_for_sale("Renting this is not set up for your subscription yet.")
    if facts.provision_switched_off_at is not None:
        raise _not_for_sale("Renting is switched off at the moment.")
    capabilities = proved_capabilities(config=facts.billing_config, probes=facts.billing_probes)
    if provision_class(capabilities) == "D" and not facts.class_d_accepted:
        raise _not_for_sale("Renting is not available at the moment.")
    return pointer.provision_id, pointer.version


def _not_for_sale(message: str) -> Refused:
    return Refused(message, code="not_for_sale")
