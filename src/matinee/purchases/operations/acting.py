"""Doing what staff decided, whether one person may or two had to: weighing it, checking it, carrying it out."""

from datetime import datetime
from typing import assert_never
from uuid import UUID

import msgspec

from matinee.customers.queries import get_customer, get_product
from matinee.entitlements.operations import check_grant, give_grant
from matinee.entitlements.rules import startable_until
from matinee.entitlements.types import Entitlement, GrantTerms
from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.kernel.money import CREDIT, Money
from matinee.kernel.periods import WindowUnit
from matinee.offers.queries.ppv_rules import get_ppv_rule
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.purchases.operations.by_staff import (
    check_refunds,
    check_settles,
    refund_by_staff,
    settle_by_staff,
)
from matinee.purchases.operations.wallet import change_credits, check_credits, too_low
from matinee.purchases.queries import get_purchase, wallet_balance
from matinee.purchases.rules import OPEN, UNCLEAR
from matinee.purchases.types import (
    GrantProposal,
    Proposal,
    Purchase,
    RefundProposal,
    SettleProposal,
    StaffVerdict,
    WalletProposal,
)


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """What a proposal is about and how much it is worth; None: nothing that has a price."""

    kind: str
    worth: Money | None
    item_title: str = ""
    purchase_id: UUID | None = None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done at once: the purchase as it stands now, the new balance, or the grant."""

    purchase: Purchase | None = None
    balance: int | None = None
    entitlement: Entitlement | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a proposal is about, and what doing it needs."""

    operator: Operator
    customer_id: UUID
    reference_key: bytes


async def weigh(tx: Transaction, *, case: Case, proposal: Proposal, now: datetime) -> Weight:
    """Return what a proposal is worth, having seen that it could be done at `now`.

    Raises NotFound, Invalid and Conflict as doing it would.
    """
    match proposal:
        case RefundProposal(purchase_id=purchase_id):
            purchase = await _purchase(tx, case, purchase_id)
            check_refunds(purchase)
            return _weight("refund", purchase)
        case SettleProposal(purchase_id=purchase_id, verdict=verdict):
            purchase = await _purchase(tx, case, purchase_id)
            await check_settles(tx, operator=case.operator, purchase=purchase, now=now)
            charged = verdict is StaffVerdict.CHARGED
            return _weight("settle_charged" if charged else "settle_not_charged", purchase)
        case WalletProposal(credits_added=added):
            check_credits(added)
            balance = await wallet_balance(
                tx, operator_id=case.operator.operator_id, customer_id=case.customer_id
            )
            if balance + added < 0:
                raise too_low(balance)
            kind = "wallet_credit" if added > 0 else "wallet_debit"
            return Weight(kind=kind, worth=Money(abs(added), CREDIT))
        case GrantProposal():
            return await _weigh_grant(tx, case, proposal, now)
        case _:
            assert_never(proposal)


async def carry_out(
    tx: Transaction,
    *,
    case: Case,
    proposal: Proposal,
    action_id: UUID,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Done:
    """Do what a proposal says; the same `action_id` does it once. The caller holds the lock on the customer.

    Raises what the operation raises when the world does not allow it (any more).
    """
    match proposal:
        case RefundProposal(purchase_id=purchase_id):
            refunded = await refund_by_staff(
                tx, operator=case.operator, reference_key=case.reference_key, customer_id=case.customer_id,
                purchase_id=purchase_id, reason=reason, actor=actor,
            )  # fmt: skip
            return Done(purchase=refunded)
        case SettleProposal(purchase_id=purchase_id, verdict=verdict):
            settled = await settle_by_staff(
                tx, operator=case.operator, reference_key=case.reference_key, customer_id=case.customer_id,
                purchase_id=purchase_id, verdict=verdict, reason=reason, actor=actor,
            )  # fmt: skip
            return Done(purchase=settled)
        case WalletProposal(credits_added=added):
            balance = await change_credits(
                tx, operator_id=case.operator.operator_id, customer_id=case.customer_id, change_id=action_id,
                credits_added=added, actor=actor, reason=reason, now=now,
            )  # fmt: skip
            return Done(balance=balance)
        case GrantProposal():
            granted = await give_grant(
                tx, operator_id=case.operator.operator_id, customer_id=case.customer_id, grant_id=action_id,
                terms=await _terms(tx, case, proposal, now), reason=reason, actor=actor, now=now,
            )  # fmt: skip
            return Done(entitlement=granted)
        case _:
            assert_never(proposal)


async def weight_of_purchase(tx: Transaction, *, case: Case, kind: str, purchase_id: UUID) -> Weight:
    """Return what a purchase was sold for. Raises NotFound."""
    return _weight(kind, await _purchase(tx, case, purchase_id))


def _weight(kind: str, purchase: Purchase) -> Weight:
    return Weight(
        kind=kind, worth=purchase.price, item_title=purchase.item_title, purchase_id=purchase.purchase_id
    )


async def _purchase(tx: Transaction, case: Case, purchase_id: UUID) -> Purchase:
    return await get_purchase(
        tx,
        operator_id=case.operator.operator_id,
        customer_id=case.customer_id,
        purchase_id=purchase_id,
    )


async def _weigh_grant(tx: Transaction, case: Case, proposal: GrantProposal, now: datetime) -> Weight:
    await check_grant(
        tx, operator_id=case.operator.operator_id, customer_id=case.customer_id,
        terms=await _terms(tx, case, proposal, now), now=now,
    )  # fmt: skip
    if proposal.for_purchase_id is not None:
        return _weight("grant", await _purchase(tx, case, proposal.for_purchase_id))
    item = await _item(tx, case, proposal)
    operator_id = case.operator.operator_id
    customer = await get_customer(tx, operator_id=operator_id, customer_id=case.customer_id)
    product = await get_product(tx, operator_id=operator_id, product_id=customer.product_id)
    currency = next(
        (
            one
            for one in (product.currency, case.operator.currency, *sorted(item.prices))
            if one in item.prices
        ),
        None,
    )
    worth = None if currency is None else Money(item.prices[currency], currency)
    return Weight(kind="grant", worth=worth, item_title=item.title)


async def _terms(tx: Transaction, case: Case, proposal: GrantProposal, now: datetime) -> GrantTerms:
    """Return what a grant would allow from `now` on. Raises Invalid (`item_id`, `rule_id`, `until`), Conflict."""
    item = await _item(tx, case, proposal)
    licence = item.ends_at
    if proposal.for_purchase_id is not None:
        return await _terms_of_purchase(tx, case, proposal, proposal.for_purchase_id, licence, now)
    runtime = item.runtime_minutes
    if runtime is None:
        raise Invalid({"item_id": "This has no runtime yet; it says how long a start lasts."})
    rule_name, finish = "", None
    if proposal.rule_id is not None:
        try:
            rule = await get_ppv_rule(tx, operator_id=case.operator.operator_id, rule_id=proposal.rule_id)
        except NotFound:
            raise Invalid({"rule_id": "Choose a rule."}) from None
        until = _until(case.operator, rule.unit, rule.quantity, licence, now)
        rule_name, finish = rule.name, rule.finish_window_hours
    elif proposal.until is not None:
        until = proposal.until
    else:
        raise Invalid({"rule_id": "Choose a rule, or say until when."})
    return GrantTerms(
        item_kind=proposal.item_kind,
        item_id=proposal.item_id,
        runtime_minutes=runtime,
        rule_name=rule_name,
        startable_until=until,
        finish_window_hours=finish,
        licence_ends_at=licence,
    )


async def _terms_of_purchase(
    tx: Transaction,
    case: Case,
    proposal: GrantProposal,
    purchase_id: UUID,
    licence: datetime | None,
    now: datetime,
) -> GrantTerms:
    purchase = await _purchase(tx, case, purchase_id)
    if (purchase.item_kind, purchase.item_id) != (proposal.item_kind, proposal.item_id):
        raise Conflict("This purchase is of another title.")
    if purchase.state not in UNCLEAR:
        under_way = purchase.state in OPEN
        what = "is being charged at this moment" if under_way else "has been settled meanwhile"
        raise Conflict(f"This purchase {what}. Look at its present state.")
    ends = [moment for moment in (licence, purchase.licence_ends_at) if moment is not None]
    licence = min(ends) if ends else None
    return GrantTerms(
        item_kind=purchase.item_kind,
        item_id=purchase.item_id,
        runtime_minutes=purchase.runtime_minutes,
        rule_name=purchase.rule_name,
        startable_until=_until(case.operator, purchase.rule_unit, purchase.rule_quantity, licence, now),
        finish_window_hours=purchase.finish_window_hours,
        licence_ends_at=licence,
        for_purchase_id=purchase_id,
    )


def _until(
    operator: Operator, unit: WindowUnit, quantity: int, licence: datetime | None, now: datetime
) -> datetime:
    return startable_until(now, unit=unit, quantity=quantity, zone=operator.zone, licence_ends_at=licence)


class ItemToGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What an item that is to be given away says of itself. `ends_at`: its licence's, or a live event's own."""

    title: str
    runtime_minutes: int | None
    ends_at: datetime | None
    prices: dict[str, int]


async def _item(tx: Transaction, case: Case, proposal: GrantProposal) -> ItemToGrant:
    """Return what is to be granted. Raises Invalid (`item_id`) for something that nobody may be given."""
    row = await tx.fetchrow(
        """SELECT i.title, i.runtime_minutes, least(i.licence_ends_at, l.ends_at) AS ends_at,
                  i.withdrawn_at IS NOT NULL OR i.archived_at IS NOT NULL AS gone,
                  ARRAY(SELECT (p.currency, p.amount_minor) FROM item_prices p
                        WHERE p.operator_id = i.operator_id AND p.item_kind = i.item_kind AND p.item_id = i.item_id
                       ) AS prices
           FROM items i LEFT JOIN live_events l ON l.operator_id = i.operator_id AND l.item_id = i.item_id
           WHERE i.operator_id = $1 AND i.item_kind = $2 AND i.item_id = $3""",
        case.operator.operator_id, proposal.item_kind, proposal.item_id,
    )  # fmt: skip
    if row is None:
        raise Invalid({"item_id": "Choose something that is in the catalogue."})
    if row["gone"]:
        raise Invalid({"item_id": "This was withdrawn, so it cannot be granted."})
    return ItemToGrant(
        title=row["title"], runtime_minutes=row["runtime_minutes"], ends_at=row["ends_at"],
        prices=dict(row["prices"]),
    )  # fmt: skip


async def end_of_item(
    tx: Transaction, *, operator_id: UUID, item_kind: str, item_id: UUID
) -> datetime | None:
    """Return when nobody may be given the item any more: its licence's end, or a live event's own."""
    ends_at: datetime | None = await tx.fetchval(
        """SELECT least(i.licence_ends_at, l.ends_at) FROM items i
           LEFT JOIN live_events l ON l.operator_id = i.operator_id AND l.item_id = i.item_id
           WHERE i.operator_id = $1 AND i.item_kind = $2 AND i.item_id = $3""",
        operator_id, item_kind, item_id,
    )  # fmt: skip
    return ends_at
