"""Items by name alone: for drop-downs, and for pages that name what they are about."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from matinee.platform.db import Transaction

MOST_CHOICES = 3000


async def item_choices(tx: Transaction, *, operator_id: UUID, now: datetime) -> list[tuple[str, UUID, str]]:
    """Return (kind, id, title) of what may be given to somebody at `now`, by title; at most MOST_CHOICES."""
    rows = await tx.fetch(
        """SELECT i.item_kind, i.item_id, i.title FROM items i
           LEFT JOIN live_events l ON l.operator_id = i.operator_id AND l.item_id = i.item_id
           WHERE i.operator_id = $1 AND i.withdrawn_at IS NULL AND i.archived_at IS NULL
             AND coalesce(least(i.licence_ends_at, l.ends_at) > $2, true)
           ORDER BY lower(i.title), i.item_id LIMIT $3""",
        operator_id, now, MOST_CHOICES,
    )  # fmt: skip
    return [(row["item_kind"], row["item_id"], row["title"]) for row in rows]


async def item_titles(tx: Transaction, *, operator_id: UUID, item_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the titles of items, whatever became of them."""
    rows = await tx.fetch(
        "SELECT item_id, title FROM items WHERE operator_id = $1 AND item_id = ANY ($2::uuid[])",
        operator_id, list(item_ids),
    )  # fmt: skip
    return {row["item_id"]: row["title"] for row in rows}
