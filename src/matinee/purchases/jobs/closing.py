"""Closing a reference by billing's cancel call, which must not take a charge from under a right."""

from datetime import datetime

import structlog

from matinee.customers.queries import lock_customer
from matinee.platform.db import Transaction
from matinee.provisions.types import CancelKind, CancelResult, ExchangeRecord
from matinee.purchases.jobs.charge import still_ours
from matinee.purchases.operations.charging import BillingOrder
from matinee.purchases.operations.reversing import CANCELLED, end_unpaid
from matinee.purchases.operations.transitions import Change, lock_purchase, move, note
from matinee.purchases.queries import get_purchase
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import PurchaseState

log = structlog.get_logger(__name__)


async def cancel(services: PurchaseServices, order: BillingOrder) -> CancelResult | None:
    """Ask billing to close the reference. None: the purchase was moved since it was read, and nothing was sent.

    Some systems answer a cancel by giving back what was charged. So a caller that slept must not send one after
    another has granted; one that fell asleep after this look is caught by `granted_meanwhile`.
    """
    if not await still_ours(services, order):
        return None
    return await services.gateway.cancel(order.target, order.values)


async def as_it_is(tx: Transaction, order: BillingOrder) -> BillingOrder:
    """Return the order with its purchase as that is by now, which nobody moves until the transaction ends.

    The customer is locked before the purchase, as by everybody who locks both.
    """
    purchase = order.purchase
    ids = {"operator_id": purchase.operator_id, "customer_id": purchase.customer_id}
    await lock_customer(tx, **ids)
    await lock_purchase(tx, **ids, purchase_id=purchase.purchase_id)
    return order.with_purchase(await get_purchase(tx, **ids, purchase_id=purchase.purchase_id))


async def granted_meanwhile(
    tx: Transaction, services: PurchaseServices, current: BillingOrder, result: CancelResult
) -> bool:
    """End a right that another gave while `result` was under way, if that says that the reference is closed.

    Under a closed reference no charge stands. True: the purchase was granted meanwhile, whatever became of it.
    `current`: as it is.
    """
    purchase = current.purchase
    if purchase.state is not PurchaseState.GRANTED:
        return False
    now = await tx.now()
    if result.outcome.kind is not CancelKind.CANCELLED:
        await note(tx, purchase=purchase, record=result.record, now=now)
        return True
    log.warning("cancelled_under_a_right", purchase_id=str(purchase.purchase_id))
    await end_unpaid(
        tx, order=current, reference_key=services.reference_key, cause=CANCELLED, ended=CANCELLED.code,
        record=result.record, now=now,
    )  # fmt: skip
    return True


async def closed_by_cancel(
    tx: Transaction, current: BillingOrder, record: ExchangeRecord, now: datetime
) -> None:
    """Close what is unclear, now that billing has closed its reference: whoever brings that, and however late.

    Nothing is left to be watched, since no charge turns up any more. `current`: as it is.
    """
    purchase = current.purchase
    if purchase.state is not PurchaseState.UNKNOWN:
        await note(tx, purchase=purchase, record=record, now=now)
        return
    change = Change(to=PurchaseState.VOID, cause=CANCELLED.code, check_in=None, record=record)
    await move(tx, operator=current.operator, purchase=purchase, change=change, now=now)
