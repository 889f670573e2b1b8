"""Many purchases at once, as a list of billing's names them or leaves them out."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from matinee.platform.db import Transaction
from matinee.purchases.queries.purchases import (
    COLUMNS_OF_P,
    PURCHASE_COLUMNS,
    REVERSAL_COLUMNS,
    purchase_from,
    reversal_from,
)
from matinee.purchases.rules import ENDED_UNPAID
from matinee.purchases.rules.references import customer_of
from matinee.purchases.types import Named, Purchase, PurchaseState, Reversal


class Place(msgspec.Struct, frozen=True):
    """A place in the purchases' order of time, to go on from."""

    confirmed_at: datetime
    purchase_id: UUID


_LISTED = [PurchaseState.GRANTED.value, PurchaseState.UNKNOWN.value, PurchaseState.REVIEW.value]
"""What billing's list of a period should say something of."""


async def purchases_named(
    tx: Transaction, *, operator_id: UUID, references: Collection[str]
) -> dict[str, Named]:
    """Return what each reference leads to, of a charge or of a refund; unknown ones are left out.

    Several purchases share a reference when nothing was sent for the earlier ones: the one that may have been
    charged is meant.
    """
    customers = {customer for reference in references if (customer := customer_of(reference)) is not None}
    if not customers:
        return {}
    asked = (operator_id, list(customers), list(references))
    refunds = await tx.fetch(
        """SELECT customer_id, purchase_id, refund_reference FROM reversals
           WHERE operator_id = $1 AND customer_id = ANY ($2::uuid[]) AND refund_reference = ANY ($3::text[])""",
        *asked,
    )
    rows = await tx.fetch(
        f"""SELECT {PURCHASE_COLUMNS} FROM purchases
            WHERE operator_id = $1 AND customer_id = ANY ($2::uuid[])
              AND (reference = ANY ($3::text[]) OR purchase_id = ANY ($4::uuid[]))
            ORDER BY state <> 'NOT_SENT', confirmed_at""",
        *asked, [row["purchase_id"] for row in refunds],
    )  # fmt: skip
    purchases = [purchase_from(row) for row in rows]
    reversals = await _reversals(tx, operator_id, purchases)
    freed = await _nothing_stood(tx, operator_id, purchases)
    by_id = {
        one.purchase_id: Named(one, reversals[one.purchase_id], one.purchase_id in freed) for one in purchases
    }
    wanted = set(references)
    found = {one.reference: by_id[one.purchase_id] for one in purchases if one.reference in wanted}
    return found | {
        row["refund_reference"]: by_id[row["purchase_id"]] for row in refunds if row["purchase_id"] in by_id
    }


async def is_charge_of_purchase(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, charge_id: str
) -> bool:
    """Say whether `charge_id` is billing's id of what a purchase was charged, or was charged too often.

    No index leads there: for questions that people ask now and then.
    """
    known: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM purchases
                          WHERE operator_id = $1 AND provision_id = $2 AND billing_transaction = $3)
               OR EXISTS (SELECT FROM reversals r
                          JOIN purchases p ON p.operator_id = r.operator_id AND p.customer_id = r.customer_id
                                          AND p.purchase_id = r.purchase_id
                          WHERE r.operator_id = $1 AND r.charge_id = $3 AND p.provision_id = $2)""",
        operator_id, provision_id, charge_id,
    )  # fmt: skip
    return known


async def _reversals(
    tx: Transaction, operator_id: UUID, purchases: Sequence[Purchase]
) -> dict[UUID, tuple[Reversal, ...]]:
    rows = await tx.fetch(
        f"""SELECT {REVERSAL_COLUMNS} FROM reversals
            WHERE operator_id = $1 AND customer_id = ANY ($2::uuid[]) AND purchase_id = ANY ($3::uuid[])
            ORDER BY booked_at, reversal_id""",
        operator_id, list({one.customer_id for one in purchases}), [one.purchase_id for one in purchases],
    )  # fmt: skip
    found: dict[UUID, tuple[Reversal, ...]] = defaultdict(tuple)
    for row in rows:
        found[row["purchase_id"]] += (reversal_from(row),)
    return found


async def _nothing_stood(tx: Transaction, operator_id: UUID, purchases: Sequence[Purchase]) -> set[UUID]:
    ended = [one for one in purchases if one.state is PurchaseState.REVERSED]
    if not ended:
        return set()
    rows = await tx.fetch(
        """SELECT DISTINCT purchase_id FROM purchase_events
           WHERE operator_id = $1 AND customer_id = ANY ($2::uuid[]) AND purchase_id = ANY ($3::uuid[])
             AND to_state = 'REVERSED' AND cause = ANY ($4::text[])""",
        operator_id, list({one.customer_id for one in ended}), [one.purchase_id for one in ended],
        sorted(ENDED_UNPAID),
    )  # fmt: skip
    return {row["purchase_id"] for row in rows}


class Returned(msgspec.Struct, frozen=True):
    """A charge that was given back, and under which reference."""

    purchase: Purchase
    refund_reference: str


async def refunds_of_period(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    period: tuple[datetime, datetime],
    after: UUID | None,
    limit: int,
) -> list[tuple[UUID, Returned]]:
    """Return what was given back in [start, end), by reversal, from the one after `after` on.

    A reversal that ended because no charge stood gave nothing back.
    """
    rows = await tx.fetch(
        f"""SELECT {COLUMNS_OF_P}, r.reversal_id, r.refund_reference
            FROM reversals r
            JOIN purchases p ON p.operator_id = r.operator_id AND p.customer_id = r.customer_id
                            AND p.purchase_id = r.purchase_id
            WHERE r.operator_id = $1 AND r.state = 'REVERSED' AND r.state_since >= $3 AND r.state_since < $4
              AND p.provision_id = $2 AND ($5::uuid IS NULL OR r.reversal_id > $5)
              AND (r.is_duplicate OR NOT EXISTS (
                  SELECT FROM purchase_events e
                  WHERE e.operator_id = r.operator_id AND e.customer_id = r.customer_id
                    AND e.purchase_id = r.purchase_id AND e.to_state = 'REVERSED' AND e.cause = ANY ($7::text[])))
            ORDER BY r.reversal_id LIMIT $6""",
        operator_id, provision_id, *period, after, limit, sorted(ENDED_UNPAID),
    )  # fmt: skip
    return [(row["reversal_id"], Returned(purchase_from(row), row["refund_reference"])) for row in rows]


async def purchases_of_period(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    period: tuple[datetime, datetime],
    after: Place | None,
    limit: int,
) -> list[Purchase]:
    """Return purchases confirmed in [start, end) that billing's list should know, in the order of time.

    `after`: where the page before ended.
    """
    rows = await tx.fetch(
        f"""SELECT {PURCHASE_COLUMNS} FROM purchases
            WHERE operator_id = $1 AND provision_id = $2 AND confirmed_at >= $3 AND confirmed_at < $4
              AND state = ANY ($5::text[])
              AND ($6::timestamptz IS NULL OR (confirmed_at, purchase_id) > ($6, $7::uuid))
            ORDER BY confirmed_at, purchase_id LIMIT $8""",
        operator_id, provision_id, *period, _LISTED,
        after and after.confirmed_at, after and after.purchase_id, limit,
    )  # fmt: skip
    return [purchase_from(row) for row in rows]
