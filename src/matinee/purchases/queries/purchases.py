"""Reading purchases, their history and what waits for a decision."""

from datetime import datetime
from uuid import UUID

import msgspec

from matinee.entitlements.queries import entitlement_of_purchase
from matinee.entitlements.rules import right_ends_at
from matinee.kernel.errors import NotFound
from matinee.platform.db import Record, Transaction
from matinee.platform.db.clock import Connection
from matinee.purchases.types import Attempt, Purchase, PurchaseEvent, PurchaseState, Reversal

PURCHASE_COLUMNS = ", ".join(Purchase.__struct_fields__)
COLUMNS_OF_P = ", ".join(f"p.{name}" for name in Purchase.__struct_fields__)
"""PURCHASE_COLUMNS in a statement that calls the table `p`, as those with further tables do."""

REVERSAL_COLUMNS = ", ".join(Reversal.__struct_fields__)


def purchase_from(row: Record) -> Purchase:
    """Return the purchase in a database row that has all PURCHASE_COLUMNS."""
    return msgspec.convert({name: row[name] for name in Purchase.__struct_fields__}, Purchase)


def reversal_from(row: Record) -> Reversal:
    """Return the reversal in a database row that has all REVERSAL_COLUMNS."""
    return msgspec.convert({name: row[name] for name in Reversal.__struct_fields__}, Reversal)


async def get_purchase(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> Purchase:
    """Return a purchase of this customer. Raises NotFound."""
    row = await tx.fetchrow(
        f"SELECT {PURCHASE_COLUMNS} FROM purchases "
        "WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3",
        operator_id, customer_id, purchase_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such purchase.")
    return purchase_from(row)


async def purchase_by_reference(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, reference: str
) -> Purchase | None:
    """Return this customer's purchase that billing knows by `reference`. One that was never sent does not count."""
    row = await tx.fetchrow(
        f"SELECT {PURCHASE_COLUMNS} FROM purchases "
        "WHERE operator_id = $1 AND customer_id = $2 AND reference = $3 AND state <> 'NOT_SENT'",
        operator_id, customer_id, reference,
    )  # fmt: skip
    return None if row is None else purchase_from(row)


async def state_and_epoch(
    connection: Connection, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> tuple[PurchaseState, int]:
    """Return what a caller must see unchanged just before it sends a request: one statement, outside a transaction."""
    row = await connection.fetchrow(
        "SELECT state, epoch FROM purchase_state($1, $2, $3)", operator_id, customer_id, purchase_id
    )
    if row is None:
        raise NotFound("There is no such purchase.")
    return PurchaseState(row["state"]), row["epoch"]


async def purchases_of_customer(tx: Transaction, *, operator_id: UUID, customer_id: UUID) -> list[Purchase]:
    """Return what a customer has bought or tried to, newest first."""
    rows = await tx.fetch(
        f"SELECT {PURCHASE_COLUMNS} FROM purchases WHERE operator_id = $1 AND customer_id = $2 "
        "ORDER BY confirmed_at DESC, purchase_id DESC",
        operator_id, customer_id,
    )  # fmt: skip
    return [purchase_from(row) for row in rows]


async def slot_holder(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, item_kind: str, item_id: UUID
) -> Purchase | None:
    """Return the purchase that holds the slot of customer and item, if any; its right may have ended."""
    row = await tx.fetchrow(
        f"SELECT {PURCHASE_COLUMNS} FROM purchases WHERE operator_id = $1 AND customer_id = $2 "
        "AND item_kind = $3 AND item_id = $4 AND slot_released_at IS NULL",
        operator_id, customer_id, item_kind, item_id,
    )  # fmt: skip
    return None if row is None else purchase_from(row)


async def holds_slot_now(tx: Transaction, *, holder: Purchase, now: datetime) -> bool:
    """Say whether a purchase that holds a slot still may: while it is open, or its right to play lasts."""
    if holder.state is not PurchaseState.GRANTED:
        return True
    entitlement = await entitlement_of_purchase(
        tx, operator_id=holder.operator_id, customer_id=holder.customer_id, purchase_id=holder.purchase_id
    )
    return entitlement is None or (entitlement.revoked_at is None and now < right_ends_at(entitlement))


async def spent_since(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, currency: str, since: datetime
) -> int:
    """Return what was spent since an instant, in minor units; purchases that are still open count."""
    spent: int = await tx.fetchval(
        """SELECT coalesce(sum(amount_minor), 0)::bigint FROM purchases
           WHERE operator_id = $1 AND customer_id = $2 AND currency = $3 AND confirmed_at >= $4
             AND state IN ('RESERVED', 'CHARGING', 'UNKNOWN', 'REVIEW', 'GRANTED')""",
        operator_id, customer_id, currency, since,
    )  # fmt: skip
    return spent


async def events_of(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> list[PurchaseEvent]:
    """Return every change of state of a purchase, oldest first."""
    rows = await tx.fetch(
        "SELECT at, from_state, to_state, epoch, cause FROM purchase_events "
        "WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 ORDER BY at, event_id",
        operator_id, customer_id, purchase_id,
    )  # fmt: skip
    return [msgspec.convert(dict(row), PurchaseEvent) for row in rows]


async def attempts_of(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> list[Attempt]:
    """Return every call to billing about a purchase, oldest first, as the attempt log keeps them."""
    rows = await tx.fetch(
        "SELECT at, call, outcome, exchange FROM billing_attempts "
        "WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 ORDER BY at, attempt_id",
        operator_id, customer_id, purchase_id,
    )  # fmt: skip
    return [attempt_from(row) for row in rows]


def attempt_from(row: Record) -> Attempt:
    """Return the call in a database row that has `at`, `call`, `outcome` and `exchange`."""
    kept = {name: row[name] for name in ("at", "call", "outcome")}
    return msgspec.convert(msgspec.json.decode(row["exchange"]) | kept, Attempt)


async def get_reversal(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, reversal_id: UUID
) -> Reversal:
    """Return a reversal. Raises NotFound."""
    row = await tx.fetchrow(
        f"SELECT {REVERSAL_COLUMNS} FROM reversals "
        "WHERE operator_id = $1 AND customer_id = $2 AND reversal_id = $3",
        operator_id, customer_id, reversal_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such reversal.")
    return reversal_from(row)


async def reversals_of(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> list[Reversal]:
    """Return the reversals of a purchase, of itself and of duplicates, oldest first."""
    rows = await tx.fetch(
        f"SELECT {REVERSAL_COLUMNS} FROM reversals "
        "WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 ORDER BY booked_at, reversal_id",
        operator_id, customer_id, purchase_id,
    )  # fmt: skip
    return [reversal_from(row) for row in rows]


async def purchases_with_open_refund(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID
) -> frozenset[UUID]:
    """Return a customer's purchases of which a refund waits for finance: the purchase's own, or a duplicate's."""
    rows = await tx.fetch(
        """SELECT DISTINCT purchase_id FROM reversals
           WHERE operator_id = $1 AND customer_id = $2 AND state = 'REFUND_OPEN'""",
        operator_id, customer_id,
    )  # fmt: skip
    return frozenset(row["purchase_id"] for row in rows)


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase that waits for a person, and whose it is."""

    purchase: Purchase
    username: str
    customer_name: str


async def waiting_for_staff(tx: Transaction, *, operator_id: UUID, limit: int) -> list[Waiting]:
    """Return what a person must decide, longest first: REVIEW, and what has an alert, also a duplicate's refund."""
    rows = await tx.fetch(
        f"""SELECT {COLUMNS_OF_P}, c.username,
                   btrim(c.first_name || ' ' || c.last_name) AS customer_name
            FROM purchases p JOIN customers c ON c.operator_id = p.operator_id AND c.customer_id = p.customer_id
            WHERE p.operator_id = $1
              AND (p.state IN ('REVIEW', 'REFUND_OPEN') OR (p.state = 'UNKNOWN' AND p.alerted_at IS NOT NULL)
                   OR EXISTS (SELECT FROM reversals r WHERE r.operator_id = p.operator_id
                              AND r.customer_id = p.customer_id AND r.purchase_id = p.purchase_id
                              AND r.state <> 'REVERSED' AND r.alerted_at IS NOT NULL))
            ORDER BY p.state_since LIMIT $2""",
        operator_id, limit,
    )  # fmt: skip
    return [
        Waiting(purchase=purchase_from(row), username=row["username"], customer_name=row["customer_name"])
        for row in rows
    ]
