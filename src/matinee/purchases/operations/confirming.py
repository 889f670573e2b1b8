"""Confirming an invoice: one purchase for one slot, whatever is pressed and however often."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from matinee.customers.queries import lock_customer_and_clock
from matinee.customers.types import PaymentType
from matinee.kernel.errors import Refused
from matinee.kernel.ids import new_id
from matinee.offers.quotes import Quote, QuoteSigner, SignedQuote
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.queries import BillingRow, read_billing_version
from matinee.provisions.types import BillingTarget, Capabilities
from matinee.purchases import queries
from matinee.purchases.errors import KeyReused, QuoteStale
from matinee.purchases.operations.charging import (
    BillingOrder,
    Payer,
    never_sent,
    order_of,
    time_to_charge,
)
from matinee.purchases.operations.gate import Breaker, Pass, Refusal, admit
from matinee.purchases.operations.quoting import check_means, make_quote, terms_of
from matinee.purchases.operations.wallet import pay_from_wallet
from matinee.purchases.queries import PURCHASE_COLUMNS, purchase_from
from matinee.purchases.queries.facts import Facts, sale_facts
from matinee.purchases.rules import FIRST_CHECK
from matinee.purchases.rules.references import charge_reference
from matinee.purchases.types import Purchase


class Confirmed(msgspec.Struct, frozen=True):
    """The purchase that a confirmation made or found.

    `order`: what the one request is sent with, for a new one that billing is to charge; None: nothing is to be sent.
    """

    purchase: Purchase
    order: BillingOrder | None = None


async def confirm(
    tx: Transaction,
    *,
    operator: Operator,
    signer: QuoteSigner,
    reference_key: bytes,
    signed: SignedQuote,
    idempotency_key: UUID,
    customer_id: UUID,
    device_id: UUID,
    section: str,
    may_claim: bool = True,
) -> Confirmed:
    """Turn a quote into a purchase, claimed for this caller in the same transaction (a wallet's is settled).

    The same key and quote return the purchase they made, also after the quote has run out. While another
    purchase holds the slot, the key is attached to that one. Raises KeyReused, QuoteStale with a new quote,
    and Refused as `make_quote`; nothing is charged then.

    Without `may_claim`, or while its billing has no free place, the purchase stays RESERVED for a worker; while
    its billing is left alone it ends NOT_SENT.
    """
    quote = signed.quote
    if (quote.operator_id, quote.customer_id, quote.purchase_id) != (
        operator.operator_id, customer_id, idempotency_key,
    ):  # fmt: skip
        raise Refused("This invoice is not yours.", code="quote_invalid")
    customer, now = await lock_customer_and_clock(
        tx, operator_id=operator.operator_id, customer_id=customer_id
    )
    # A statement of its own after the lock: it sees what whoever had the lock before has committed.
    facts = await sale_facts(
        tx, operator_id=operator.operator_id, customer_id=customer_id, product_id=customer.product_id,
        section=section, item_kind=quote.item_kind, item_id=quote.item_id, key=idempotency_key,
        provision_id=quote.provision_id, provision_version=quote.provision_version,
    )  # fmt: skip
    found = await _earlier(tx, signed, facts) or await _attached(tx, signed, facts, now)
    if found is not None:
        return Confirmed(found)
    terms = terms_of(facts, customer=customer, item_kind=quote.item_kind, now=now)
    if now >= quote.expires_at or (
        terms.product.id, terms.product.payment_type, terms.product.currency, terms.provision_id,
    ) != (quote.product_id, quote.payment_type, quote.currency, quote.provision_id):  # fmt: skip
        raise QuoteStale(
            await make_quote(
                tx,
                operator=operator,
                signer=signer,
                customer_id=customer_id,
                section=section,
                item_kind=quote.item_kind,
                item_id=quote.item_id,
                now=now,
            )
        )
    await check_means(
        tx,
        operator=operator,
        customer=customer,
        amount_minor=quote.amount_minor,
        currency=quote.currency,
        now=now,
    )
    if quote.payment_type == PaymentType.WALLET:
        purchase = await _reserve(tx, signed, device_id, reference_key, facts.generation, None, now)
        purchase = await pay_from_wallet(tx, operator=operator, purchase=purchase, now=now)
        return Confirmed(purchase)
    payer = Payer(customer, facts.product_mapping_id)
    return await _to_charge(tx, operator, signed, device_id, reference_key, facts, payer, may_claim, now)


async def _to_charge(
    tx: Transaction,
    operator: Operator,
    signed: SignedQuote,
    device_id: UUID,
    reference_key: bytes,
    facts: Facts,
    payer: Payer,
    may_claim: bool,
    now: datetime,
) -> Confirmed:
    """Write the purchase that billing is to charge: claimed, if the gate lets it through."""
    target, capabilities = _billing(signed.quote, facts)
    lasts = time_to_charge(target.config, capabilities)
    held: Pass | Refusal = Refusal.LIMIT_REACHED
    if may_claim:
        held = await admit(
            tx,
            operator_id=operator.operator_id,
            provision_id=target.provision_id,
            breaker=Breaker(facts.breaker_open_until, facts.breaker_trial_until),
            most_at_once=target.config.most_at_once,
            until=now + lasts,
            behind=now,
            now=now,
        )
    claimed_for = lasts if isinstance(held, Pass) else None
    purchase = await _reserve(tx, signed, device_id, reference_key, facts.generation, claimed_for, now)
    if isinstance(held, Pass):
        order = order_of(operator, purchase, target, capabilities, payer)
        return Confirmed(purchase, msgspec.structs.replace(order, held=held))
    if held is Refusal.BREAKER_OPEN:
        ended = await never_sent(tx, operator=operator, purchase=purchase, cause=held.value, now=now)
        return Confirmed(ended or purchase)
    return Confirmed(purchase)


def _billing(quote: Quote, facts: Facts) -> tuple[BillingTarget, Capabilities]:
    """Return whom the charge goes to: the version of the provision that the quote names."""
    if quote.provision_id is None or quote.provision_version is None:
        raise ValueError("a quote that billing is to charge names no provision")
    return read_billing_version(
        BillingRow(config=facts.billing_config, probes=facts.billing_probes, secrets=facts.billing_secrets),
        operator_id=quote.operator_id,
        provision_id=quote.provision_id,
        version=quote.provision_version,
    )


async def _earlier(tx: Transaction, signed: SignedQuote, facts: Facts) -> Purchase | None:
    """Return what this key led to before. Raises KeyReused for another body."""
    if facts.earlier_id is None:
        return None
    if facts.earlier_digest != signed.digest:
        raise KeyReused(
            "This purchase was confirmed before with another invoice. Open it in the catalogue again."
        )
    return await _purchase(tx, signed.quote, facts.earlier_id)


async def _attached(tx: Transaction, signed: SignedQuote, facts: Facts, now: datetime) -> Purchase | None:
    """Attach the key to the purchase that holds the slot and return that. A holder whose right has ended is
    released first, and then the answer is None."""
    if facts.holder_id is None:
        return None
    holder = await _purchase(tx, signed.quote, facts.holder_id)
    if await queries.holds_slot_now(tx, holder=holder, now=now):
        await _remember_key(tx, signed, holder.purchase_id)
        return holder
    await tx.execute(
        """UPDATE purchases SET slot_released_at = $4
           WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 AND slot_released_at IS NULL""",
        holder.operator_id, holder.customer_id, holder.purchase_id, now,
    )  # fmt: skip
    return None


async def _purchase(tx: Transaction, quote: Quote, purchase_id: UUID) -> Purchase:
    return await queries.get_purchase(
        tx, operator_id=quote.operator_id, customer_id=quote.customer_id, purchase_id=purchase_id
    )


async def _remember_key(tx: Transaction, signed: SignedQuote, purchase_id: UUID) -> None:
    quote = signed.quote
    await tx.execute(
        """INSERT INTO purchase_keys (operator_id, customer_id, idempotency_key, quote_digest, purchase_id)
           VALUES ($1, $2, $3, $4, $5)""",
        quote.operator_id, quote.customer_id, quote.purchase_id, signed.digest, purchase_id,
    )  # fmt: skip


_RESERVE = f"""
    WITH reserved AS (
        INSERT INTO purchases (
            operator_id, customer_id, purchase_id, item_kind, item_id, item_title, generation, reference,
            state, state_since, epoch, claimed_at, deadline_at, next_check_at, amount_minor, currency,
            tax_minor, tax_rate_basis_points,
            payment_type, product_id, provision_id, provision_version, rule_id, rule_name, rule_unit,
            rule_quantity, finish_window_hours, runtime_minutes, licence_ends_at, device_id, confirmed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
                CASE WHEN $29::timestamptz IS NULL THEN 'RESERVED' ELSE 'CHARGING' END, $9::timestamptz,
                CASE WHEN $29::timestamptz IS NULL THEN 0 ELSE 1 END,
                CASE WHEN $29::timestamptz IS NOT NULL THEN $9::timestamptz END, $29, $10, $11, $12, $13, $14,
                $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $9::timestamptz)
        RETURNING *
    ), event AS (
        INSERT INTO purchase_events (operator_id, customer_id, purchase_id, event_id, at, from_state, to_state,
                                     epoch, cause)
        SELECT operator_id, customer_id, purchase_id, $27::uuid, confirmed_at, NULL, 'RESERVED', 0, 'confirmed'
        FROM reserved
        UNION ALL
        SELECT operator_id, customer_id, purchase_id, $30::uuid, confirmed_at, 'RESERVED', state, epoch, 'claimed'
        FROM reserved WHERE state = 'CHARGING'
    ), key AS (
        INSERT INTO purchase_keys (operator_id, customer_id, idempotency_key, quote_digest, purchase_id)
        SELECT operator_id, customer_id, purchase_id, $28, purchase_id FROM reserved
    )
    SELECT {PURCHASE_COLUMNS} FROM reserved
"""


async def _reserve(
    tx: Transaction,
    signed: SignedQuote,
    device_id: UUID,
    reference_key: bytes,
    generation: int,
    claimed_for: timedelta | None,
    now: datetime,
) -> Purchase:
    """Write the purchase with its key: RESERVED, or claimed at once for so long. One statement for both moves."""
    quote = signed.quote
    deadline = None if claimed_for is None else now + claimed_for
    reference = charge_reference(
        reference_key,
        operator_id=quote.operator_id,
        customer_id=quote.customer_id,
        item_kind=quote.item_kind,
        item_id=quote.item_id,
        generation=generation,
    )
    row = await tx.fetchrow(
        _RESERVE,
        quote.operator_id, quote.customer_id, quote.purchase_id, quote.item_kind, quote.item_id, quote.title,
        generation, reference, now, deadline or now + FIRST_CHECK, quote.amount_minor, quote.currency, quote.tax_minor,
        quote.tax_rate_basis_points, quote.payment_type, quote.product_id, quote.provision_id,
        quote.provision_version, quote.rule_id, quote.rule_name, quote.rule_unit, quote.rule_quantity,
        quote.finish_window_hours, quote.runtime_minutes, quote.licence_ends_at, device_id, new_id(), signed.digest,
        deadline, new_id(),
    )  # fmt: skip
    if row is None:
        raise Refused("The purchase could not be saved. Nothing was charged.")
    return purchase_from(row)
