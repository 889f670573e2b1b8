"""Reading one item: a movie, a live event or a season, with its prices and packages."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from matinee.catalog.rules import noun_of
from matinee.catalog.types import (
    AnyDraft,
    Item,
    ItemKind,
    LiveEventDraft,
    MovieDraft,
    PaymentMethod,
    SeasonDraft,
    StreamKind,
)
from matinee.kernel.errors import NotFound
from matinee.kernel.money import Money
from matinee.platform.db import Transaction

_SELECT = """
    SELECT i.item_id, i.title, i.year, i.runtime_minutes, i.description, i.poster_key, i.stream_kind,
           i.stream_url, i.asset_id, i.payment_method, i.rule_id, i.licence_ends_at, i.version,
           i.withdrawn_at, i.archived_at, i.created_at, i.updated_at,
           l.starts_at, l.ends_at, s.series_title, s.season_number, s.own_title,
           ARRAY(SELECT (p.currency, p.amount_minor) FROM item_prices p
                 WHERE p.operator_id = i.operator_id AND p.item_kind = i.item_kind AND p.item_id = i.item_id
                 ORDER BY p.currency) AS prices,
           ARRAY(SELECT k.package_id FROM package_items k
                 WHERE k.operator_id = i.operator_id AND k.item_kind = i.item_kind AND k.item_id = i.item_id
                ) AS package_ids
    FROM items i
    LEFT JOIN live_events l ON l.operator_id = i.operator_id AND l.item_id = i.item_id
    LEFT JOIN seasons s ON s.operator_id = i.operator_id AND s.item_id = i.item_id
    WHERE i.operator_id = $1 AND i.item_kind = $2 AND i.item_id = $3
"""


async def get_item(tx: Transaction, *, operator_id: UUID, kind: ItemKind, item_id: UUID) -> Item[Any]:
    """Return an item, also an archived one; its draft is that of its kind. Raises NotFound."""
    row = await tx.fetchrow(_SELECT, operator_id, kind.value, item_id)
    if row is None:
        raise NotFound(f"There is no such {noun_of(kind)}.")
    return Item(
        item_id=row["item_id"],
        kind=kind,
        title=row["title"],
        draft=_draft(kind, row),
        version=row["version"],
        withdrawn_at=row["withdrawn_at"],
        archived_at=row["archived_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def lock_item(tx: Transaction, *, operator_id: UUID, kind: ItemKind, item_id: UUID) -> Item[Any]:
    """Return an item that nobody else changes until the transaction ends. Raises NotFound."""
    # The lock comes first: a row read before it could be the one from before somebody else's change.
    await tx.fetchval(
        "SELECT 1 FROM items WHERE operator_id = $1 AND item_kind = $2 AND item_id = $3 FOR NO KEY UPDATE",
        operator_id, kind.value, item_id,
    )  # fmt: skip
    return await get_item(tx, operator_id=operator_id, kind=kind, item_id=item_id)


async def count_items_by_rule(
    tx: Transaction, *, operator_id: UUID, rule_ids: Sequence[UUID]
) -> dict[UUID, dict[ItemKind, int]]:
    """Return how many items (archived ones left out) of each kind are sold by each of the rules; none: not in it."""
    rows = await tx.fetch(
        """SELECT rule_id, item_kind, count(*) AS items FROM items
           WHERE operator_id = $1 AND rule_id = ANY($2::uuid[]) AND archived_at IS NULL
           GROUP BY rule_id, item_kind""",
        operator_id, list(rule_ids),
    )  # fmt: skip
    found: dict[UUID, dict[ItemKind, int]] = {}
    for row in rows:
        found.setdefault(row["rule_id"], {})[ItemKind(row["item_kind"])] = row["items"]
    return found


async def kinds_of_items(
    tx: Transaction, *, operator_id: UUID, item_ids: Sequence[UUID]
) -> dict[UUID, ItemKind]:
    """Return the kind of each of the items, archived ones too; unknown ids are not in it."""
    rows = await tx.fetch(
        "SELECT item_id, item_kind FROM items WHERE operator_id = $1 AND item_id = ANY($2::uuid[])",
        operator_id, list(item_ids),
    )  # fmt: skip
    return {row["item_id"]: ItemKind(row["item_kind"]) for row in rows}


def _draft(kind: ItemKind, row: Any) -> AnyDraft:
    common: dict[str, Any] = {
        "description": row["description"],
        "poster_key": row["poster_key"],
        "payment_method": PaymentMethod(row["payment_method"]),
        "rule_id": row["rule_id"],
        "prices": tuple(Money(minor, currency) for currency, minor in row["prices"]),
        "package_ids": frozenset(row["package_ids"]),
        "licence_ends_at": row["licence_ends_at"],
    }
    if kind is ItemKind.SEASON:
        return SeasonDraft(
            series_title=row["series_title"],
            season_number=row["season_number"],
            own_title=row["own_title"],
            year=row["year"],
            **common,
        )
    common |= {
        "title": row["title"],
        "stream_kind": StreamKind(row["stream_kind"]),
        "stream_url": row["stream_url"],
        "asset_id": row["asset_id"],
    }
    if kind is ItemKind.LIVE_EVENT:
        return LiveEventDraft(starts_at=row["starts_at"], ends_at=row["ends_at"], **common)
    return MovieDraft(year=row["year"], runtime_minutes=row["runtime_minutes"], **common)
