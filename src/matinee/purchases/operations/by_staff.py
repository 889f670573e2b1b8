"""What people decide: an unclear purchase, a refund, a refund that billing could not make."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from matinee.customers.queries import lock_customer
from matinee.customers.types import PaymentType
from matinee.kernel.errors import Conflict
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.queries import billing_version
from matinee.provisions.types import Capabilities
from matinee.purchases.operations.charging import BillingOrder, billing_order
from matinee.purchases.operations.late_charges import grant_or_give_back
from matinee.purchases.operations.reversing import (
    ReversalCause,
    begin_reversal,
    finish_reversal,
    open_refunds,
)
from matinee.purchases.operations.transitions import Change, move
from matinee.purchases.queries import get_purchase
from matinee.purchases.rules import ASKING, quiet_period
from matinee.purchases.types import Evidence, Purchase, PurchaseState, ReversalState, StaffVerdict

NO_CAPABILITIES: Capabilities = frozenset()


async def settle_by_staff(
    tx: Transaction,
    *,
    operator: Operator,
    reference_key: bytes,
    customer_id: UUID,
    purchase_id: UUID,
    verdict: StaffVerdict,
    reason: str,
    actor: Actor,
) -> Purchase:
    """Settle a purchase that only a person can settle: charged gives access, not charged closes it.

    What was charged for something that is over by now is given back. Raises Invalid (`reason`), NotFound, and
    Conflict: when it is not open to a decision any more, or, with code `still_being_asked`, not yet.
    """
    text = checked_reason(reason)
    purchase, now = await _locked(tx, operator, customer_id, purchase_id)
    order = await check_settles(tx, operator=operator, purchase=purchase, now=now)
    charged = verdict is StaffVerdict.CHARGED
    to = PurchaseState.GRANTED if charged else PurchaseState.VOID
    change = Change(
        to=to,
        cause=f"staff_{verdict.value}",
        check_in=order.check_after(to),
        evidence=Evidence.STAFF if charged else None,
    )
    if charged:
        moved = await grant_or_give_back(tx, order=order, reference_key=reference_key, change=change, now=now)
    else:
        moved = await move(tx, operator=operator, purchase=purchase, change=change, now=now)
    return await _recorded(tx, moved, actor, f"purchase.settled_{verdict.value}", text, now)


async def refund_by_staff(
    tx: Transaction,
    *,
    operator: Operator,
    reference_key: bytes,
    customer_id: UUID,
    purchase_id: UUID,
    reason: str,
    actor: Actor,
) -> Purchase:
    """Refund a granted purchase, or one in REVIEW that was charged: access ends now, the money follows.

    Raises Invalid (`reason`), NotFound, and Conflict when there is nothing to refund (any more).
    """
    text = checked_reason(reason)
    purchase, now = await _locked(tx, operator, customer_id, purchase_id)
    check_refunds(purchase)
    check_in = None
    if purchase.payment_type is PaymentType.API:
        order = await billing_order(tx, operator=operator, purchase=purchase)
        check_in = order.check_after(PurchaseState.REVERSING)
    moved = await begin_reversal(
        tx,
        operator=operator,
        reference_key=reference_key,
        purchase=purchase,
        cause=ReversalCause(code="staff_refund", reason=text, requested_by=actor.name),
        check_in=check_in,
        evidence=None if purchase.evidence else Evidence.STAFF,
        now=now,
    )
    return await _recorded(tx, moved, actor, "purchase.refunded", text, now)


async def close_open_refund(
    tx: Transaction, *, operator: Operator, customer_id: UUID, purchase_id: UUID, reason: str, actor: Actor
) -> Purchase:
    """Note that finance has given the money back by other means: of the purchase, of duplicates, of all that is open.

    Raises Invalid, NotFound, Conflict.
    """
    text = checked_reason(reason)
    purchase, now = await _locked(tx, operator, customer_id, purchase_id)
    waiting = await open_refunds(
        tx, operator_id=operator.operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    if not waiting:
        raise Conflict("No refund of this purchase is open.")
    order = await billing_order(tx, operator=operator, purchase=purchase)
    for reversal in waiting:
        if not await finish_reversal(
            tx, order=order, reversal=reversal, to=ReversalState.REVERSED, cause="settled_by_finance", now=now
        ):
            raise Conflict("Somebody else has just settled this refund. Look at its present state.")
    moved = await get_purchase(
        tx, operator_id=operator.operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    return await _recorded(tx, moved, actor, "purchase.refund_closed", text, now)


async def check_settles(
    tx: Transaction, *, operator: Operator, purchase: Purchase, now: datetime
) -> BillingOrder:
    """Return what a call about the purchase needs, if staff may settle it at `now`.

    Raises Conflict, with code `still_being_asked` where it may be settled later.
    """
    if purchase.state not in (PurchaseState.REVIEW, PurchaseState.UNKNOWN):
        raise Conflict("This purchase has been settled already. Look at its present state.")
    order = await billing_order(tx, operator=operator, purchase=purchase)
    _check_time(settles_from(purchase, capabilities=order.capabilities, quiet=order.quiet), now)
    return order


def check_refunds(purchase: Purchase) -> None:
    """Raise Conflict unless staff may refund the purchase."""
    if not may_refund(purchase):
        raise Conflict("This purchase cannot be refunded in its present state.")


def settles_from(purchase: Purchase, *, capabilities: Capabilities, quiet: timedelta) -> datetime | None:
    """Return from when staff may settle it; None: they may not, it is closed or Matinee itself asks billing.

    Until the quiet period is over, the one request may still land: billing's books prove nothing before.
    """
    if not needs_person(purchase, capabilities):
        return None
    if purchase.state is PurchaseState.REVIEW:
        return purchase.state_since
    return purchase.charge_began_at + quiet


async def settle_times(tx: Transaction, *, purchases: Sequence[Purchase]) -> dict[UUID, datetime]:
    """Return, by purchase, from when staff may settle it; those that they may not settle are left out.

    One statement for each version of a provision under which something is UNKNOWN.
    """
    versions: dict[tuple[UUID, int], tuple[Capabilities, timedelta]] = {}
    times: dict[UUID, datetime] = {}
    for purchase in purchases:
        capabilities, quiet = NO_CAPABILITIES, timedelta()
        if purchase.state is PurchaseState.UNKNOWN and purchase.provision_id and purchase.provision_version:
            key = (purchase.provision_id, purchase.provision_version)
            if key not in versions:
                target, proved = await billing_version(
                    tx, operator_id=purchase.operator_id, provision_id=key[0], version=key[1]
                )
                versions[key] = proved, quiet_period(target.config.longest_processing_seconds)
            capabilities, quiet = versions[key]
        since = settles_from(purchase, capabilities=capabilities, quiet=quiet)
        if since is not None:
            times[purchase.purchase_id] = since
    return times


def may_refund(purchase: Purchase) -> bool:
    """Say whether staff may refund it."""
    return purchase.state in (PurchaseState.GRANTED, PurchaseState.REVIEW)


def needs_person(purchase: Purchase, capabilities: Capabilities) -> bool:
    """Say whether nothing but a person can settle it: REVIEW, or UNKNOWN where billing cannot be asked."""
    stuck = purchase.state is PurchaseState.UNKNOWN and not ASKING & capabilities
    return purchase.state is PurchaseState.REVIEW or stuck


def _check_time(settles: datetime | None, now: datetime) -> None:
    if settles is None:
        raise Conflict(
            "Matinee is asking billing by itself. A person can decide if billing gives no clear answer.",
            code="still_being_asked",
        )
    if now < settles:
        minutes = math.ceil((settles - now) / timedelta(minutes=1))
        raise Conflict(
            f"A charge can still arrive. You can decide in {minutes} minute{'' if minutes == 1 else 's'}.",
            code="still_being_asked",
        )


async def _locked(
    tx: Transaction, operator: Operator, customer_id: UUID, purchase_id: UUID
) -> tuple[Purchase, datetime]:
    await lock_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
    now = await tx.now()
    purchase = await get_purchase(
        tx, operator_id=operator.operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    return purchase, now


async def _recorded(
    tx: Transaction, moved: Purchase | None, actor: Actor, action: str, reason: str, now: datetime
) -> Purchase:
    if moved is None:
        raise Conflict("Somebody else has just settled this purchase. Look at its present state.")
    await audit.record(
        tx, operator_id=moved.operator_id, actor=actor, action=action, subject_kind="purchase",
        subject_id=moved.purchase_id, now=now, reason=reason,
        details={"customer_id": str(moved.customer_id), "state": moved.state.value},
    )  # fmt: skip
    return moved
