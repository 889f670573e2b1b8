"""What one person decides alone within a day: many small amounts count like a large one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from matinee.kernel.money import Money
from matinee.platform.db import Transaction
from matinee.purchases.queries.decisions import decided_alone, four_eyes_limits

COUNTED_FOR: Final = timedelta(hours=24)
NEEDS_SECOND: Final = "needs_second_person"


async def may_alone(
    tx: Transaction,
    *,
    operator_id: UUID,
    staff_id: UUID,
    kind: str,
    amounts: Sequence[Money],
    action_id: UUID,
    now: datetime,
) -> bool:
    """Say whether one person's word is enough for `amounts`, each of another currency.

    It is while they stay within the operator's limit together with what the same person did of the same `kind` in the
    24 hours before `now`, under other ids than `action_id`.
    """
    limits = await four_eyes_limits(tx, operator_id=operator_id)
    limited = [one for one in amounts if one.currency in limits]
    if not limited:
        return True
    done = await decided_alone(
        tx, operator_id=operator_id, staff_id=staff_id, kind=kind, but=action_id, since=now - COUNTED_FOR
    )
    return all(one.minor + done.get(one.currency, 0) <= limits[one.currency] for one in limited)


async def take_turns(tx: Transaction, *, operator_id: UUID, staff_id: UUID) -> None:
    """Make what one person does at the same time take turns, by their own row."""
    await tx.execute(
        "SELECT FROM staff_accounts WHERE operator_id = $1 AND staff_id = $2 FOR NO KEY UPDATE",
        operator_id, staff_id,
    )  # fmt: skip


async def count_alone(
    tx: Transaction,
    *,
    operator_id: UUID,
    staff_id: UUID,
    kind: str,
    amounts: Sequence[Money],
    action_id: UUID,
) -> bool:
    """Count that one person does this alone. False, and nothing is counted: a second person has to agree."""
    await take_turns(tx, operator_id=operator_id, staff_id=staff_id)
    now = await tx.now()
    if not await may_alone(
        tx,
        operator_id=operator_id,
        staff_id=staff_id,
        kind=kind,
        amounts=amounts,
        action_id=action_id,
        now=now,
    ):
        return False
    await tx.execute(
        "DELETE FROM staff_alone WHERE operator_id = $1 AND staff_id = $2 AND done_at <= $3",
        operator_id, staff_id, now - COUNTED_FOR,
    )  # fmt: skip
    await tx.executemany(
        """INSERT INTO staff_alone (operator_id, staff_id, kind, currency, action_id, amount_minor, done_at)
           SELECT operator_id, $2, $3, currency, $5, $6, $7 FROM four_eyes_limits
           WHERE operator_id = $1 AND currency = $4
           ON CONFLICT (operator_id, staff_id, kind, currency, action_id) DO UPDATE
           SET amount_minor = greatest(staff_alone.amount_minor, excluded.amount_minor), done_at = excluded.done_at""",
        [
            (operator_id, staff_id, kind, one.currency, action_id, one.minor, now)
            for one in amounts
            if one.minor
        ],
    )
    return True
