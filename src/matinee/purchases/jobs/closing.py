"""Closing a reference by billing's cancel call, which must not take a charge from under a right."""

import structlog

from matinee.platform.db import Transaction
from matinee.provisions.types import CancelKind, CancelResult
from matinee.purchases.jobs.charge import still_ours
from matinee.purchases.operations.charging import BillingOrder
from matinee.purchases.operations.reversing import CANCELLED, end_unpaid
from matinee.purchases.operations.transitions import note
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


async def granted_meanwhile(
    tx: Transaction, services: PurchaseServices, order: BillingOrder, result: CancelResult
) -> bool:
    """End a right that another gave while `result` was under way, if that says that the reference is closed.

    Under a closed reference no charge stands. True: the purchase was granted meanwhile, whatever became of it.
    """
    purchase = await get_purchase(
        tx,
        operator_id=order.purchase.operator_id,
        customer_id=order.purchase.customer_id,
        purchase_id=order.purchase.purchase_id,
    )
    if purchase.state is not PurchaseState.GRANTED:
        return False
    now = await tx.now()
    if result.outcome.kind is not CancelKind.CANCELLED:
        await note(tx, purchase=purchase, record=result.record, now=now)
        return True
    log.warning("cancelled_under_a_right", purchase_id=str(purchase.purchase_id))
    await end_unpaid(
        tx, order=order.with_purchase(purchase), reference_key=services.reference_key, cause=CANCELLED,
        ended=CANCELLED.code, record=result.record, now=now,
    )  # fmt: skip
    return True
