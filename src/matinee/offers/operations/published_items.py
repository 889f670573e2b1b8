"""Writing what is published. Cloud Sync calls these in the transaction that swaps a section's pointer."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from matinee.platform.db import Transaction


class PublishedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item as a snapshot has it: its JSON document and the version it was made from."""

    item_id: UUID
    source_version: str
    document: bytes


async def put_published_items(
    tx: Transaction, *, operator_id: UUID, section: str, items: Sequence[PublishedItem]
) -> None:
    """Add or replace items of a section."""
    if not items:
        return
    await tx.execute(
        """INSERT INTO published_items (operator_id, section, item_id, source_version, document)
           SELECT $1, $2, item_id, source_version, document::jsonb
           FROM unnest($3::uuid[], $4::text[], $5::text[]) AS new (item_id, source_version, document)
           ON CONFLICT (operator_id, section, item_id)
           DO UPDATE SET source_version = EXCLUDED.source_version, document = EXCLUDED.document""",
        operator_id, section, [item.item_id for item in items], [item.source_version for item in items],
        [item.document.decode() for item in items],
    )  # fmt: skip


async def keep_published_items(
    tx: Transaction, *, operator_id: UUID, section: str, item_ids: Collection[UUID]
) -> int:
    """Remove every item of a section that is not in `item_ids`; return how many there were."""
    return await tx.changed(
        """DELETE FROM published_items p WHERE operator_id = $1 AND section = $2
           AND NOT EXISTS (SELECT FROM unnest($3::uuid[]) AS kept (item_id) WHERE kept.item_id = p.item_id)""",
        operator_id, section, list(item_ids),
    )  # fmt: skip
