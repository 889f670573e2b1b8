"""Lists of items of one kind, page by page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from matinee.catalog.models import episodes, item_prices, items, live_events, package_items
from matinee.catalog.types import ItemKind, ItemRow, PaymentMethod, StreamKind
from matinee.kernel.ids import parse_id
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Transaction

_SORTS: dict[str, ColumnElement[Any]] = {
    "title": func.lower(items.c.title),
    "year": items.c.year,
    "starts": live_events.c.starts_at,
    "licence": items.c.licence_ends_at,
    "updated": items.c.updated_at,
}


async def list_items(
    tx: Transaction, *, operator_id: UUID, kind: ItemKind, query: ListQuery, now: datetime
) -> Page[ItemRow]:
    """Return one page of items.

    Search looks for every word in the title, a year finds that year too. Filters: `payment` (subscription,
    ppv), `rule` and `package` (ids), `state` (on_offer, withdrawn, ended, archived; without it all but the
    archived ones). Sorts: title, year, starts, licence, updated.
    """
    base = _base(kind).where(items.c.operator_id == operator_id, *_conditions(kind, query, now))
    counted = select(func.count()).select_from(base.with_only_columns(items.c.item_id).subquery())
    total = await tx.select_value(counted)
    rows = await tx.select(_sorted(base, query).limit(query.page_size).offset(query.offset))
    names = await _package_names(tx, operator_id, kind, [row["item_id"] for row in rows])
    return Page(rows=[_row(row, names) for row in rows], total=total, query=query)


def _base(kind: ItemKind) -> Select[Any]:
    prices = (
        select(func.array_agg(func.concat(item_prices.c.currency, ":", item_prices.c.amount_minor)))
        .where(
            item_prices.c.operator_id == items.c.operator_id,
            item_prices.c.item_kind == items.c.item_kind,
            item_prices.c.item_id == items.c.item_id,
        )
        .scalar_subquery()
    )
    count = (
        select(func.count())
        .where(
            episodes.c.operator_id == items.c.operator_id,
            episodes.c.season_id == items.c.item_id,
            episodes.c.removed_at.is_(None),
        )
        .scalar_subquery()
    )
    event = and_(live_events.c.operator_id == items.c.operator_id, live_events.c.item_id == items.c.item_id)
    return (
        select(
            items,
            live_events.c.starts_at,
            live_events.c.ends_at,
            prices.label("prices"),
            count.label("episode_count"),
        )
        .join_from(items, live_events, event, isouter=True)
        .where(items.c.item_kind == kind.value)
    )


def _conditions(kind: ItemKind, query: ListQuery, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_in_state(query.filters.get("state", ""), now)]
    for word in query.search.split():
        found: list[ColumnElement[bool]] = [items.c.title.icontains(word, autoescape=True)]
        if word.isascii() and word.isdigit() and len(word) == 4:
            found.append(items.c.year == int(word))
        conditions.append(or_(*found))
    if payment := query.filters.get("payment"):
        conditions.append(items.c.payment_method == payment)
    if rule := query.filters.get("rule"):
        conditions.append(items.c.rule_id == parse_id(rule))
    if package := query.filters.get("package"):
        inside = select(package_items.c.item_id).where(
            package_items.c.operator_id == items.c.operator_id,
            package_items.c.package_id == parse_id(package),
            package_items.c.item_kind == kind.value,
        )
        conditions.append(items.c.item_id.in_(inside))
    return conditions


def _in_state(state: str, now: datetime) -> ColumnElement[bool]:
    """`ended`: its licence, or the live event itself."""
    kept = items.c.archived_at.is_(None)
    ended = or_(
        and_(items.c.licence_ends_at.is_not(None), items.c.licence_ends_at <= now),
        and_(live_events.c.ends_at.is_not(None), live_events.c.ends_at <= now),
    )
    if state == "archived":
        return items.c.archived_at.is_not(None)
    if state == "withdrawn":
        return and_(kept, items.c.withdrawn_at.is_not(None))
    if state == "ended":
        return and_(kept, ended)
    if state == "on_offer":
        licensed = or_(items.c.licence_ends_at.is_(None), items.c.licence_ends_at > now)
        lasting = or_(live_events.c.ends_at.is_(None), live_events.c.ends_at > now)
        return and_(kept, items.c.withdrawn_at.is_(None), licensed, lasting)
    return kept


def _sorted(base: Select[Any], query: ListQuery) -> Select[Any]:
    column = _SORTS.get(query.sort.lstrip("-"), _SORTS["title"])
    ordered = column.desc().nulls_last() if query.sort.startswith("-") else column.asc().nulls_last()
    return base.order_by(ordered, items.c.item_id)


async def _package_names(
    tx: Transaction, operator_id: UUID, kind: ItemKind, item_ids: Sequence[UUID]
) -> dict[UUID, tuple[str, ...]]:
    rows = await tx.fetch(
        """SELECT k.item_id, array_agg(p.name ORDER BY lower(p.name)) AS names
           FROM package_items k
           JOIN packages p ON p.operator_id = k.operator_id AND p.package_id = k.package_id
           WHERE k.operator_id = $1 AND k.item_kind = $2 AND k.item_id = ANY($3::uuid[]) GROUP BY k.item_id""",
        operator_id, kind.value, list(item_ids),
    )  # fmt: skip
    return {row["item_id"]: tuple(row["names"]) for row in rows}


def _row(row: Any, names: dict[UUID, tuple[str, ...]]) -> ItemRow:
    pairs = [text.split(":") for text in row["prices"] or []]
    return ItemRow(
        item_id=row["item_id"],
        title=row["title"],
        year=row["year"],
        poster_key=row["poster_key"],
        payment_method=PaymentMethod(row["payment_method"]),
        rule_id=row["rule_id"],
        prices=tuple(Money(int(minor), currency) for currency, minor in sorted(pairs)),
        packages=names.get(row["item_id"], ()),
        stream_kind=StreamKind(row["stream_kind"]) if row["stream_kind"] else None,
        asset_id=row["asset_id"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        episode_count=row["episode_count"],
        withdrawn_at=row["withdrawn_at"],
        licence_ends_at=row["licence_ends_at"],
        archived_at=row["archived_at"],
        updated_at=row["updated_at"],
    )
