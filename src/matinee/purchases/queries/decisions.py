"""Reading what waits for a second person, and the limits above which that is so."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Record, Transaction
from matinee.purchases.types import Decision, GrantProposal, Proposal

_FIELDS = ", ".join(f"d.{name}" for name in Decision.__struct_fields__)
_LISTED = """
    staff_decisions d JOIN customers c ON c.operator_id = d.operator_id AND c.customer_id = d.customer_id
    WHERE d.operator_id = $1 AND (d.outcome IS NOT NULL) = $2
      AND NOT EXISTS (
          SELECT FROM unnest($3::text[]) AS word
          WHERE position(word IN lower(concat_ws(' ', c.first_name, c.last_name, c.username, d.item_title,
                                                 d.requester_name, d.decider_name, d.reason,
                                                 d.decision_reason))) = 0)
"""
"""What a list of requests is taken from: of an operator, decided or not, with every one of some words."""

_PROPOSALS = msgspec.json.Decoder(Proposal)


def decision_from(row: Record) -> Decision:
    """Return the decision in a database row."""
    values: dict[str, Any] = {name: row[name] for name in Decision.__struct_fields__}
    return msgspec.convert(values | {"proposal": _PROPOSALS.decode(row["proposal"])}, Decision)


async def four_eyes_limits(tx: Transaction, *, operator_id: UUID) -> dict[str, int]:
    """Return by currency the most, in minor units, that one person may decide on in a day; no entry: any."""
    rows = await tx.fetch(
        "SELECT currency, amount_minor FROM four_eyes_limits WHERE operator_id = $1 ORDER BY currency",
        operator_id,
    )
    return {row["currency"]: row["amount_minor"] for row in rows}


async def decided_alone(
    tx: Transaction, *, operator_id: UUID, staff_id: UUID, kind: str, but: UUID, since: datetime
) -> dict[str, int]:
    """Return by currency what one person decided alone of a kind after `since`, the action `but` left out."""
    rows = await tx.fetch(
        """SELECT currency, sum(amount_minor)::bigint AS amount_minor FROM staff_alone
           WHERE operator_id = $1 AND staff_id = $2 AND kind = $3 AND action_id <> $4 AND done_at > $5
           GROUP BY currency""",
        operator_id, staff_id, kind, but, since,
    )  # fmt: skip
    return {row["currency"]: row["amount_minor"] for row in rows}


async def get_decision(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, decision_id: UUID
) -> Decision:
    """Return what somebody asked for. Raises NotFound."""
    row = await tx.fetchrow(
        f"SELECT {_FIELDS} FROM staff_decisions d "
        "WHERE d.operator_id = $1 AND d.customer_id = $2 AND d.decision_id = $3",
        operator_id, customer_id, decision_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such request.")
    return decision_from(row)


async def decisions_of_customer(tx: Transaction, *, operator_id: UUID, customer_id: UUID) -> list[Decision]:
    """Return what is open about one customer, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_FIELDS} FROM staff_decisions d "
        "WHERE d.operator_id = $1 AND d.customer_id = $2 AND d.outcome IS NULL ORDER BY d.requested_at",
        operator_id, customer_id,
    )  # fmt: skip
    return [decision_from(row) for row in rows]


class ListedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A request and whom it is about; for a free grant how long it lasts: until a moment, or as a PPV rule says."""

    decision: Decision
    customer_name: str
    rule_name: str

    @property
    def granted_until(self) -> datetime | None:
        proposal = self.decision.proposal
        return proposal.until if isinstance(proposal, GrantProposal) else None


async def list_decisions(tx: Transaction, *, operator_id: UUID, query: ListQuery) -> Page[ListedDecision]:
    """Return one page of requests: what is open, oldest first, or with the filter `state` = decided, newest first.

    Search looks for every word in the customer's name, the title, who asked or decided, and the reasons.
    """
    decided = query.filters.get("state") == "decided"
    words = query.search.lower().split()
    total = await tx.fetchval(
        f"SELECT count(*) FROM {_LISTED}", operator_id, decided, words,
    )  # fmt: skip
    rows = await tx.fetch(
        f"""SELECT {_FIELDS}, coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.username) AS whose,
                   coalesce((SELECT r.name FROM ppv_rules r
                             WHERE r.operator_id = d.operator_id AND r.rule_id = (d.proposal ->> 'rule_id')::uuid),
                            '') AS rule_name
            FROM {_LISTED}
            ORDER BY CASE WHEN $2 THEN NULL ELSE d.requested_at END, d.decided_at DESC, d.decision_id
            LIMIT $4 OFFSET $5""",
        operator_id, decided, words, query.page_size, query.offset,
    )  # fmt: skip
    listed = [
        ListedDecision(decision=decision_from(row), customer_name=row["whose"], rule_name=row["rule_name"])
        for row in rows
    ]
    return Page(rows=listed, total=total, query=query)


async def waiting_counts(tx: Transaction, *, operator_id: UUID) -> Mapping[str, int]:
    """Return how much waits for people: `approvals` of a second person, `tasks` that only a person can settle."""
    row = await tx.fetchrow(
        """SELECT (SELECT count(*) FROM staff_decisions WHERE operator_id = $1 AND outcome IS NULL) AS approvals,
                  (SELECT count(*) FROM purchases p
                   WHERE p.operator_id = $1
                     AND (p.state IN ('REVIEW', 'REFUND_OPEN')
                          OR (p.state = 'UNKNOWN' AND p.alerted_at IS NOT NULL)))
                  + (SELECT count(DISTINCT (r.customer_id, r.purchase_id)) FROM reversals r
                     JOIN purchases p USING (operator_id, customer_id, purchase_id)
                     WHERE r.operator_id = $1 AND r.state <> 'REVERSED' AND r.alerted_at IS NOT NULL
                       AND p.state NOT IN ('REVIEW', 'REFUND_OPEN')
                       AND NOT (p.state = 'UNKNOWN' AND p.alerted_at IS NOT NULL)) AS tasks""",
        operator_id,
    )  # fmt: skip
    return {"approvals": row["approvals"], "tasks": row["tasks"]} if row is not None else {}
