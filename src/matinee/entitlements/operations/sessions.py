"""Playback sessions: beginning, going on, ending."""

from datetime import datetime
from uuid import UUID

from matinee.customers.queries import is_signed_in
from matinee.customers.types import Customer
from matinee.entitlements import queries
from matinee.entitlements.operations.rights import RIGHT_ENDED, mark_played
from matinee.entitlements.rules import LEASE, SESSIONS_KEPT, counts_as_start, may_go_on, may_start
from matinee.entitlements.types import Entitlement, PlaybackSession
from matinee.kernel.errors import Refused
from matinee.kernel.ids import new_id
from matinee.platform.db import Transaction
from matinee.platform.rounds import ROWS_AT_ONCE

_NOT_COVERED = "Your subscription does not cover this any more."


async def start_session(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer_id: UUID,
    device_id: UUID,
    item_kind: str,
    item_id: UUID,
    episode_id: UUID | None = None,
    entitlement: Entitlement | None,
    max_streams: int,
    key_delivered_here: bool,
    now: datetime,
) -> PlaybackSession:
    """Begin a showing. The caller holds the lock on the customer's row, so that starts take turns.

    `entitlement` None means that a subscription covers the item. Where we deliver the keys, the first
    play is the first key; an external stream plays from here on. A device that starts again replaces
    its own session. Raises Refused (`right_ended`, `too_many_streams`).
    """
    if entitlement is not None and not may_start(entitlement, now=now):
        raise Refused(RIGHT_ENDED, code="right_ended")
    await tx.execute(
        """UPDATE playback_sessions SET ended_at = $4
           WHERE operator_id = $1 AND customer_id = $2 AND device_id = $3 AND ended_at IS NULL""",
        operator_id, customer_id, device_id, now,
    )  # fmt: skip
    others = await queries.live_sessions(tx, operator_id=operator_id, customer_id=customer_id, now=now)
    if len(others) >= max_streams:
        raise Refused(
            f"Your subscription plays on {max_streams} devices at once. Stop one of them first.",
            code="too_many_streams",
        )
    resume_at = await queries.last_position(
        tx, operator_id=operator_id, customer_id=customer_id, item_kind=item_kind, item_id=item_id,
        episode_id=episode_id,
    )  # fmt: skip
    session = PlaybackSession(
        operator_id=operator_id,
        customer_id=customer_id,
        session_id=new_id(),
        entitlement_id=entitlement.entitlement_id if entitlement else None,
        item_kind=item_kind,
        item_id=item_id,
        episode_id=episode_id,
        device_id=device_id,
        started_at=now,
        lease_until=now + LEASE,
        ended_at=None,
        position_seconds=resume_at,
    )
    await tx.execute(
        """INSERT INTO playback_sessions (operator_id, customer_id, session_id, entitlement_id, item_kind, item_id,
                                          episode_id, device_id, started_at, lease_until, position_seconds)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        operator_id, customer_id, session.session_id, session.entitlement_id, item_kind, item_id, episode_id,
        device_id, now, session.lease_until, resume_at,
    )  # fmt: skip
    if entitlement is not None:
        if entitlement.first_played_at is not None and counts_as_start(entitlement, now=now):
            await _note_start(tx, entitlement=entitlement, now=now)
        elif not key_delivered_here:
            await mark_played(tx, entitlement=entitlement, now=now)
    return session


async def _note_start(tx: Transaction, *, entitlement: Entitlement, now: datetime) -> None:
    await tx.execute(
        """UPDATE entitlements SET last_started_at = greatest(last_started_at, $4)
           WHERE operator_id = $1 AND customer_id = $2 AND entitlement_id = $3""",
        entitlement.operator_id, entitlement.customer_id, entitlement.entitlement_id, now,
    )  # fmt: skip


async def check_session(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer: Customer,
    session_id: UUID,
    cut_at_finish: bool,
    now: datetime,
) -> tuple[PlaybackSession, Entitlement | None]:
    """Return a live session and its right, checked at this moment; None is a subscription.

    Raises Refused: `session_ended`, also when nobody is signed in on the session's device any more, and
    `right_ended`.
    """
    customer_id = customer.customer_id
    session = await queries.get_session(
        tx, operator_id=operator_id, customer_id=customer_id, session_id=session_id
    )
    if session is None or session.ended_at is not None or session.lease_until <= now:
        raise Refused("This playback has ended. Press Play to go on.", code="session_ended")
    if not await is_signed_in(
        tx, operator_id=operator_id, customer_id=customer_id, device_id=session.device_id, now=now
    ):
        raise Refused("You are signed out on this device. Sign in to go on.", code="session_ended")
    if session.entitlement_id is None:
        right = await queries.right_to_item(
            tx, operator_id=operator_id, customer=customer, item_kind=session.item_kind,
            item_id=session.item_id, now=now,
        )  # fmt: skip
        if right is None:
            raise Refused(_NOT_COVERED, code="right_ended")
        return session, right.entitlement
    entitlement = await queries.get_entitlement(
        tx, operator_id=operator_id, customer_id=customer_id, entitlement_id=session.entitlement_id
    )
    if entitlement is None or not may_go_on(
        entitlement, started_at=session.started_at, now=now, cut_at_finish=cut_at_finish
    ):
        raise Refused(RIGHT_ENDED, code="right_ended")
    return session, entitlement


async def renew_session(
    tx: Transaction, *, session: PlaybackSession, position_seconds: int, now: datetime
) -> None:
    """Move the lease on and remember where the subscriber is."""
    await tx.execute(
        """UPDATE playback_sessions SET lease_until = $4, position_seconds = $5
           WHERE operator_id = $1 AND customer_id = $2 AND session_id = $3 AND ended_at IS NULL""",
        session.operator_id, session.customer_id, session.session_id, now + LEASE, position_seconds,
    )  # fmt: skip


async def end_session(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, session_id: UUID, now: datetime
) -> None:
    """End a showing and free its stream. Ending one that has ended changes nothing."""
    await tx.execute(
        """UPDATE playback_sessions SET ended_at = $4
           WHERE operator_id = $1 AND customer_id = $2 AND session_id = $3 AND ended_at IS NULL""",
        operator_id, customer_id, session_id, now,
    )  # fmt: skip


async def forget_sessions(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    """Forget showings that ended long ago; returns how many, a bounded number a call."""
    return await tx.changed(
        """DELETE FROM playback_sessions s USING (
               SELECT operator_id, customer_id, session_id FROM playback_sessions
               WHERE operator_id = $1 AND started_at < $2 AND lease_until < $2
               ORDER BY started_at LIMIT $3 FOR UPDATE SKIP LOCKED) old
           WHERE s.operator_id = old.operator_id AND s.customer_id = old.customer_id
             AND s.session_id = old.session_id""",
        operator_id, now - SESSIONS_KEPT, ROWS_AT_ONCE,
    )  # fmt: skip
