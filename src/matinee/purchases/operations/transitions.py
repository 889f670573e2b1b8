"""The one statement that moves a purchase from state to state, with everything that belongs to the move.

Compare-and-set on state and epoch; event, right, ledger, attempt and outgoing event are written by the
same statement or not at all. Only `confirming`, which writes a purchase, sets a state besides.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from matinee.customers.types import PaymentType
from matinee.entitlements.rules import startable_until
from matinee.kernel.ids import new_id
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.types import ExchangeRecord
from matinee.purchases.queries import purchase_from
from matinee.purchases.rules import OUTGOING, RELEASING, allowed, postings
from matinee.purchases.types import Evidence, Purchase, PurchaseState

MOVE = """
    WITH moved AS (
        UPDATE purchases SET
            state = $6, state_since = $7, epoch = $8, next_check_at = $9, check_count = $10,
            claimed_at = coalesce($11, claimed_at), deadline_at = coalesce($12, deadline_at),
            evidence = coalesce($13, evidence), granted_at = coalesce($14, granted_at),
            slot_released_at = CASE WHEN $15 THEN coalesce(slot_released_at, $7)
                                    WHEN $6 = 'GRANTED' THEN NULL ELSE slot_released_at END,
            billing_transaction = coalesce($16, billing_transaction),
            decline_reason = coalesce($17, decline_reason), not_found_at = NULL, alerted_at = NULL
        WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 AND state = $4 AND epoch = $5
        RETURNING *
    ), event AS (
        INSERT INTO purchase_events (operator_id, customer_id, purchase_id, event_id, at, from_state, to_state,
                                     epoch, cause)
        SELECT operator_id, customer_id, purchase_id, $18, $7, $4, $6, $8, $19 FROM moved
    ), paid_late AS (
        -- A free grant that helped over the unclear time: the charge pays for it.
        UPDATE entitlements e SET purchase_id = m.purchase_id, startable_until = greatest(e.startable_until, $21),
               end_noted_at = NULL
        FROM moved m
        WHERE $20::uuid IS NOT NULL AND e.operator_id = m.operator_id AND e.customer_id = m.customer_id
          AND e.for_purchase_id = m.purchase_id AND e.purchase_id IS NULL AND e.revoked_at IS NULL
        RETURNING e.entitlement_id
    ), entitlement AS (
        INSERT INTO entitlements (operator_id, customer_id, entitlement_id, item_kind, item_id, purchase_id,
                                  granted_at, startable_until, finish_window_hours, runtime_minutes)
        SELECT operator_id, customer_id, $20, item_kind, item_id, purchase_id, $14, $21, finish_window_hours,
               runtime_minutes
        FROM moved WHERE $20::uuid IS NOT NULL AND NOT EXISTS (SELECT FROM paid_late)
    ), posted AS (
        INSERT INTO ledger_entries (operator_id, customer_id, entry_id, purchase_id, account, amount_minor,
                                    currency, cause, posted_at)
        SELECT operator_id, customer_id, line.entry_id, purchase_id, line.account, line.sign * amount_minor,
               currency, $19, $7
        FROM moved, unnest($22::uuid[], $23::text[], $24::int[]) AS line (entry_id, account, sign)
    ), attempt AS (
        INSERT INTO billing_attempts (operator_id, customer_id, purchase_id, attempt_id, call, provision_id,
                                      provision_version, epoch, at, outcome, exchange)
        SELECT operator_id, customer_id, purchase_id, $25, $26, provision_id, provision_version, $5, $7, $27,
               $28::jsonb
        FROM moved WHERE $25::uuid IS NOT NULL
    ), told AS (
        INSERT INTO outgoing_events (operator_id, customer_id, event_id, kind, purchase_id, payload, created_at)
        SELECT operator_id, customer_id, $29, $30, purchase_id, jsonb_build_object(
                   'purchase_id', purchase_id, 'customer_id', customer_id, 'item_kind', item_kind,
                   'item_id', item_id, 'reference', reference, 'amount_minor', amount_minor,
                   'currency', currency), $7
        FROM moved WHERE $30::text IS NOT NULL
    )
    SELECT * FROM moved
"""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase is to become. `check_in` None: nobody need look again.

    `record`: the call that caused it, under `attempt_id` if the same change may be tried again.
    """

    to: PurchaseState
    cause: str
    check_in: timedelta | None
    check_count: int = 0
    evidence: Evidence | None = None
    new_epoch: bool = False
    claimed_at: datetime | None = None
    deadline_at: datetime | None = None
    billing_transaction: str | None = None
    decline_reason: str | None = None
    record: ExchangeRecord | None = None
    attempt_id: UUID | None = None


async def move(
    tx: Transaction, *, operator: Operator, purchase: Purchase, change: Change, now: datetime
) -> Purchase | None:
    """Move `purchase`, as it was read, to `change.to`. None: somebody else has moved it meanwhile; nothing is written.

    Raises ValueError for a move that the transition table forbids: that is a bug, never a race.
    """
    if not allowed(purchase.state, change.to):
        raise ValueError(f"a purchase in {purchase.state} cannot become {change.to}")
    granted = change.to is PurchaseState.GRANTED
    lines = postings(purchase.state, change.to, _source(purchase))
    told = OUTGOING.get(change.to)
    record = change.record
    row = await tx.fetchrow(
        MOVE,
        purchase.operator_id, purchase.customer_id, purchase.purchase_id, purchase.state, purchase.epoch,
        change.to, now, purchase.epoch + change.new_epoch,
        None if change.check_in is None else now + change.check_in, change.check_count,
        change.claimed_at, change.deadline_at, change.evidence, now if granted else None,
        change.to in RELEASING, change.billing_transaction, change.decline_reason,
        new_id(), change.cause,
        new_id() if granted else None, right_until(purchase, operator, now) if granted else None,
        [new_id() for _ in lines], [account for account, _ in lines], [sign for _, sign in lines],
        (change.attempt_id or new_id()) if record else None, record and record.call, record and record.verdict,
        record and msgspec.json.encode(record).decode(),
        new_id() if told else None, told,
    )  # fmt: skip
    return None if row is None else purchase_from(row)


def right_until(purchase: Purchase, operator: Operator, granted_at: datetime) -> datetime:
    """Return until when a purchase that was granted then may be started."""
    return startable_until(
        granted_at,
        unit=purchase.rule_unit,
        quantity=purchase.rule_quantity,
        zone=operator.zone,
        licence_ends_at=purchase.licence_ends_at,
    )


def _source(purchase: Purchase) -> str:
    return "wallet" if purchase.payment_type is PaymentType.WALLET else "billing"


async def note(
    tx: Transaction,
    *,
    purchase: Purchase,
    record: ExchangeRecord,
    attempt_id: UUID | None = None,
    now: datetime,
) -> None:
    """Add a call to the attempt log that changed no state; one that stands there already is not added again."""
    await tx.execute(
        """INSERT INTO billing_attempts (operator_id, customer_id, purchase_id, attempt_id, call, provision_id,
                                         provision_version, epoch, at, outcome, exchange)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb) ON CONFLICT DO NOTHING""",
        purchase.operator_id, purchase.customer_id, purchase.purchase_id, attempt_id or new_id(), record.call,
        purchase.provision_id, purchase.provision_version, purchase.epoch, now, record.verdict,
        msgspec.json.encode(record).decode(),
    )  # fmt: skip


async def look_again(
    tx: Transaction,
    *,
    purchase: Purchase,
    next_check_at: datetime | None,
    check_count: int,
    not_found_at: datetime | None = None,
    alert: bool = False,
    now: datetime,
) -> None:
    """Keep the state and set when it is looked at next, unless it has moved meanwhile. `alert`: staff must know."""
    await tx.execute(
        """UPDATE purchases SET next_check_at = $6, check_count = $7, not_found_at = $8,
                  alerted_at = CASE WHEN $9 THEN coalesce(alerted_at, $10) ELSE alerted_at END
           WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 AND state = $4 AND epoch = $5""",
        purchase.operator_id, purchase.customer_id, purchase.purchase_id, purchase.state, purchase.epoch,
        next_check_at, check_count, not_found_at, alert, now,
    )  # fmt: skip


async def lock_purchase(tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID) -> None:
    """Keep everybody else from moving a purchase until the transaction ends."""
    await tx.execute(
        """SELECT FROM purchases WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3
           FOR NO KEY UPDATE""",
        operator_id, customer_id, purchase_id,
    )  # fmt: skip


async def take_lease(
    tx: Transaction, *, purchase: Purchase, until: datetime | None, new_epoch: bool = False, now: datetime
) -> Purchase | None:
    """Take a purchase for oneself until `until` (None: it is not looked at again); None: another worker has it.

    `new_epoch`: what is about to be asked makes older answers void.
    """
    row = await tx.fetchrow(
        """UPDATE purchases SET next_check_at = $6, checked_at = $7, epoch = epoch + $10::int
           WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 AND state = $4 AND epoch = $5
             AND next_check_at IS NOT DISTINCT FROM $8 AND checked_at IS NOT DISTINCT FROM $9
           RETURNING *""",
        purchase.operator_id, purchase.customer_id, purchase.purchase_id, purchase.state, purchase.epoch,
        until, now, purchase.next_check_at, purchase.checked_at, int(new_epoch),
    )  # fmt: skip
    return None if row is None else purchase_from(row)
