"""What a settlement file of billing's makes of a purchase; `rules.by_file` says what it proves."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from matinee.customers.queries import lock_customer
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.purchases.operations.charging import BillingOrder, billing_order
from matinee.purchases.operations.late_charges import charge_turned_up, grant_or_give_back
from matinee.purchases.operations.reversing import (
    NONE_STANDS,
    ReversalCause,
    book_duplicates,
    end_unpaid,
)
from matinee.purchases.operations.transitions import Change, move
from matinee.purchases.queries import events_of, get_purchase, reversals_of
from matinee.purchases.rules import CANCEL_REFUSED, cancels
from matinee.purchases.rules.by_file import (
    FileEffect,
    FileEvidence,
    effect_of_absence,
    effect_of_rows,
    unreturned,
)
from matinee.purchases.types import Evidence, Purchase, PurchaseState, Reversal

S = PurchaseState


async def settle_by_file(
    tx: Transaction,
    *,
    operator: Operator,
    reference_key: bytes,
    customer_id: UUID,
    purchase_id: UUID,
    effect: FileEffect,
    evidence: FileEvidence,
    file_id: UUID,
    reason: str,
    actor: Actor,
) -> Purchase | None:
    """Do what a file makes of a purchase, if that still is `effect`; audited. None: it is something else by now.

    Decided anew under the lock on the customer, so that it may be repeated, and come late.
    """
    await lock_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
    now = await tx.now()
    purchase = await get_purchase(
        tx, operator_id=operator.operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    order = await billing_order(tx, operator=operator, purchase=purchase)
    reversals = await reversals_of(
        tx, operator_id=operator.operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    if _effect_now(order, evidence, reversals, now) is not effect:
        return None
    if effect is FileEffect.GRANT and await _may_be_undone(tx, order):
        return None
    cause = ReversalCause(code=NONE_STANDS.code, reason=reason, requested_by=actor.name)
    moved = await _apply(tx, order, reference_key, effect, evidence, cause, now)
    if moved is None:
        return None
    await _reverse_extras(tx, order.with_purchase(moved), reference_key, evidence, now)
    await audit.record(
        tx, operator_id=operator.operator_id, actor=actor, action="purchase.settled_by_file",
        subject_kind="purchase", subject_id=purchase_id, now=now, reason=reason,
        details={
            "customer_id": str(customer_id), "file_id": str(file_id), "effect": effect.value,
            "state": moved.state.value,
        },
    )  # fmt: skip
    return moved


def _effect_now(
    order: BillingOrder, evidence: FileEvidence, reversals: Sequence[Reversal], now: datetime
) -> FileEffect | None:
    if evidence.charges:
        return effect_of_rows(order.purchase, evidence, reversals=reversals, now=now)
    if evidence.covers_until is None:
        return None
    return effect_of_absence(
        order.purchase, capabilities=order.capabilities, quiet=order.quiet,
        covers_until=evidence.covers_until, now=now,
    )  # fmt: skip


async def _may_be_undone(tx: Transaction, order: BillingOrder) -> bool:
    """Say whether a cancel whose answer was lost may have given back what a file lists under an open purchase.

    Not where billing refused to cancel, nor where a charge's own answer was in doubt: then none was sent since.
    """
    purchase = order.purchase
    if not cancels(order.capabilities):
        return False
    if purchase.state is S.UNKNOWN:
        return True  # the cancel that is under way tells what stands
    events = await events_of(
        tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id,
        purchase_id=purchase.purchase_id,
    )  # fmt: skip
    return events[-1].from_state is S.UNKNOWN and events[-1].cause != CANCEL_REFUSED


async def _apply(
    tx: Transaction,
    order: BillingOrder,
    reference_key: bytes,
    effect: FileEffect,
    evidence: FileEvidence,
    cause: ReversalCause,
    now: datetime,
) -> Purchase | None:
    charge_id = evidence.charges[0].transaction_id if evidence.charges else None
    match effect:
        case FileEffect.GRANT:
            change = _change(order, S.GRANTED, "file_charged", charge_id)
            return await grant_or_give_back(
                tx, order=order, reference_key=reference_key, change=change, now=now
            )
        case FileEffect.VOID:
            change = _change(order, S.VOID, "file_not_charged")
            return await move(tx, operator=order.operator, purchase=order.purchase, change=change, now=now)
        case FileEffect.REVIEW:
            change = _change(order, S.REVIEW, "file_amount_differs")
            return await move(tx, operator=order.operator, purchase=order.purchase, change=change, now=now)
        case FileEffect.LATE_CHARGE:
            # Where billing can only cancel, a cancel may have undone since what the file lists.
            proved = not cancels(order.capabilities)
            return await charge_turned_up(
                tx, order=order, reference_key=reference_key, charge_id=charge_id, record=None, proved=proved
            )
        case FileEffect.END_ACCESS:
            return await end_unpaid(
                tx, order=order, reference_key=reference_key, cause=cause, ended="nothing_stands", now=now
            )
        case FileEffect.REVERSE_DUPLICATES:
            return order.purchase


def _change(order: BillingOrder, to: PurchaseState, cause: str, charge_id: str | None = None) -> Change:
    return Change(
        to=to,
        cause=cause,
        check_in=order.check_after(to),
        evidence=Evidence.SETTLEMENT if to is S.GRANTED else None,
        billing_transaction=charge_id,
    )


async def _reverse_extras(
    tx: Transaction, order: BillingOrder, reference_key: bytes, evidence: FileEvidence, now: datetime
) -> None:
    """Book a reversal of each charge that the file lists beyond those that are due."""
    purchase = order.purchase
    if not evidence.charges or not all(entry.fits(purchase) for entry in evidence.charges):
        return
    reversals = await reversals_of(
        tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id,
        purchase_id=purchase.purchase_id,
    )  # fmt: skip
    standing = unreturned(purchase, evidence, reversals)
    await book_duplicates(
        tx, reference_key=reference_key, purchase=purchase, standing=standing, quiet=order.quiet, now=now
    )
