"""Reading what is published: selling uses this, never the CMS."""

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
