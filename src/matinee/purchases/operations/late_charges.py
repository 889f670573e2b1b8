"""A charge that turns up under a purchase which had ended without one."""

from datetime import datetime

from matinee.customers.queries import lock_customer
from matinee.entitlements.queries import entitlement_of_purchase
from matinee.platform.db import Transaction
from matinee.provisions.types import ExchangeRecord
from matinee.purchases.operations.charging import BillingOrder
from matinee.purchases.operations.reversing import LATE_CHARGE, TOO_LATE, begin_reversal
from matinee.purchases.operations.transitions import Change, move, right_until
from matinee.purchases.queries import slot_holder
from matinee.purchases.rules import FIRST_CHECK, UNCLEAR
from matinee.purchases.types import Evidence, Purchase, PurchaseState


async def charge_turned_up(
    tx: Transaction,
    *,
    order: BillingOrder,
    reference_key: bytes,
    charge_id: str | None,
    record: ExchangeRecord | None,
    proved: bool = True,
) -> Purchase | None:
    """Honour a late charge if the operator chose so, the slot is free and its window is open; else reverse it.

    One that is not `proved`, but only to be feared, is reversed: giving back what was never taken does not work,
    giving access to it would.
    Returns the purchase after it; None: it was moved by somebody else meanwhile.
    """
    purchase, operator = order.purchase, order.operator
    await lock_customer(tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id)
    now = await tx.now()
    honour = proved and operator.honour_late_charges and await _could_be_honoured(tx, order, now)
    if honour:
        change = Change(
            to=PurchaseState.GRANTED,
            cause="late_charge_honoured",
            check_in=FIRST_CHECK,
            evidence=Evidence.LATE_CHARGE,
            billing_transaction=charge_id,
            record=record,
        )
        return await move(tx, operator=operator, purchase=purchase, change=change, now=now)
    return await begin_reversal(
        tx,
        operator=operator,
        reference_key=reference_key,
        purchase=purchase,
        cause=LATE_CHARGE,
        check_in=order.check_after(PurchaseState.REVERSING),
        evidence=Evidence.LATE_CHARGE,
        record=record,
        now=now,
    )


async def grant_or_give_back(
    tx: Transaction, *, order: BillingOrder, reference_key: bytes, change: Change, now: datetime
) -> Purchase | None:
    """Make `change`, which grants, for a charge that is known only now: by its answer, or by what was found later.

    What was sold may be over by then, such as a live event: nobody pays for that, and the charge is given back.
    A free grant that helped over the unclear time is paid by it all the same: the customer could watch.
    Returns the purchase after it; None: it was moved by somebody else meanwhile.
    """
    operator, seen = order.operator, order.purchase
    if seen.state in UNCLEAR:
        # Whoever gives a free grant for it has this lock: the move must see that, or there would be two rights.
        await lock_customer(tx, operator_id=seen.operator_id, customer_id=seen.customer_id)
        now = await tx.now()
    granted = await move(tx, operator=operator, purchase=seen, change=change, now=now)
    if granted is None or now < right_until(granted, operator, now) or await _was_helped_over(tx, granted):
        return granted
    return await begin_reversal(
        tx,
        operator=operator,
        reference_key=reference_key,
        purchase=granted,
        cause=TOO_LATE,
        check_in=order.check_after(PurchaseState.REVERSING),
        now=now,
    )


async def _was_helped_over(tx: Transaction, granted: Purchase) -> bool:
    right = await entitlement_of_purchase(
        tx, operator_id=granted.operator_id, customer_id=granted.customer_id, purchase_id=granted.purchase_id
    )
    return right is not None and right.for_purchase_id is not None


async def _could_be_honoured(tx: Transaction, order: BillingOrder, now: datetime) -> bool:
    purchase = order.purchase
    holder = await slot_holder(
        tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id,
        item_kind=purchase.item_kind, item_id=purchase.item_id,
    )  # fmt: skip
    if holder is not None:
        return False
    return now < right_until(purchase, order.operator, purchase.charge_began_at)
