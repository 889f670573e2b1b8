"""When a customer's erasure may be finished: once no purchase or refund can need what billing knows the customer by."""

from datetime import datetime
from uuid import UUID

from matinee.customers.operations import finish_erasure, request_erasure
from matinee.customers.queries import get_customer, lock_customer
from matinee.customers.types import Customer
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction

_OPEN = """
    SELECT EXISTS (SELECT FROM purchases
                   WHERE operator_id = $1 AND customer_id = $2 AND next_check_at IS NOT NULL)
        OR EXISTS (SELECT FROM reversals
                   WHERE operator_id = $1 AND customer_id = $2 AND state <> 'REVERSED')
"""


async def erase_customer(
    tx: Transaction, *, operator_id: UUID, actor: Actor, customer_id: UUID, reason: str
) -> Customer:
    """Erase a customer's personal data, and what billing knows the customer by as soon as nothing is open.

    Returns the customer as it is now: `erased_at` None means that a purchase is still open or watched, and that
    a worker finishes it later. Raises NotFound, and Invalid (`reason`).
    """
    await lock_customer(tx, operator_id=operator_id, customer_id=customer_id)
    now = await tx.now()
    await request_erasure(
        tx, operator_id=operator_id, actor=actor, customer_id=customer_id, reason=reason, now=now
    )
    await finish_if_settled(tx, operator_id=operator_id, customer_id=customer_id)
    return await get_customer(tx, operator_id=operator_id, customer_id=customer_id)


async def finish_if_settled(tx: Transaction, *, operator_id: UUID, customer_id: UUID) -> bool:
    """Finish an erasure that was asked for, unless something is open; returns whether it did."""
    customer = await lock_customer(tx, operator_id=operator_id, customer_id=customer_id)
    now = await tx.now()
    if customer.erasure_requested_at is None or customer.erased_at is not None:
        return False
    if await tx.fetchval(_OPEN, operator_id, customer_id):
        return False
    await finish_erasure(tx, operator_id=operator_id, customer_id=customer_id, now=now)
    return True


async def being_erased(tx: Transaction, *, operator_id: UUID, before: datetime) -> list[UUID]:
    """Return the customers whose erasure was asked for before a moment and is not finished, oldest first."""
    rows = await tx.fetch(
        """SELECT customer_id FROM customers
           WHERE operator_id = $1 AND erasure_requested_at <= $2 AND erased_at IS NULL
           ORDER BY erasure_requested_at LIMIT 1000""",
        operator_id, before,
    )  # fmt: skip
    return [row["customer_id"] for row in rows]
