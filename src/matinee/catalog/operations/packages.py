"""Adding, renaming and removing packages."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import ForeignKeyViolationError, UniqueViolationError

from matinee.catalog.queries import get_package
from matinee.catalog.rules import check_package_name
from matinee.catalog.types import Package
from matinee.kernel.errors import Invalid, Refused
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction


async def create_package(
    tx: Transaction, *, operator_id: UUID, name: str, actor: Actor, now: datetime
) -> Package:
    """Add a package. Raises Invalid (name)."""
    package = Package(package_id=new_id(), name=check_package_name(name))
    with _name_taken():
        await tx.execute(
            "INSERT INTO packages (operator_id, package_id, name, created_at) VALUES ($1, $2, $3, $4)",
            operator_id, package.package_id, package.name, now,
        )  # fmt: skip
    details = {"name": package.name}
    await _record(tx, operator_id, package.package_id, actor, "package.created", now, details)
    return package


async def rename_package(
    tx: Transaction, *, operator_id: UUID, package_id: UUID, name: str, actor: Actor, now: datetime
) -> Package:
    """Give a package another name. Raises Invalid (name), NotFound."""
    plain = check_package_name(name)
    before = await get_package(tx, operator_id=operator_id, package_id=package_id)
    if before.name == plain:
        return before
    with _name_taken():
        await tx.execute(
            "UPDATE packages SET name = $3 WHERE operator_id = $1 AND package_id = $2",
            operator_id, package_id, plain,
        )  # fmt: skip
    details = {"name": {"from": before.name, "to": plain}}
    await _record(tx, operator_id, package_id, actor, "package.renamed", now, details)
    return Package(package_id=package_id, name=plain)


async def delete_package(
    tx: Transaction, *, operator_id: UUID, package_id: UUID, actor: Actor, now: datetime
) -> Package:
    """Remove a package; what is in it stays. Raises NotFound, and Refused while a product contains it."""
    package = await get_package(tx, operator_id=operator_id, package_id=package_id)
    try:
        await tx.execute(
            "DELETE FROM packages WHERE operator_id = $1 AND package_id = $2", operator_id, package_id
        )
    except ForeignKeyViolationError as error:
        raise Refused(
            f"“{package.name}” is part of a product. Take it out of the product first.", code="package_in_use"
        ) from error
    await _record(tx, operator_id, package_id, actor, "package.deleted", now, {"name": package.name})
    return package


@contextmanager
def _name_taken() -> Iterator[None]:
    try:
        yield
    except UniqueViolationError as error:
        raise Invalid({"name": "Another package has this name already."}) from error


async def _record(
    tx: Transaction,
    operator_id: UUID,
    package_id: UUID,
    actor: Actor,
    action: str,
    now: datetime,
    details: dict[str, Any],
) -> None:
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=action, subject_kind="package",
        subject_id=package_id, now=now, details=details,
    )  # fmt: skip
