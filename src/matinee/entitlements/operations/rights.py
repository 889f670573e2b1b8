"""What becomes of a right: its first play, its end; each is told to the operator's other systems."""

from datetime import datetime
from typing import Final
from uuid import UUID

from matinee.entitlements.rules import GRACE_AFTER_RUNTIME
from matinee.entitlements.types import Entitlement
from matinee.kernel.errors import Refused
from matinee.kernel.ids import new_id
from matinee.platform.db import Transaction

RIGHT_ENDED: Final = "Your right to watch this has ended. You can rent it again."

# The event is recorded by the statement that makes the change, or not at all.
TOLD: Final = """
    INSERT INTO outgoing_events (operator_id, customer_id, event_id, kind, purchase_id, payload, created_at)
    SELECT c.operator_id, c.customer_id, $1, $2, c.purchase_id, jsonb_build_object(
               'entitlement_id', c.entitlement_id, 'purchase_id', c.purchase_id, 'customer_id', c.customer_id,
               'item_kind', c.item_kind, 'item_id', c.item_id, 'startable_until', c.startable_until,
               'first_played_at', c.first_played_at, 'cause', $3::text), $4
    FROM changed c
"""


async def revoke(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID, now: datetime
) -> None:
    """End the right that a purchase gave; what plays stops within one lease. Does nothing if there is none."""
    await tx.execute(
        f"""WITH changed AS (
                UPDATE entitlements SET revoked_at = $4, end_noted_at = $4
                WHERE operator_id = $5 AND customer_id = $6 AND purchase_id = $7 AND revoked_at IS NULL
                RETURNING *
            ) {TOLD}""",
        new_id(), "entitlement.ended", "refunded", now, operator_id, customer_id, purchase_id,
    )  # fmt: skip


async def lock_right(tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID) -> None:
    """Keep the right of a purchase, if it gave one, from being played first until the transaction ends."""
    await tx.fetchval(
        """SELECT 1 FROM entitlements
           WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 FOR NO KEY UPDATE""",
        operator_id, customer_id, purchase_id,
    )  # fmt: skip


async def mark_played(tx: Transaction, *, entitlement: Entitlement, now: datetime) -> None:
    """Record the first play; a finish window runs from here. Later calls change nothing.

    Raises Refused (`right_ended`) when the right was taken away at this very moment.
    """
    if entitlement.first_played_at is not None:
        return
    tag = await tx.execute(
        f"""WITH changed AS (
                UPDATE entitlements SET first_played_at = $4, last_started_at = $4
                WHERE operator_id = $5 AND customer_id = $6 AND entitlement_id = $7
                  AND first_played_at IS NULL AND revoked_at IS NULL
                RETURNING *
            ) {TOLD}""",
        new_id(), "entitlement.started", "first_play", now, entitlement.operator_id, entitlement.customer_id,
        entitlement.entitlement_id,
    )  # fmt: skip
    if tag == "INSERT 0 1":
        return
    revoked = await tx.fetchval(
        """SELECT revoked_at IS NOT NULL FROM entitlements
           WHERE operator_id = $1 AND customer_id = $2 AND entitlement_id = $3""",
        entitlement.operator_id, entitlement.customer_id, entitlement.entitlement_id,
    )  # fmt: skip
    if revoked:
        raise Refused(RIGHT_ENDED, code="right_ended")


# The same ends as `rules.right_ends_at`, each part with an index of its own.
_ENDED = """
    SELECT customer_id, entitlement_id FROM entitlements
    WHERE operator_id = $1 AND end_noted_at IS NULL AND startable_until <= $2
      AND (first_played_at IS NULL
           OR (finish_window_hours IS NULL
               AND coalesce(last_started_at, first_played_at) + runtime_minutes * interval '1 minute' + $3 <= $2))
    UNION ALL
    SELECT customer_id, entitlement_id FROM entitlements
    WHERE operator_id = $1 AND end_noted_at IS NULL AND first_played_at IS NOT NULL
      AND finish_window_hours IS NOT NULL AND first_played_at <= $2
      AND first_played_at + finish_window_hours * interval '1 hour' <= $2
    UNION ALL
    SELECT e.customer_id, e.entitlement_id FROM entitlements e
    JOIN live_events l ON l.operator_id = e.operator_id AND l.item_id = e.item_id
    WHERE e.operator_id = $1 AND e.end_noted_at IS NULL AND e.item_kind = 'live_event' AND l.ends_at <= $2
    LIMIT $4
"""


async def note_ends(tx: Transaction, *, operator_id: UUID, now: datetime, most: int = 500) -> int:
    """Record that rights have run out by themselves, each once; returns how many were found."""
    rows = await tx.fetch(_ENDED, operator_id, now, GRACE_AFTER_RUNTIME, most)
    for row in rows:
        await tx.execute(
            # What was extended at this very moment has not ended.
            f"""WITH changed AS (
                    UPDATE entitlements SET end_noted_at = $4
                    WHERE operator_id = $5 AND customer_id = $6 AND entitlement_id = $7 AND end_noted_at IS NULL
                      AND (startable_until <= $4 OR finish_window_hours IS NOT NULL OR item_kind = 'live_event')
                    RETURNING *
                ) {TOLD}""",
            new_id(), "entitlement.ended", "time_over", now, operator_id, row["customer_id"],
            row["entitlement_id"],
        )  # fmt: skip
    return len(rows)
