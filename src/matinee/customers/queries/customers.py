"""Reading customers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, or_, select

from matinee.customers.models import customers, products
from matinee.customers.rules import effective_status, normal_username
from matinee.customers.types import (
    ERASED,
    Customer,
    CustomerRow,
    CustomerStatus,
    EffectiveStatus,
    SignInCandidate,
)
from matinee.kernel.errors import NotFound
from matinee.kernel.ids import parse_id
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Record, Transaction

_SELECT = """
    SELECT customer_id, username, first_name, last_name, email, phone, street, city, state, zip, country,
           mapping_id, product_id, status, starts_at, expires_at, spending_limit_minor, spending_limit_currency,
           created_at, updated_at, erasure_requested_at, erased_at
    FROM customers WHERE operator_id = $1 AND customer_id = $2
"""

_SORTS: dict[str, list[ColumnElement[Any]]] = {
    "name": [func.lower(customers.c.last_name), func.lower(customers.c.first_name)],
    "username": [customers.c.username],
    "product": [func.lower(products.c.name)],
    "expires_at": [customers.c.expires_at],
    "created_at": [customers.c.created_at],
}


async def get_customer(tx: Transaction, *, operator_id: UUID, customer_id: UUID) -> Customer:
    """Return a customer. Raises NotFound."""
    return await _one(tx, _SELECT, operator_id, customer_id)


async def lock_customer(tx: Transaction, *, operator_id: UUID, customer_id: UUID) -> Customer:
    """Return a customer whose row is locked until the transaction ends. Raises NotFound.

    The lock lets rows that refer to the customer be written meanwhile.
    """
    return await _one(tx, _SELECT + "FOR NO KEY UPDATE", operator_id, customer_id)


async def lock_customer_and_clock(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID
) -> tuple[Customer, datetime]:
    """Lock as `lock_customer` does; return the customer and what time it was then. Raises NotFound."""
    row, now = await tx.lock(_SELECT + "FOR NO KEY UPDATE", operator_id, customer_id)
    return _customer(row), now


async def _one(tx: Transaction, statement: str, operator_id: UUID, customer_id: UUID) -> Customer:
    return _customer(await tx.fetchrow(statement, operator_id, customer_id))


def _customer(row: Record | None) -> Customer:
    if row is None:
        raise NotFound("There is no such customer.")
    given = {name: row[name] for name in Customer.__struct_fields__}
    return Customer(**(given | {"status": CustomerStatus(row["status"])}))


async def sign_in_candidate(tx: Transaction, *, operator_id: UUID, username: str) -> SignInCandidate | None:
    """Return whom a user name belongs to; None when nobody has it."""
    row = await tx.fetchrow(
        """SELECT c.customer_id, c.password_hash
           FROM customer_lookups l
           JOIN customers c ON c.operator_id = l.operator_id AND c.customer_id = l.customer_id
           WHERE l.operator_id = $1 AND l.kind = 'username' AND l.value = $2""",
        operator_id, normal_username(username),
    )  # fmt: skip
    return None if row is None else SignInCandidate(**row)


async def list_customers(
    tx: Transaction, *, operator_id: UUID, query: ListQuery, now: datetime
) -> Page[CustomerRow]:
    """Return one page of customers.

    Search looks into name, user name, e-mail and mapping id. Filters: `status` (an effective status) and
    `product` (its id). Sorts: name, username, product, expires_at, created_at.
    """
    base = (
        select(
            customers.c.customer_id, customers.c.username, customers.c.first_name, customers.c.last_name,
            customers.c.email, customers.c.mapping_id, customers.c.product_id, customers.c.status,
            customers.c.starts_at, customers.c.expires_at, customers.c.created_at,
            customers.c.erased_at, products.c.name.label("product_name"),
        )
        .join(
            products,
            (products.c.operator_id == customers.c.operator_id)
            & (products.c.product_id == customers.c.product_id),
        )
        .where(customers.c.operator_id == operator_id, *_conditions(query, now))
    )  # fmt: skip
    total = await tx.select_value(select(func.count()).select_from(base.subquery()))
    rows = await tx.select(_sorted(base, query).limit(query.page_size).offset(query.offset))
    return Page(rows=[_row(row, now) for row in rows], total=total, query=query)


def _conditions(query: ListQuery, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for word in query.search.lower().split():
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = (
            customers.c.first_name, customers.c.last_name, customers.c.username, customers.c.email,
            customers.c.mapping_id,
        )  # fmt: skip
        conditions.append(or_(*(func.lower(column).like(pattern) for column in columns)))
    if query.filters.get("product"):
        conditions.append(customers.c.product_id == parse_id(query.filters["product"]))
    if query.filters.get("status"):
        conditions += _status_conditions(query.filters["status"], now)
    return conditions


def _status_conditions(status: str, now: datetime) -> list[ColumnElement[bool]]:
    """The same decisions as `rules.effective_status`, as conditions; a status there is not finds nobody."""
    stored, start, end = customers.c.status, customers.c.starts_at, customers.c.expires_at
    enabled, running = stored != "disabled", or_(end.is_(None), end > now)
    by_status: dict[str, list[ColumnElement[bool]]] = {
        EffectiveStatus.DISABLED: [stored == "disabled"],
        EffectiveStatus.SUBSCRIPTION_EXPIRED: [enabled, end <= now],
        EffectiveStatus.PENDING: [enabled, running, or_(stored == "pending", start > now)],
        EffectiveStatus.TRIAL: [stored == "trial", running, start <= now],
        EffectiveStatus.ACTIVE: [stored == "active", running, start <= now],
    }
    return by_status.get(status, [literal(False)])


def _sorted(statement: "Select[Any]", query: ListQuery) -> "Select[Any]":
    descending = query.sort.startswith("-")
    columns = _SORTS.get(query.sort.removeprefix("-"), _SORTS["name"])
    order = [column.desc().nulls_last() if descending else column.asc().nulls_last() for column in columns]
    return statement.order_by(*order, customers.c.customer_id)


def _row(row: Any, now: datetime) -> CustomerRow:
    return CustomerRow(
        customer_id=row["customer_id"],
        username=row["username"],
        display_name=ERASED if row["erased_at"] else f"{row['first_name']} {row['last_name']}".strip(),
        is_erased=row["erased_at"] is not None,
        email=row["email"],
        mapping_id=row["mapping_id"],
        product_id=row["product_id"],
        product_name=row["product_name"],
        status=effective_status(
            status=CustomerStatus(row["status"]),
            starts_at=row["starts_at"],
            expires_at=row["expires_at"],
            now=now,
        ),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
