"""Taking items out of sale and putting them back: it acts at once, no Cloud Sync is needed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from matinee.catalog.queries import get_item
from matinee.catalog.types import Item, ItemKind
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction


async def withdraw_item(
    tx: Transaction,
    *,
    operator_id: UUID,
    kind: ItemKind,
    item_id: UUID,
    actor: Actor,
    now: datetime,
    reason: str,
) -> Item[Any]:
    """Stop selling an item. Whoever has rented it keeps the right to watch. Raises NotFound, Invalid (`reason`)."""
    text = checked_reason(reason)
    return await _mark(tx, operator_id, kind, item_id, "withdrawn_at", now, actor, now, "withdrawn", text)


async def put_back_item(
    tx: Transaction, *, operator_id: UUID, kind: ItemKind, item_id: UUID, actor: Actor, now: datetime
) -> Item[Any]:
    """Sell a withdrawn item again, at the terms that are published. Raises NotFound."""
    return await _mark(tx, operator_id, kind, item_id, "withdrawn_at", None, actor, now, "put_back")


async def archive_item(
    tx: Transaction, *, operator_id: UUID, kind: ItemKind, item_id: UUID, actor: Actor, now: datetime
) -> Item[Any]:
    """Put an item away: it is not sold and stands in no list by default. Raises NotFound."""
    return await _mark(tx, operator_id, kind, item_id, "archived_at", now, actor, now, "archived")


async def unarchive_item(
    tx: Transaction, *, operator_id: UUID, kind: ItemKind, item_id: UUID, actor: Actor, now: datetime
) -> Item[Any]:
    """Bring an archived item back. Raises NotFound."""
    return await _mark(tx, operator_id, kind, item_id, "archived_at", None, actor, now, "unarchived")


async def _mark(
    tx: Transaction,
    operator_id: UUID,
    kind: ItemKind,
    item_id: UUID,
    column: str,
    value: datetime | None,
    actor: Actor,
    now: datetime,
    what: str,
    reason: str = "",
) -> Item[Any]:
    """Set one of two columns of ours; an item that is so already is left as it is."""
    done = await tx.execute(
        f"""UPDATE items SET {column} = $4, updated_at = $5
            WHERE operator_id = $1 AND item_kind = $2 AND item_id = $3
              AND ({column} IS NULL) = ($4::timestamptz IS NOT NULL)""",
        operator_id, kind.value, item_id, value, now,
    )  # fmt: skip
    item = await get_item(tx, operator_id=operator_id, kind=kind, item_id=item_id)
    if done == "UPDATE 1":
        await audit.record(
            tx, operator_id=operator_id, actor=actor, action=f"{kind.value}.{what}", subject_kind=kind.value,
            subject_id=item_id, now=now, reason=reason,
        )  # fmt: skip
    return item
