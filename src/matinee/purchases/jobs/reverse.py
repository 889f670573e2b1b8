"""Calling billing to give a charge back, with the same logic for unclear answers as a charge has."""

from datetime import datetime
from uuid import UUID

import structlog

from matinee.platform.db import Transaction
from matinee.platform.http.messages import Failure
from matinee.platform.operators import get_operator
from matinee.provisions.types import (
    Capability,
    ExchangeRecord,
    PlatformValue,
    RefundKind,
    StatusKind,
    StatusOutcome,
)
from matinee.purchases.operations.charging import BillingOrder, billing_order
from matinee.purchases.operations.reversing import (
    can_refund,
    claim_refund,
    finish_reversal,
    refund_later,
    take_refund_lease,
)
from matinee.purchases.operations.transitions import note
from matinee.purchases.queries import get_purchase, get_reversal, reversals_of
from matinee.purchases.rules import FINANCE_LOOK, LEASE, REFUND_RETRY, retry_delay
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, Reversal, ReversalState

log = structlog.get_logger(__name__)


async def check_reversal(
    services: PurchaseServices, *, operator_id: UUID, customer_id: UUID, reversal_id: UUID
) -> None:
    """Do what is due for one reversal. Safe to call at any time and by several workers at once."""
    async with services.database.transaction(operator_id) as tx:
        operator = await get_operator(tx, operator_id=operator_id)
        reversal = await get_reversal(
            tx, operator_id=operator_id, customer_id=customer_id, reversal_id=reversal_id
        )
        purchase = await get_purchase(
            tx, operator_id=operator_id, customer_id=customer_id, purchase_id=reversal.purchase_id
        )
        now = await tx.now()
        if reversal.next_check_at is None or reversal.next_check_at > now:
            return
        if reversal.state is ReversalState.REFUND_OPEN:
            await refund_later(tx, reversal=reversal, delay=FINANCE_LOOK, now=now)
            return
        if not await take_refund_lease(tx, reversal=reversal, until=now + LEASE):
            return
        order = await billing_order(tx, operator=operator, purchase=purchase)
    charge_id = reversal.charge_id
    if Capability.STATUS in order.capabilities:
        result = await services.gateway.status(order.target, order.values)
        charge_id = await _by_status(services, order, reversal, result.outcome, result.record)
        if charge_id is None:
            return
    elif not can_refund(order) or _unclear(order, reversal):
        await _finish(services, order, reversal, ReversalState.REFUND_OPEN, "refund_unclear")
        return
    if charge_id is None and not reversal.is_duplicate:
        charge_id = order.purchase.billing_transaction  # what the charge's own answer called it
    await _call(services, order, reversal, charge_id)


def _unclear(order: BillingOrder, reversal: Reversal) -> bool:
    """Say whether an earlier refund call may have worked, so that another could give back twice."""
    return reversal.tries > 0 and Capability.IDEMPOTENT not in order.capabilities


async def _by_status(
    services: PurchaseServices,
    order: BillingOrder,
    reversal: Reversal,
    outcome: StatusOutcome,
    record: ExchangeRecord,
) -> str | None:
    """Decide by what stands. Returns the charge that is to be given back now; None: it has ended, or it waits."""
    async with services.database.transaction(reversal.operator_id) as tx:
        now = await tx.now()
        await note(tx, purchase=order.purchase, record=record, now=now)
        if outcome.kind is StatusKind.NO_ANSWER:
            await _retry(tx, reversal, now)
            return None
        settled_long_ago = now - reversal.booked_at > order.quiet
        gone = reversal.charge_id is not None and reversal.charge_id not in outcome.charge_ids
        if gone and (reversal.tries > 0 or settled_long_ago):
            await _end(tx, order, reversal, ReversalState.REVERSED, "refund_stands", now)
            return None
        others = await reversals_of(
            tx,
            operator_id=reversal.operator_id,
            customer_id=reversal.customer_id,
            purchase_id=reversal.purchase_id,
        )
        charge_id = reversal.charge_id or _to_name(order.purchase, reversal, others, outcome.charge_ids)
        if charge_id is None or gone:
            if settled_long_ago:
                await _end(tx, order, reversal, ReversalState.REVERSED, "nothing_stands", now)
            else:
                settled_in = reversal.booked_at + order.quiet - now
                await refund_later(tx, reversal=reversal, delay=settled_in + REFUND_RETRY, now=now)
            return None
        if not can_refund(order):
            await _end(tx, order, reversal, ReversalState.REFUND_OPEN, "no_refund_call", now)
            return None
        if _unclear(order, reversal) and now < _repeat_at(order, reversal):
            await refund_later(tx, reversal=reversal, delay=order.quiet / 2, now=now)
            return None
    return charge_id


async def _end(
    tx: Transaction, order: BillingOrder, reversal: Reversal, to: ReversalState, cause: str, now: datetime
) -> None:
    await finish_reversal(tx, order=order, reversal=reversal, to=to, cause=cause, now=now)


def _to_name(
    purchase: Purchase, reversal: Reversal, others: list[Reversal], standing: tuple[str, ...]
) -> str | None:
    """Return the charge that this reversal gives back: the purchase's own, else one that no other reversal names."""
    named = {r.charge_id for r in others if r.reversal_id != reversal.reversal_id}
    free = [charge for charge in standing if charge not in named]
    if purchase.billing_transaction in free:
        return purchase.billing_transaction
    return free[0] if free else None


def _repeat_at(order: BillingOrder, reversal: Reversal) -> datetime:
    """Return when a refund that may be under way has surely landed or been lost, so that asking again is safe."""
    return reversal.booked_at + order.quiet * reversal.tries


async def _call(
    services: PurchaseServices, order: BillingOrder, reversal: Reversal, charge_id: str | None
) -> None:
    """Send the one refund request that a committed claim allows, and settle its answer."""
    async with services.database.transaction(reversal.operator_id) as tx:
        claimed = await claim_refund(
            tx, reversal=reversal, charge_id=charge_id, lease=LEASE, now=await tx.now()
        )
    if claimed is None:
        return
    values = dict(order.values) | {PlatformValue.REFUND_REFERENCE: claimed.refund_reference}
    if claimed.charge_id is not None:
        values[PlatformValue.CHARGE_ID] = claimed.charge_id
    result = await services.gateway.refund(order.target, values)
    match result.outcome.kind:
        case RefundKind.REFUNDED:
            await _finish(services, order, claimed, ReversalState.REVERSED, "refunded", result.record)
        case RefundKind.REFUSED:
            await _finish(
                services, order, claimed, ReversalState.REFUND_OPEN, "refund_refused", result.record
            )
        case RefundKind.NOT_SENT if result.outcome.cause == Failure.NOT_BUILT:
            # It lacks a value, such as the charge's id, and will go on lacking it.
            await _finish(
                services, order, claimed, ReversalState.REFUND_OPEN, "refund_not_built", result.record
            )
        case _:
            async with services.database.transaction(reversal.operator_id) as tx:
                now = await tx.now()
                await note(tx, purchase=order.purchase, record=result.record, now=now)
                await _retry(tx, claimed, now, forget_try=result.outcome.kind is RefundKind.NOT_SENT)


async def _retry(tx: Transaction, reversal: Reversal, now: datetime, *, forget_try: bool = False) -> None:
    delay = retry_delay(REFUND_RETRY, now - reversal.state_since)
    await refund_later(tx, reversal=reversal, delay=delay, forget_try=forget_try, now=now)


async def _finish(
    services: PurchaseServices,
    order: BillingOrder,
    reversal: Reversal,
    to: ReversalState,
    cause: str,
    record: ExchangeRecord | None = None,
) -> None:
    if to is ReversalState.REFUND_OPEN:
        log.warning("refund_for_finance", cause=cause, reversal_id=str(reversal.reversal_id))
    async with services.database.transaction(reversal.operator_id) as tx:
        await finish_reversal(
            tx, order=order, reversal=reversal, to=to, cause=cause, record=record, now=await tx.now()
        )
