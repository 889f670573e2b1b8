"""Erasing who a customer is. What was bought, the ledger and its tax stay, under an id that names nobody."""

from datetime import datetime
from uuid import UUID

from matinee.customers.operations.recording import record
from matinee.customers.operations.sessions import end_sessions
from matinee.customers.queries import lock_customer
from matinee.kernel.reasons import checked_reason
from matinee.platform.audit import SYSTEM, Actor
from matinee.platform.db import Transaction

_NO_PASSWORD = "-"  # no hash: no password fits


async def request_erasure(
    tx: Transaction, *, operator_id: UUID, actor: Actor, customer_id: UUID, reason: str, now: datetime
) -> None:
    """Erase what nothing needs any more, and disable the customer for good. Harmless when asked for already.

    Billing knows the customer by user name, mapping id, city, state and country: those stay until `finish_erasure`.
    Raises NotFound, and Invalid (`reason`).
    """
    reason = checked_reason(reason)
    customer = await lock_customer(tx, operator_id=operator_id, customer_id=customer_id)
    if customer.erasure_requested_at is not None:
        return
    await tx.execute(
        """UPDATE customers SET first_name = '', last_name = '', email = '', phone = '', street = '', zip = '',
                  password_hash = $3, status = 'disabled', updated_at = $4, erasure_requested_at = $4
           WHERE operator_id = $1 AND customer_id = $2""",
        operator_id, customer_id, _NO_PASSWORD, now,
    )  # fmt: skip
    await end_sessions(tx, operator_id=operator_id, customer_id=customer_id)
    await tx.execute(
        "DELETE FROM customer_lookups WHERE operator_id = $1 AND customer_id = $2 AND kind = 'device'",
        operator_id, customer_id,
    )  # fmt: skip
    await tx.execute(
        "UPDATE devices SET model = '' WHERE operator_id = $1 AND customer_id = $2", operator_id, customer_id
    )
    await record(tx, operator_id, actor, customer_id, "customer.erasure_requested", now, reason)


async def finish_erasure(tx: Transaction, *, operator_id: UUID, customer_id: UUID, now: datetime) -> None:
    """Erase what billing knew the customer by. Only for one whose erasure was asked for, with nothing open."""
    await tx.execute(
        """UPDATE customers SET username = $3, mapping_id = '', city = '', state = '', country = '',
                  updated_at = $4, erased_at = $4
           WHERE operator_id = $1 AND customer_id = $2 AND erasure_requested_at IS NOT NULL
             AND erased_at IS NULL""",
        operator_id, customer_id, f"erased-{customer_id.hex}", now,
    )  # fmt: skip
    await tx.execute(
        "DELETE FROM customer_lookups WHERE operator_id = $1 AND customer_id = $2", operator_id, customer_id
    )
    await record(tx, operator_id, SYSTEM, customer_id, "customer.erased", now)
