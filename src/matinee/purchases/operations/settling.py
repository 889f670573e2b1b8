"""After a charge: what its answer makes of the purchase."""

from datetime import datetime
from uuid import UUID

from matinee.platform.db import Transaction
from matinee.provisions.types import ChargeKind, ChargeOutcome, ExchangeRecord
from matinee.purchases.operations.charging import BillingOrder, release
from matinee.purchases.operations.late_charges import grant_or_give_back
from matinee.purchases.operations.transitions import Change, move, note
from matinee.purchases.queries import get_purchase
from matinee.purchases.rules import cancels
from matinee.purchases.types import Evidence, Purchase, PurchaseState

_BECOMES = {
    ChargeKind.SUCCESS: PurchaseState.GRANTED,
    ChargeKind.DECLINED: PurchaseState.DECLINED,
    ChargeKind.REVIEW: PurchaseState.REVIEW,
    ChargeKind.NOT_SENT: PurchaseState.NOT_SENT,
    ChargeKind.UNKNOWN: PurchaseState.UNKNOWN,
}


async def settle(
    tx: Transaction,
    *,
    order: BillingOrder,
    reference_key: bytes,
    outcome: ChargeOutcome,
    record: ExchangeRecord,
    attempt_id: UUID,
) -> Purchase:
    """Make of the purchase what a charge's answer says; returns it as it then is.

    If it was moved on meanwhile, the answer is only logged: an old caller decides nothing. The one exception
    is a proof of success for a purchase that is UNKNOWN, which is evidence whoever brings it; but not once the
    reference may have been cancelled, which may have undone that success.
    A success that comes when nothing can be watched any more is given back.
    May be repeated with the same `attempt_id` when it is in doubt whether it was saved.
    """
    seen = order.purchase
    now = await tx.now()
    await release(tx, order)
    change = change_for(order, outcome, record, attempt_id)
    if change is None:
        await note(tx, purchase=seen, record=record, attempt_id=attempt_id, now=now)
        return seen
    moved = await _become(tx, order, reference_key, change, now)
    if moved is not None:
        return moved
    current = await get_purchase(
        tx, operator_id=seen.operator_id, customer_id=seen.customer_id, purchase_id=seen.purchase_id
    )
    if outcome.kind is ChargeKind.SUCCESS and _still_proves(order, current):
        moved = await _become(tx, order.with_purchase(current), reference_key, change, now)
    if moved is None:
        await note(tx, purchase=seen, record=record, attempt_id=attempt_id, now=now)
    return moved or current


def _still_proves(order: BillingOrder, current: Purchase) -> bool:
    """Say whether a success that an old caller brings settles the purchase as it is now."""
    seen = order.purchase
    passed = seen.epoch + (seen.state is PurchaseState.CHARGING)  # the end of its time, see `past_deadline`
    cancelled = cancels(order.capabilities) and current.epoch > passed
    return current.state is PurchaseState.UNKNOWN and not cancelled


async def _become(
    tx: Transaction, order: BillingOrder, reference_key: bytes, change: Change, now: datetime
) -> Purchase | None:
    if change.to is PurchaseState.GRANTED:
        return await grant_or_give_back(tx, order=order, reference_key=reference_key, change=change, now=now)
    return await move(tx, operator=order.operator, purchase=order.purchase, change=change, now=now)


def change_for(
    order: BillingOrder, outcome: ChargeOutcome, record: ExchangeRecord, attempt_id: UUID
) -> Change | None:
    """Return what an answer makes of CHARGING or (a repeated charge) of UNKNOWN; None: it proves nothing new."""
    to = _BECOMES[outcome.kind]
    if order.purchase.state is PurchaseState.UNKNOWN and to in (
        PurchaseState.NOT_SENT,
        PurchaseState.UNKNOWN,
    ):
        return None
    return Change(
        to=to,
        cause=outcome.cause,
        check_in=order.check_after(to),
        evidence=Evidence.ANSWER if to is PurchaseState.GRANTED else None,
        billing_transaction=outcome.transaction_id,
        decline_reason=outcome.decline_reason,
        record=record,
        attempt_id=attempt_id,
    )
