"""The invariants that a live database can be asked about: each query returns what breaks one."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from matinee.platform.db import Transaction
from matinee.purchases.rules import ALERT_AFTER, TRANSITIONS

ALERT_SLACK = timedelta(hours=1)


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One broken invariant: which, in whose purchase, and what was found."""

    invariant: str
    customer_id: UUID
    purchase_id: UUID | None
    found: str


_QUERIES: Mapping[str, tuple[Any, ...]] = {
    "I1": (
        """
        SELECT customer_id, min(purchase_id::text)::uuid AS purchase_id,
               'purchases in one slot and generation: ' || count(*) AS found
        FROM purchases WHERE operator_id = $1 AND state <> 'NOT_SENT'
        GROUP BY customer_id, item_kind, item_id, generation HAVING count(*) > 1
        UNION ALL
        SELECT customer_id, min(purchase_id::text)::uuid, 'purchases that hold one slot: ' || count(*)
        FROM purchases WHERE operator_id = $1 AND slot_released_at IS NULL
        GROUP BY customer_id, item_kind, item_id HAVING count(*) > 1""",
    ),
    "I2": (
        """
        SELECT e.customer_id, e.purchase_id, 'active right of a purchase in ' || p.state AS found
        FROM entitlements e JOIN purchases p USING (operator_id, customer_id, purchase_id)
        WHERE e.operator_id = $1 AND e.revoked_at IS NULL AND e.startable_until > $2
          AND (p.state <> 'GRANTED' OR p.evidence IS NULL)""",
        timedelta(0),
    ),
    "I3": (
        """
        SELECT p.customer_id, p.purchase_id, 'evidence ' || p.evidence || ' without a right in ' || p.state AS found
        FROM purchases p LEFT JOIN entitlements e USING (operator_id, customer_id, purchase_id)
        WHERE p.operator_id = $1 AND p.evidence IS NOT NULL AND e.entitlement_id IS NULL
          AND p.state NOT IN ('REVIEW', 'REVERSING', 'REFUND_OPEN', 'REVERSED')
        UNION ALL
        SELECT p.customer_id, p.purchase_id, 'paid for a right that was over when it was given'
        FROM purchases p JOIN entitlements e USING (operator_id, customer_id, purchase_id)
        WHERE p.operator_id = $1 AND p.state = 'GRANTED' AND e.startable_until <= e.granted_at""",
    ),
    "I4": (
        """
        SELECT a.customer_id, a.purchase_id, 'charge sent in epoch ' || a.epoch || ', which nobody claimed' AS found
        FROM billing_attempts a WHERE a.operator_id = $1 AND a.call = 'charge' AND NOT EXISTS (
            SELECT FROM purchase_events e WHERE e.operator_id = a.operator_id AND e.customer_id = a.customer_id
              AND e.purchase_id = a.purchase_id
              AND (e.epoch = a.epoch AND e.to_state = 'CHARGING' OR e.epoch <= a.epoch AND e.to_state = 'UNKNOWN'))
        UNION ALL
        -- Only what was UNKNOWN before may have been sent again; a cancel under way raises its epoch.
        SELECT a.customer_id, a.purchase_id, 'charges sent in epoch ' || a.epoch || ': ' || count(*)
        FROM billing_attempts a WHERE a.operator_id = $1 AND a.call = 'charge' AND NOT EXISTS (
            SELECT FROM purchase_events e WHERE e.operator_id = a.operator_id AND e.customer_id = a.customer_id
              AND e.purchase_id = a.purchase_id AND e.epoch <= a.epoch AND e.to_state = 'UNKNOWN')
        GROUP BY a.customer_id, a.purchase_id, a.epoch HAVING count(*) > 1""",
    ),
    "I7": (
        """
        SELECT customer_id, purchase_id, state || ' without a next check' AS found FROM purchases
        WHERE operator_id = $1 AND state IN ('RESERVED', 'CHARGING', 'UNKNOWN', 'REVIEW') AND next_check_at IS NULL
        UNION ALL
        SELECT customer_id, purchase_id, 'older than a day without an alert in ' || state FROM purchases
        WHERE operator_id = $1 AND state IN ('RESERVED', 'CHARGING', 'UNKNOWN', 'REVIEW')
          AND alerted_at IS NULL AND state_since < $2
        UNION ALL
        SELECT customer_id, purchase_id, 'refund older than a day without an alert' FROM reversals
        WHERE operator_id = $1 AND state <> 'REVERSED' AND alerted_at IS NULL AND state_since < $2
        UNION ALL
        SELECT customer_id, purchase_id, 'refund without a next check' FROM reversals
        WHERE operator_id = $1 AND state <> 'REVERSED' AND next_check_at IS NULL
        UNION ALL
        SELECT p.customer_id, p.purchase_id, p.state || ' without an open reversal' FROM purchases p
        WHERE p.operator_id = $1 AND p.state IN ('REVERSING', 'REFUND_OPEN') AND NOT EXISTS (
            SELECT FROM reversals r WHERE r.operator_id = p.operator_id AND r.customer_id = p.customer_id
              AND r.purchase_id = p.purchase_id AND NOT r.is_duplicate AND r.state = p.state)""",
        ALERT_AFTER + ALERT_SLACK,
    ),
    "I8": (
        """
        SELECT customer_id, purchase_id, 'ledger sums to ' || sum(amount_minor) AS found FROM ledger_entries
        WHERE operator_id = $1 GROUP BY customer_id, purchase_id HAVING sum(amount_minor) <> 0
        UNION ALL
        SELECT w.customer_id, NULL,
               'wallet ' || w.balance_minor || ' against ledger ' || coalesce(-sum(l.amount_minor), 0)
        FROM wallets w LEFT JOIN ledger_entries l ON l.operator_id = w.operator_id
             AND l.customer_id = w.customer_id AND l.account = 'wallet' AND l.currency = w.currency
        WHERE w.operator_id = $1 GROUP BY w.customer_id, w.balance_minor
        HAVING w.balance_minor <> coalesce(-sum(l.amount_minor), 0)""",
    ),
    "I6": (
        """
        SELECT l.customer_id, l.purchase_id, 'ledger has ' || l.amount_minor || ' ' || l.currency AS found
        FROM ledger_entries l JOIN purchases p USING (operator_id, customer_id, purchase_id)
        WHERE l.operator_id = $1 AND (abs(l.amount_minor) <> p.amount_minor OR l.currency <> p.currency)""",
    ),
    "I9": (
        """
        SELECT e.customer_id, e.purchase_id, 'the right is to another item than was bought' AS found
        FROM entitlements e JOIN purchases p USING (operator_id, customer_id, purchase_id)
        WHERE e.operator_id = $1 AND (e.item_kind, e.item_id) <> (p.item_kind, p.item_id)""",
    ),
}

_MOVES = """
    SELECT customer_id, purchase_id, coalesce(before, 'nothing') || ', then ' || coalesce(from_state, 'nothing')
               || ' to ' || to_state AS found
    FROM (SELECT customer_id, purchase_id, from_state, to_state,
                 lag(to_state) OVER (PARTITION BY customer_id, purchase_id ORDER BY at, event_id) AS before
          FROM purchase_events WHERE operator_id = $1) AS moves
    WHERE from_state IS DISTINCT FROM before
       OR (from_state IS NOT NULL AND from_state || '>' || to_state <> ALL ($2::text[]))
    UNION ALL
    SELECT p.customer_id, p.purchase_id,
           'in ' || p.state || ', and last moved to ' || coalesce(last.to_state, 'nothing')
    FROM purchases p LEFT JOIN LATERAL (
        SELECT e.to_state FROM purchase_events e
        WHERE e.operator_id = p.operator_id AND e.customer_id = p.customer_id AND e.purchase_id = p.purchase_id
        ORDER BY e.at DESC, e.event_id DESC LIMIT 1) AS last ON true
    WHERE p.operator_id = $1 AND p.state IS DISTINCT FROM last.to_state
"""
_ALLOWED = [f"{before}>{after}" for before, states in TRANSITIONS.items() for after in states]


async def violations(tx: Transaction, *, operator_id: UUID, now: datetime) -> list[Violation]:
    """Return every broken invariant among one operator's purchases.

    I1 to I9 as far as the database can tell; what billing has in its books only a settlement file can.
    """
    found = [
        (name, row)
        for name, (query, *moments) in _QUERIES.items()
        for row in await tx.fetch(query, operator_id, *(now - age for age in moments))
    ]
    found += [("I5", row) for row in await tx.fetch(_MOVES, operator_id, _ALLOWED)]
    return [
        Violation(
            invariant=name, customer_id=row["customer_id"], purchase_id=row["purchase_id"], found=row["found"]
        )
        for name, row in sorted(found, key=lambda each: each[0])
    ]
