"""Adding and changing products."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from matinee.customers.queries import get_product
from matinee.customers.rules import validated_product
from matinee.customers.types import Product, ProductInput
from matinee.kernel.errors import EditedMeanwhile, Invalid, NotFound, Refused
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction

_TAKEN = {"name": "Another product has this name; an archived one counts too."}


async def create_product(
    tx: Transaction, *, operator_id: UUID, actor: Actor, given: ProductInput, now: datetime
) -> UUID:
    """Add a product and return its id. Raises Invalid."""
    given = validated_product(given)
    product_id = new_id()
    tag = await tx.execute(
        """INSERT INTO products (operator_id, product_id, name, mapping_id, is_trial, payment_type, currency,
                                 max_devices, max_streams, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
           ON CONFLICT (operator_id, name) DO NOTHING""",
        operator_id, product_id, given.name, given.mapping_id, given.is_trial, given.payment_type,
        given.currency, given.max_devices, given.max_streams, now,
    )  # fmt: skip
    if tag != "INSERT 0 1":
        raise Invalid(_TAKEN)
    await _link(tx, operator_id, product_id, given)
    await _record(tx, operator_id, actor, product_id, "product.created", now, _facts(given))
    return product_id


async def update_product(
    tx: Transaction,
    *,
    operator_id: UUID,
    actor: Actor,
    product_id: UUID,
    given: ProductInput,
    now: datetime,
    expected_version: int | None = None,
) -> Product:
    """Change a product; its version rises unless nothing changed.

    `expected_version` is the version that the editor was opened with. Apps see the change after the next
    Cloud Sync of Products. Raises NotFound, Invalid, and Conflict when somebody else saved meanwhile.
    """
    given = validated_product(given)
    before = await _locked(tx, operator_id, product_id)
    if expected_version is not None and before.version != expected_version:
        raise EditedMeanwhile("this product")
    facts, old_facts = _facts(given), _facts(before)
    changed = {
        name: {"from": old_facts[name], "to": fact} for name, fact in facts.items() if fact != old_facts[name]
    }
    if not changed:
        return before
    try:
        await tx.execute(
            """UPDATE products SET name = $3, mapping_id = $4, is_trial = $5, payment_type = $6,
                   currency = $7, max_devices = $8, max_streams = $9, version = version + 1, updated_at = $10
               WHERE operator_id = $1 AND product_id = $2""",
            operator_id, product_id, given.name, given.mapping_id, given.is_trial, given.payment_type,
            given.currency, given.max_devices, given.max_streams, now,
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        raise Invalid(_TAKEN) from None
    await _link(tx, operator_id, product_id, given)
    await _record(tx, operator_id, actor, product_id, "product.updated", now, changed)
    return await get_product(tx, operator_id=operator_id, product_id=product_id)


async def archive_product(
    tx: Transaction, *, operator_id: UUID, actor: Actor, product_id: UUID, now: datetime
) -> None:
    """Take a product out of use. Raises NotFound, and Refused (`product_in_use`) while customers have it."""
    product = await _locked(tx, operator_id, product_id)
    if product.archived_at is not None:
        return
    count = await tx.fetchval(
        "SELECT count(*) FROM customers WHERE operator_id = $1 AND product_id = $2", operator_id, product_id
    )
    if count:
        whom = "1 customer has" if count == 1 else f"{count} customers have"
        raise Refused(f"{whom} this product; give them another one first.", code="product_in_use")
    await _set_archived(tx, operator_id, product_id, now, now)
    await _record(tx, operator_id, actor, product_id, "product.archived", now, {})


async def restore_product(
    tx: Transaction, *, operator_id: UUID, actor: Actor, product_id: UUID, now: datetime
) -> None:
    """Put an archived product back into use. Raises NotFound."""
    product = await _locked(tx, operator_id, product_id)
    if product.archived_at is None:
        return
    await _set_archived(tx, operator_id, product_id, None, now)
    await _record(tx, operator_id, actor, product_id, "product.restored", now, {})


async def _set_archived(
    tx: Transaction, operator_id: UUID, product_id: UUID, archived_at: datetime | None, now: datetime
) -> None:
    await tx.execute(
        """UPDATE products SET archived_at = $3, version = version + 1, updated_at = $4
           WHERE operator_id = $1 AND product_id = $2""",
        operator_id, product_id, archived_at, now,
    )  # fmt: skip


async def _locked(tx: Transaction, operator_id: UUID, product_id: UUID) -> Product:
    found = await tx.fetchval(
        "SELECT true FROM products WHERE operator_id = $1 AND product_id = $2 FOR UPDATE",
        operator_id, product_id,
    )  # fmt: skip
    if not found:
        raise NotFound("There is no such product.")
    return await get_product(tx, operator_id=operator_id, product_id=product_id)


async def _link(tx: Transaction, operator_id: UUID, product_id: UUID, given: ProductInput) -> None:
    """Replace the product's packages and provisions. Raises Invalid for one that is not there."""
    for statement in (
        "DELETE FROM product_packages WHERE operator_id = $1 AND product_id = $2",
        "DELETE FROM product_provisions WHERE operator_id = $1 AND product_id = $2",
    ):
        await tx.execute(statement, operator_id, product_id)
    try:
        await tx.execute(
            """INSERT INTO product_packages (operator_id, product_id, package_id)
               SELECT $1, $2, unnest($3::uuid[])""",
            operator_id, product_id, list(given.packages),
        )  # fmt: skip
    except asyncpg.ForeignKeyViolationError:
        raise Invalid({"packages": "One of these packages is not there any more; choose again."}) from None
    try:
        await tx.execute(
            """INSERT INTO product_provisions (operator_id, product_id, api_type, provision_id)
               SELECT $1, $2, * FROM unnest($3::text[], $4::uuid[])""",
            operator_id, product_id, list(given.provisions), list(given.provisions.values()),
        )  # fmt: skip
    except (asyncpg.ForeignKeyViolationError, asyncpg.CheckViolationError):
        raise Invalid({"provisions": "Choose a provision for each API type."}) from None


def _facts(product: Product | ProductInput) -> dict[str, Any]:
    return {
        "name": product.name,
        "mapping_id": product.mapping_id,
        "is_trial": product.is_trial,
        "payment_type": product.payment_type,
        "currency": product.currency,
        "max_devices": product.max_devices,
        "max_streams": product.max_streams,
        "packages": [str(package_id) for package_id in product.packages],
        "provisions": {kind: str(product.provisions[kind]) for kind in sorted(product.provisions)},
    }


async def _record(
    tx: Transaction,
    operator_id: UUID,
    actor: Actor,
    product_id: UUID,
    action: str,
    now: datetime,
    details: dict[str, Any],
) -> None:
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=action, subject_kind="product",
        subject_id=product_id, now=now, details=details,
    )  # fmt: skip
