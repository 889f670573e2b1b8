"""Reading packages."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from matinee.catalog.models import items, package_items, packages
from matinee.catalog.types import ItemKind, Package, PackageRow
from matinee.kernel.errors import NotFound
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Transaction


async def get_package(tx: Transaction, *, operator_id: UUID, package_id: UUID) -> Package:
    """Return a package. Raises NotFound."""
    row = await tx.fetchrow(
        "SELECT package_id, name FROM packages WHERE operator_id = $1 AND package_id = $2",
        operator_id, package_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such package.")
    return Package(**row)


async def package_choices(tx: Transaction, *, operator_id: UUID) -> list[Package]:
    """Return every package, by name."""
    rows = await tx.fetch(
        "SELECT package_id, name FROM packages WHERE operator_id = $1 ORDER BY lower(name), package_id",
        operator_id,
    )
    return [Package(**row) for row in rows]


async def count_items_by_package(
    tx: Transaction, *, operator_id: UUID, package_ids: Sequence[UUID]
) -> dict[UUID, dict[ItemKind, int]]:
    """Return how many items (archived ones left out) of each kind are in each of the packages; none: not in it."""
    rows = await tx.fetch(
        """SELECT p.package_id, p.item_kind, count(*) AS items
           FROM package_items p JOIN items i USING (operator_id, item_kind, item_id)
           WHERE p.operator_id = $1 AND p.package_id = ANY($2::uuid[]) AND i.archived_at IS NULL
           GROUP BY p.package_id, p.item_kind""",
        operator_id, list(package_ids),
    )  # fmt: skip
    found: dict[UUID, dict[ItemKind, int]] = {}
    for row in rows:
        found.setdefault(row["package_id"], {})[ItemKind(row["item_kind"])] = row["items"]
    return found


async def list_packages(tx: Transaction, *, operator_id: UUID, query: ListQuery) -> Page[PackageRow]:
    """Return one page of packages. Search looks into the name. Sorts: name, items, created."""
    count = (
        select(func.count())
        .select_from(package_items)
        .join(
            items,
            (items.c.operator_id == package_items.c.operator_id)
            & (items.c.item_kind == package_items.c.item_kind)
            & (items.c.item_id == package_items.c.item_id)
            & items.c.archived_at.is_(None),
        )
        .where(
            package_items.c.operator_id == packages.c.operator_id,
            package_items.c.package_id == packages.c.package_id,
        )
        .correlate(packages)
        .scalar_subquery()
        .label("item_count")
    )
    sorts: dict[str, ColumnElement[Any]] = {
        "name": func.lower(packages.c.name),
        "items": count,
        "created": packages.c.created_at,
    }
    found = [packages.c.name.icontains(word, autoescape=True) for word in query.search.split()]
    base = select(packages.c.package_id, packages.c.name, packages.c.created_at, count).where(
        packages.c.operator_id == operator_id, *found
    )
    counted = base.with_only_columns(packages.c.package_id).subquery()
    total = await tx.select_value(select(func.count()).select_from(counted))
    column = sorts.get(query.sort.lstrip("-"), sorts["name"])
    ordered = column.desc() if query.sort.startswith("-") else column.asc()
    page = base.order_by(ordered, packages.c.package_id).limit(query.page_size).offset(query.offset)
    return Page(rows=[PackageRow(**row) for row in await tx.select(page)], total=total, query=query)
