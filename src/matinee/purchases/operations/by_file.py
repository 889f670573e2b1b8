"""What a settlement file of billing's proves of a purchase, and what it makes of it.

A row is evidence by itself. A missing row is evidence only where staff have declared that the file is complete,
and where the charge could not have landed after the period that it covers.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from matinee.customers.queries import lock_customer
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.types import Capabilities, Capability
from matinee.purchases.operations.charging import BillingOrder, billing_order
from matinee.purchases.operations.late_charges import charge_turned_up, grant_or_give_back
from matinee.purchases.operations.reversing import (
    NONE_STANDS,
    ReversalCause,
    begin_reversal,
    book_duplicates,
    finish_reversal,
)
from matinee.purchases.operations.transitions import Change, move
from matinee.purchases.queries import get_purchase, reversals_of
from matinee.purchases.rules import check_after
from matinee.purchases.types import Evidence, Purchase, PurchaseState, Reversal, ReversalState

LATE_CHARGE_WITHIN = timedelta(days=7)
"""A charge under a closed purchase is acted on for so long by itself; a later one is only reported."""

LISTED_WITHIN = timedelta(days=1)
"""So long after a charge would have landed, a file that does not list it is believed."""

S = PurchaseState


class FileEffect(StrEnum):
    """What a file makes of a purchase."""

    GRANT = "grant"
    VOID = "void"
    REVIEW = "review"
    LATE_CHARGE = "late_charge"
    END_ACCESS = "end_access"
    REVERSE_DUPLICATES = "reverse_duplicates"


OF_ABSENCE = frozenset({FileEffect.VOID, FileEffect.END_ACCESS})
"""Effects of what a file does not list: they need its completeness."""


class FileEntry(msgspec.Struct, frozen=True):
    """One charge or refund of a file, in minor units."""

    transaction_id: str | None
    amount_minor: int
    currency: str

    def fits(self, purchase: Purchase) -> bool:
        """Say whether it is about the price that was quoted."""
        return (self.amount_minor, self.currency) == (purchase.amount_minor, purchase.currency)


class FileEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What files list under one purchase, in their order. Without charges: what a file of a period leaves out.

    `covers_until`: where that period ends.
    """

    charges: tuple[FileEntry, ...] = ()
    refunds: tuple[FileEntry, ...] = ()
    covers_until: datetime | None = None


def effect_of_rows(
    purchase: Purchase, evidence: FileEvidence, *, reversals: Sequence[Reversal], now: datetime
) -> FileEffect | None:
    """Return what the rows under a purchase make of it; None: nothing, or only a person can say."""
    entries = (*evidence.charges, *evidence.refunds)
    if not all(entry.fits(purchase) for entry in entries):
        return FileEffect.REVIEW if purchase.state is S.UNKNOWN else None
    stands = len(evidence.charges) > len(evidence.refunds)
    match purchase.state:
        case S.UNKNOWN | S.REVIEW:
            return FileEffect.GRANT if stands else None
        case S.DECLINED | S.VOID:
            in_time = now - purchase.state_since <= LATE_CHARGE_WITHIN
            return FileEffect.LATE_CHARGE if stands and in_time else None
        case S.GRANTED | S.REVERSING | S.REFUND_OPEN | S.REVERSED:
            many = unreturned(purchase, evidence, reversals)
            waiting = sum(
                one.state is not ReversalState.REVERSED and one.charge_id is None for one in reversals
            )
            due = waiting + (purchase.state is S.GRANTED)
            return FileEffect.REVERSE_DUPLICATES if len(many) > due else None
        case _:
            return None


def unreturned(purchase: Purchase, evidence: FileEvidence, reversals: Sequence[Reversal]) -> list[str]:
    """Return the charges that a file lists by id and that were not given back, however long ago.

    A file goes on listing a charge that has been given back since, so every reversal takes its charge out, and a
    refund row that no reversal of ours explains takes one as well.
    """
    named = {one.charge_id for one in reversals if one.charge_id is not None}
    ids = [entry.transaction_id for entry in evidence.charges if entry.transaction_id]
    free = [charge for charge in dict.fromkeys(ids) if charge not in named]
    ended = sum(one.state is ReversalState.REVERSED for one in reversals)
    unnamed = sum(one.state is ReversalState.REVERSED and one.charge_id is None for one in reversals)
    return free[: max(0, len(free) - unnamed - max(0, len(evidence.refunds) - ended))]


def effect_of_absence(
    purchase: Purchase,
    *,
    capabilities: Capabilities,
    quiet: timedelta,
    covers_until: datetime,
    now: datetime,
) -> FileEffect | None:
    """Return what it makes of a purchase that a complete file of its period does not list.

    Access ends only where billing cannot be asked, and only if billing's own answer was all that we had.
    """
    landed = (purchase.claimed_at or purchase.confirmed_at) + quiet
    if landed > covers_until or now < landed + LISTED_WITHIN:
        return None
    if purchase.state is S.UNKNOWN:
        return FileEffect.VOID
    answered = purchase.state is S.GRANTED and purchase.evidence is Evidence.ANSWER
    return FileEffect.END_ACCESS if answered and Capability.STATUS not in capabilities else None


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
            return await charge_turned_up(
                tx, order=order, reference_key=reference_key, charge_id=charge_id, record=None
            )
        case FileEffect.END_ACCESS:
            return await _end_access(tx, order, reference_key, cause, now)
        case FileEffect.REVERSE_DUPLICATES:
            return order.purchase


def _change(order: BillingOrder, to: PurchaseState, cause: str, charge_id: str | None = None) -> Change:
    return Change(
        to=to,
        cause=cause,
        check_in=check_after(to, capabilities=order.capabilities, quiet=order.quiet),
        evidence=Evidence.SETTLEMENT if to is S.GRANTED else None,
        billing_transaction=charge_id,
    )


async def _end_access(
    tx: Transaction, order: BillingOrder, reference_key: bytes, cause: ReversalCause, now: datetime
) -> Purchase | None:
    """End the access of a purchase that was never charged. Nothing is due back, so billing is asked for no refund."""
    moved = await begin_reversal(
        tx, operator=order.operator, reference_key=reference_key, purchase=order.purchase, cause=cause,
        check_in=None, now=now,
    )  # fmt: skip
    if moved is None:
        return None
    reversals = await reversals_of(
        tx, operator_id=moved.operator_id, customer_id=moved.customer_id, purchase_id=moved.purchase_id
    )
    main = next(one for one in reversals if not one.is_duplicate)
    await finish_reversal(
        tx, order=order, reversal=main, to=ReversalState.REVERSED, cause="nothing_stands", now=now
    )
    return await get_purchase(
        tx, operator_id=moved.operator_id, customer_id=moved.customer_id, purchase_id=moved.purchase_id
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
