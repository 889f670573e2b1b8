"""Adding and changing customers."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from matinee.customers.operations.recording import record
from matinee.customers.operations.sessions import end_sessions
from matinee.customers.queries import get_product, lock_customer
from matinee.customers.rules import validated_customer
from matinee.customers.types import Customer, CustomerInput, CustomerStatus
from matinee.kernel.errors import Conflict, EditedMeanwhile, Invalid, NotFound
from matinee.kernel.ids import new_id
from matinee.kernel.reasons import checked_reason
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction

_TAKEN = {
    "username": "Another customer has this user name.",
    "mapping_id": "Another customer has this mapping id.",
}

# Who a customer is stays out of the audit trail, which outlives an erasure: only that it changed is told.
_TOLD = ("product_id", "status", "starts_at", "expires_at", "spending_limit_minor",
         "spending_limit_currency", "mapping_id")  # fmt: skip


async def create_customer(
    tx: Transaction,
    *,
    operator_id: UUID,
    actor: Actor,
    given: CustomerInput,
    password_hash: str,
    now: datetime,
) -> UUID:
    """Add a customer and return its id. `password_hash` is from `hash_password`, made before the transaction.

    Raises Invalid, also when the user name or the mapping id is taken.
    """
    given = validated_customer(given)
    await _check_product(tx, operator_id, given.product_id)
    customer_id = new_id()
    errors = {}
    for kind in _TAKEN:
        value = getattr(given, kind)
        if value and not await _claim(tx, operator_id, customer_id, kind, value):
            errors[kind] = _TAKEN[kind]
    if errors:
        raise Invalid(errors)
    await tx.execute(
        """INSERT INTO customers (operator_id, customer_id, password_hash, created_at, updated_at, username,
               first_name, last_name, email, phone, street, city, state, zip, country, mapping_id,
               product_id, status, starts_at, expires_at, spending_limit_minor, spending_limit_currency)
           VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                   $19, $20, $21)""",
        operator_id, customer_id, password_hash, now, *_values(given),
    )  # fmt: skip
    await record(tx, operator_id, actor, customer_id, "customer.created", now, details=_told(given))
    return customer_id


async def update_customer(
    tx: Transaction,
    *,
    operator_id: UUID,
    actor: Actor,
    customer_id: UUID,
    given: CustomerInput,
    now: datetime,
    expected_version: int | None = None,
) -> Customer:
    """Change a customer; a disabled one stays disabled. Returns it as it is now.

    `expected_version` is the version that the editor was opened with. Raises NotFound, Invalid, and
    Conflict when somebody else saved meanwhile.
    """
    given = validated_customer(given)
    before = await lock_customer(tx, operator_id=operator_id, customer_id=customer_id)
    if expected_version is not None and before.version != expected_version:
        raise EditedMeanwhile("this customer")
    _check_not_erased(before)
    if before.status is CustomerStatus.DISABLED:
        given = msgspec.structs.replace(given, status=CustomerStatus.DISABLED)
    if given.product_id != before.product_id:
        await _check_product(tx, operator_id, given.product_id)
    changed = [name for name in given.__struct_fields__ if getattr(given, name) != getattr(before, name)]
    if not changed:
        return before
    await _move_lookups(tx, operator_id, before, given)
    await tx.execute(
        """UPDATE customers SET updated_at = $3, username = $4, first_name = $5, last_name = $6, email = $7,
               phone = $8, street = $9, city = $10, state = $11, zip = $12, country = $13, mapping_id = $14,
               product_id = $15, status = $16, starts_at = $17, expires_at = $18, spending_limit_minor = $19,
               spending_limit_currency = $20
           WHERE operator_id = $1 AND customer_id = $2""",
        operator_id, customer_id, now, *_values(given),
    )  # fmt: skip
    details = {"changed": changed} | {
        name: {"from": getattr(before, name), "to": getattr(given, name)} for name in _TOLD if name in changed
    }
    await record(tx, operator_id, actor, customer_id, "customer.updated", now, details=details)
    return Customer(
        customer_id=customer_id,
        created_at=before.created_at,
        updated_at=now,
        erasure_requested_at=None,
        erased_at=None,
        **{name: getattr(given, name) for name in given.__struct_fields__},
    )


def _values(given: CustomerInput) -> tuple[object, ...]:
    """Return the columns that staff fill in, in the order in which both statements name them."""
    return (
        given.username, given.first_name, given.last_name, given.email, given.phone, given.street, given.city,
        given.state, given.zip, given.country, given.mapping_id, given.product_id, given.status,
        given.starts_at, given.expires_at, given.spending_limit_minor, given.spending_limit_currency,
    )  # fmt: skip


async def _check_product(tx: Transaction, operator_id: UUID, product_id: UUID) -> None:
    # Shared with other customers, but not with somebody who is archiving it: one of the two comes first.
    await tx.fetchval(
        "SELECT 1 FROM products WHERE operator_id = $1 AND product_id = $2 FOR SHARE", operator_id, product_id
    )
    try:
        product = await get_product(tx, operator_id=operator_id, product_id=product_id)
    except NotFound:
        raise Invalid({"product_id": "Choose a product."}) from None
    if product.archived_at is not None:
        raise Invalid({"product_id": "This product is archived; choose another."})


async def _claim(tx: Transaction, operator_id: UUID, customer_id: UUID, kind: str, value: str) -> bool:
    tag = await tx.execute(
        """INSERT INTO customer_lookups (operator_id, kind, value, customer_id) VALUES ($1, $2, $3, $4)
           ON CONFLICT (operator_id, kind, value) DO NOTHING""",
        operator_id, kind, value, customer_id,
    )  # fmt: skip
    return tag == "INSERT 0 1"


async def _move_lookups(tx: Transaction, operator_id: UUID, before: Customer, given: CustomerInput) -> None:
    errors = {}
    for kind in _TAKEN:
        old, new = getattr(before, kind), getattr(given, kind)
        if old == new:
            continue
        if new and not await _claim(tx, operator_id, before.customer_id, kind, new):
            errors[kind] = _TAKEN[kind]
        elif old:
            await tx.execute(
                """DELETE FROM customer_lookups
                   WHERE operator_id = $1 AND kind = $2 AND value = $3 AND customer_id = $4""",
                operator_id, kind, old, before.customer_id,
            )  # fmt: skip
    if errors:
        raise Invalid(errors)


async def disable_customer(
    tx: Transaction, *, operator_id: UUID, actor: Actor, customer_id: UUID, reason: str, now: datetime
) -> None:
    """Disable a customer and end every session at once; open purchases still settle.

    Raises NotFound, and Invalid (`reason`). Harmless when disabled already.
    """
    reason = checked_reason(reason)
    customer = await lock_customer(tx, operator_id=operator_id, customer_id=customer_id)
    if customer.status is CustomerStatus.DISABLED:
        return
    await tx.execute(
        """UPDATE customers SET status_before_disabled = status, status = 'disabled', updated_at = $3
           WHERE operator_id = $1 AND customer_id = $2""",
        operator_id, customer_id, now,
    )  # fmt: skip
    await end_sessions(tx, operator_id=operator_id, customer_id=customer_id)
    change = {"status": {"from": customer.status, "to": CustomerStatus.DISABLED}}
    await record(tx, operator_id, actor, customer_id, "customer.disabled", now, reason, change)


async def enable_customer(
    tx: Transaction, *, operator_id: UUID, actor: Actor, customer_id: UUID, reason: str, now: datetime
) -> None:
    """Enable a disabled customer, who gets back the status from before.

    Raises NotFound, Invalid (`reason`), and Conflict for one who was erased. Harmless when not disabled.
    """
    reason = checked_reason(reason)
    customer = await lock_customer(tx, operator_id=operator_id, customer_id=customer_id)
    if customer.status is not CustomerStatus.DISABLED:
        return
    _check_not_erased(customer)
    status = await _status_before(tx, operator_id, customer)
    await tx.execute(
        """UPDATE customers SET status = $3, status_before_disabled = NULL, updated_at = $4
           WHERE operator_id = $1 AND customer_id = $2""",
        operator_id, customer_id, status, now,
    )  # fmt: skip
    change = {"status": {"from": customer.status, "to": status}}
    await record(tx, operator_id, actor, customer_id, "customer.enabled", now, reason, change)


async def _status_before(tx: Transaction, operator_id: UUID, customer: Customer) -> CustomerStatus:
    """Return what a disabled customer was; who was disabled before that was kept is what the product says."""
    stored: str | None = await tx.fetchval(
        "SELECT status_before_disabled FROM customers WHERE operator_id = $1 AND customer_id = $2",
        operator_id, customer.customer_id,
    )  # fmt: skip
    if stored is not None:
        return CustomerStatus(stored)
    product = await get_product(tx, operator_id=operator_id, product_id=customer.product_id)
    return CustomerStatus.TRIAL if product.is_trial else CustomerStatus.ACTIVE


async def set_password(
    tx: Transaction, *, operator_id: UUID, actor: Actor, customer_id: UUID, password_hash: str, now: datetime
) -> None:
    """Give a customer a new password and end every session. Raises NotFound, and Conflict for one who was erased."""
    _check_not_erased(await lock_customer(tx, operator_id=operator_id, customer_id=customer_id))
    await tx.execute(
        """UPDATE customers SET password_hash = $3, updated_at = $4
           WHERE operator_id = $1 AND customer_id = $2""",
        operator_id, customer_id, password_hash, now,
    )  # fmt: skip
    await end_sessions(tx, operator_id=operator_id, customer_id=customer_id)
    await record(tx, operator_id, actor, customer_id, "customer.password_changed", now)


def _check_not_erased(customer: Customer) -> None:
    if customer.erasure_requested_at is not None:
        raise Conflict("This customer's personal data was erased. That cannot be undone.", code="erased")


def _told(given: CustomerInput) -> dict[str, Any]:
    return {name: getattr(given, name) for name in _TOLD}
