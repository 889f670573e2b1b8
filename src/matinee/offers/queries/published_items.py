"""Reading what is published: selling uses this, never the CMS."""

from collections.abc import Collection
from uuid import UUID

from matinee.platform.db import Transaction


async def published_document(
    tx: Transaction, *, operator_id: UUID, section: str, item_id: UUID
) -> bytes | None:
    """Return the JSON document of an item as its section's published snapshot has it; None if it is not in it."""
    text: str | None = await tx.fetchval(
        "SELECT document::text FROM published_items WHERE operator_id = $1 AND section = $2 AND item_id = $3",
        operator_id, section, item_id,
    )  # fmt: skip
    return None if text is None else text.encode()


async def published_posters(
    tx: Transaction, *, operator_id: UUID, section: str, item_ids: Collection[UUID]
) -> dict[UUID, str]:
    """Return the paths of the published posters of those items that have one."""
    rows = await tx.fetch(
        """SELECT item_id, document->>'poster' AS poster FROM published_items
           WHERE operator_id = $1 AND section = $2 AND item_id = ANY($3) AND document->>'poster' IS NOT NULL""",
        operator_id, section, list(item_ids),
    )  # fmt: skip
    return {row["item_id"]: row["poster"] for row in rows}
