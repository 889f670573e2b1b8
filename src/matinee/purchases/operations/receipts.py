"""Receipts of billing's callbacks: each message is acted on once."""

from datetime import datetime
from uuid import UUID

from matinee.platform.db import Transaction
from matinee.platform.rounds import ROWS_AT_ONCE
from matinee.purchases.rules import RECEIPTS_KEPT


async def note_receipt(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, message_id: str, now: datetime
) -> bool:
    """Note that a message came. False: it came before."""
    tag = await tx.execute(
        """INSERT INTO callback_receipts (operator_id, provision_id, webhook_id, received_at)
           VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING""",
        operator_id, provision_id, message_id, now,
    )  # fmt: skip
    return tag == "INSERT 0 1"


async def forget_receipts(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    """Forget receipts that no message needs any more; returns how many, a bounded number a call.

    Each provision's newest stays, as its health panel says when billing was last heard.
    """
    return await tx.changed(
        """DELETE FROM callback_receipts r USING (
               SELECT o.operator_id, o.provision_id, o.webhook_id FROM callback_receipts o
               WHERE o.operator_id = $1 AND o.received_at < $2
                 AND EXISTS (SELECT FROM callback_receipts newer
                             WHERE newer.operator_id = o.operator_id AND newer.provision_id = o.provision_id
                               AND (newer.received_at, newer.webhook_id) > (o.received_at, o.webhook_id))
               ORDER BY o.received_at LIMIT $3) old
           WHERE r.operator_id = old.operator_id AND r.provision_id = old.provision_id
             AND r.webhook_id = old.webhook_id""",
        operator_id, now - RECEIPTS_KEPT, ROWS_AT_ONCE,
    )  # fmt: skip
