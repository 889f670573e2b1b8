"""Reading products."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, or_, select

from matinee.customers.models import customers, product_packages, products
from matinee.customers.types import PaymentType, Product, ProductRow
from matinee.kernel.errors import NotFound
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Transaction

_SELECT = """
    SELECT p.product_id, p.name, p.mapping_id, p.is_trial, p.payment_type, p.currency, p.max_devices,
           p.max_streams, p.version, p.archived_at, p.created_at, p.updated_at,
           ARRAY(SELECT pp.package_id FROM product_packages pp
                 WHERE pp.operator_id = p.operator_id AND pp.product_id = p.product_id
                 ORDER BY pp.package_id) AS packages,
           (SELECT coalesce(jsonb_object_agg(pv.api_type, pv.provision_id), '{}') FROM product_provisions pv
            WHERE pv.operator_id = p.operator_id AND pv.product_id = p.product_id)::text AS provisions
    FROM products p
"""

_SORTS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(products.c.name),
    "payment_type": products.c.payment_type,
    "currency": products.c.currency,
    "updated_at": products.c.updated_at,
}


async def get_product(tx: Transaction, *, operator_id: UUID, product_id: UUID) -> Product:
    """Return a product with its packages and provisions; an archived one too. Raises NotFound."""
    row = await tx.fetchrow(
        _SELECT + "WHERE p.operator_id = $1 AND p.product_id = $2", operator_id, product_id
    )
    if row is None:
        raise NotFound("There is no such product.")
    return _product(row)


async def products_for_publishing(tx: Transaction, *, operator_id: UUID) -> list[Product]:
    """Return every product that is not archived, in order of its id."""
    rows = await tx.fetch(
        _SELECT + "WHERE p.operator_id = $1 AND p.archived_at IS NULL ORDER BY p.product_id", operator_id
    )
    return [_product(row) for row in rows]


def _product(row: Any) -> Product:
    return Product(
        **(
            dict(row)
            | {
                "payment_type": PaymentType(row["payment_type"]),
                "packages": tuple(row["packages"]),
                "provisions": msgspec.json.decode(row["provisions"], type=dict[str, UUID]),
            }
        )
    )


async def product_choices(tx: Transaction, *, operator_id: UUID) -> list[tuple[UUID, str]]:
    """Return id and name of every product that customers may be given, by name."""
    rows = await tx.fetch(
        """SELECT product_id, name FROM products WHERE operator_id = $1 AND archived_at IS NULL
           ORDER BY lower(name), product_id""",
        operator_id,
    )
    return [(row["product_id"], row["name"]) for row in rows]


async def list_products(tx: Transaction, *, operator_id: UUID, query: ListQuery) -> Page[ProductRow]:
    """Return one page of products.

    Search looks into name and mapping id. Filters: `payment_type`, and `archived` (`yes` shows archived
    products only; otherwise they are left out). Sorts: name, payment_type, currency, updated_at.
    """
    packages = (
        select(func.count())
        .where(
            product_packages.c.operator_id == products.c.operator_id,
            product_packages.c.product_id == products.c.product_id,
        )
        .scalar_subquery()
    )
    having_it = (
        select(func.count())
        .where(
            customers.c.operator_id == products.c.operator_id, customers.c.product_id == products.c.product_id
        )
        .scalar_subquery()
    )
    base = select(
        products.c.product_id, products.c.name, products.c.mapping_id, products.c.is_trial,
        products.c.payment_type, products.c.currency, products.c.archived_at, products.c.updated_at,
    ).where(products.c.operator_id == operator_id, *_conditions(query))  # fmt: skip
    total = await tx.select_value(select(func.count()).select_from(base.subquery()))
    column = _SORTS.get(query.sort.removeprefix("-"), _SORTS["name"])
    rows = await tx.select(
        base.add_columns(packages.label("package_count"), having_it.label("customer_count"))
        .order_by(column.desc() if query.sort.startswith("-") else column.asc(), products.c.product_id)
        .limit(query.page_size)
        .offset(query.offset)
    )
    return Page(
        rows=[ProductRow(**(dict(row) | {"payment_type": PaymentType(row["payment_type"])})) for row in rows],
        total=total,
        query=query,
    )


def _conditions(query: ListQuery) -> list[ColumnElement[bool]]:
    archived = products.c.archived_at
    conditions: list[ColumnElement[bool]] = [
        archived.is_not(None) if query.filters.get("archived") == "yes" else archived.is_(None)
    ]
    for word in query.search.lower().split():
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        conditions.append(
            or_(func.lower(products.c.name).like(pattern), func.lower(products.c.mapping_id).like(pattern))
        )
    if query.filters.get("payment_type"):
        conditions.append(products.c.payment_type == query.filters["payment_type"])
    return conditions


async def product_currencies(tx: Transaction, *, operator_id: UUID) -> list[str]:
    """Return the currencies that customers pay in, by code."""
    rows = await tx.fetch(
        "SELECT DISTINCT currency FROM products WHERE operator_id = $1 ORDER BY 1", operator_id
    )
    return [row["currency"] for row in rows]
