"""What subscribers decide about their own purchases: cancelling what they have not played yet."""

from typing import Final
from uuid import UUID

from matinee.customers.queries import lock_customer
from matinee.customers.types import PaymentType
from matinee.entitlements.operations import lock_right
from matinee.entitlements.queries import entitlement_of_purchase
from matinee.kernel.errors import Conflict, Refused
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.purchases.operations.charging import billing_order
from matinee.purchases.operations.reversing import ReversalCause, begin_reversal
from matinee.purchases.queries import get_purchase
from matinee.purchases.rules import cancel_until
from matinee.purchases.types import Purchase, PurchaseState

CANCELLED: Final = ReversalCause(
    code="subscriber_cancel", reason="The customer cancelled it unplayed.", requested_by="The customer"
)
_UNDER_WAY: Final = (PurchaseState.REVERSING, PurchaseState.REVERSED, PurchaseState.REFUND_OPEN)


async def cancel_by_subscriber(
    tx: Transaction, *, operator: Operator, reference_key: bytes, customer_id: UUID, purchase_id: UUID
) -> Purchase:
    """Take a purchase back that was not played: access ends now, the money follows. Harmless when repeated.

    Raises NotFound, and Refused (`cannot_cancel`) where the operator does not allow it (any more).
    """
    ids = {"operator_id": operator.operator_id, "customer_id": customer_id, "purchase_id": purchase_id}
    await lock_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
    # A key is not delivered between this look and the commit: the first play would change this row.
    await lock_right(tx, **ids)
    now = await tx.now()
    purchase = await get_purchase(tx, **ids)
    if purchase.state in _UNDER_WAY:
        return purchase
    right = await entitlement_of_purchase(tx, **ids)
    if cancel_until(purchase, right=right, hours=operator.self_cancel_hours, now=now) is None:
        raise Refused("This rental can no longer be cancelled.", code="cannot_cancel")
    check_in = None
    if purchase.payment_type is PaymentType.API:
        order = await billing_order(tx, operator=operator, purchase=purchase)
        check_in = order.check_after(PurchaseState.REVERSING)
    moved = await begin_reversal(
        tx,
        operator=operator,
        reference_key=reference_key,
        purchase=purchase,
        cause=CANCELLED,
        check_in=check_in,
        now=now,
    )
    if moved is None:
        raise Conflict("This rental has just changed. Look at its present state.")
    await audit.record(
        tx, operator_id=moved.operator_id, actor=Actor("subscriber", customer_id, "The customer"),
        action="purchase.cancelled", subject_kind="purchase", subject_id=purchase_id, now=now,
        details={"customer_id": str(customer_id), "state": moved.state.value},
    )  # fmt: skip
    return moved
