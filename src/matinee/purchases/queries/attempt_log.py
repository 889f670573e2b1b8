"""The attempt log of one provision: every call to billing, newest first, and how its billing is doing.

A log may hold millions of calls. Whatever is asked, at most so many of the newest ones that fit are looked at,
by an index; further ones are reached by asking for an earlier time.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Record, Transaction
from matinee.purchases.queries.purchases import attempt_from
from matinee.purchases.types import Attempt

MOST_LISTED: Final = 10_000
MOST_MEASURED: Final = 10_000
HEALTH_WINDOW: Final = timedelta(hours=24)

UNCLEAR: Final = ("unknown", "review", "no_answer", "unclear", "not_sent")
"""Outcomes after which nobody knows more than before."""


class LoggedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call with the purchase that it was about."""

    attempt_id: UUID
    customer_id: UUID
    purchase_id: UUID
    version: int
    username: str
    item_title: str
    reference: str
    is_open: bool
    """Whether the purchase is UNKNOWN now, so that billing may be asked again."""
    attempt: Attempt


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How billing did in HEALTH_WINDOW: of its newest MOST_MEASURED calls. Latencies None without an answer.

    `clear`: calls whose answer was understood. `open_count`: purchases that are UNKNOWN now. `paused_until`: the
    breaker is open, so nobody is charged before then; in the past: one charge may try.
    """

    calls: int
    clear: int
    charges: int
    charged: int
    p50_ms: int | None
    p99_ms: int | None
    last_call_at: datetime | None
    open_count: int
    oldest_open_at: datetime | None
    paused_until: datetime | None
    last_callback_at: datetime | None

    @property
    def is_sample(self) -> bool:
        return self.calls >= MOST_MEASURED


_ROWS = """
    WITH recent AS (
        SELECT a.customer_id, a.purchase_id, a.attempt_id, a.at, a.exchange
        FROM billing_attempts a
        WHERE a.operator_id = $1 AND a.provision_id = $2 AND a.at >= $3 AND a.at < $4
          {narrowed}
        ORDER BY a.at DESC, a.attempt_id DESC LIMIT {most}
    ), fitting AS (
        SELECT customer_id, purchase_id, attempt_id, at FROM recent {text}
    ), shown AS (
        SELECT *, (SELECT count(*) FROM fitting) AS total FROM fitting
        ORDER BY at DESC, attempt_id DESC LIMIT $5 OFFSET $6
    )
    SELECT s.total, a.attempt_id, a.customer_id, a.purchase_id, a.provision_version AS version, a.at, a.call,
           a.outcome, a.exchange, c.username, p.item_title, p.reference,
           p.state = 'UNKNOWN' AS is_open
    FROM shown s
    JOIN billing_attempts a ON a.operator_id = $1 AND a.customer_id = s.customer_id
                           AND a.purchase_id = s.purchase_id AND a.attempt_id = s.attempt_id
    JOIN customers c ON c.operator_id = $1 AND c.customer_id = s.customer_id
    JOIN purchases p ON p.operator_id = $1 AND p.customer_id = s.customer_id AND p.purchase_id = s.purchase_id
    ORDER BY s.at DESC, s.attempt_id DESC
"""


class Span(msgspec.Struct, frozen=True):
    """From when to when the log is looked at, half-open."""

    since: datetime
    until: datetime


async def list_attempts(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, query: ListQuery, span: Span
) -> Page[LoggedCall]:
    """Return one page of a provision's calls, newest first.

    Filters: `call`, `outcome`. A search finds the calls of a customer (user name or mapping id) or of a charge
    reference; anything else is looked for in the masked requests and answers. At most MOST_LISTED are found.
    """
    arguments: list[object] = [
        operator_id, provision_id, span.since, span.until, query.page_size, query.offset,
    ]  # fmt: skip
    narrowed, text = "", ""
    for name in ("call", "outcome"):
        if query.filters.get(name):
            arguments.append(query.filters[name])
            narrowed += f" AND a.{name} = ${len(arguments)}"
    if query.search:
        customers, purchases = await _named(tx, operator_id, query.search)
        if customers:
            arguments.append(customers)
            narrowed += f" AND a.customer_id = ANY (${len(arguments)}::uuid[])"
        if purchases:
            arguments.append(purchases)
            narrowed += f" AND a.purchase_id = ANY (${len(arguments)}::uuid[])"
        if not customers:
            arguments.append(_pattern(query.search))
            text = (
                f"WHERE exchange ->> 'request' ILIKE ${len(arguments)} "
                f"OR exchange ->> 'body' ILIKE ${len(arguments)}"
            )
    statement = _ROWS.format(narrowed=narrowed, text=text, most=MOST_LISTED)
    rows = await tx.fetch(statement, *arguments)
    total = rows[0]["total"] if rows else 0
    if not rows and query.page > 1:
        first = msgspec.structs.replace(query, page=1, page_size=1)
        whole = await list_attempts(
            tx, operator_id=operator_id, provision_id=provision_id, query=first, span=span
        )
        total = whole.total
    return Page(rows=[_logged(row) for row in rows], total=total, query=query)


async def _named(tx: Transaction, operator_id: UUID, search: str) -> tuple[list[UUID], list[UUID]]:
    """Return the customers and the purchases that a search names outright; purchases come with theirs."""
    rows = await tx.fetch(
        "SELECT customer_id, purchase_id FROM purchases WHERE operator_id = $1 AND reference = $2 LIMIT 100",
        operator_id, search,
    )  # fmt: skip
    if rows:
        return [row["customer_id"] for row in rows], [row["purchase_id"] for row in rows]
    rows = await tx.fetch(
        """SELECT DISTINCT customer_id FROM customer_lookups
           WHERE operator_id = $1 AND kind IN ('username', 'mapping_id') AND value = ANY ($2::text[])""",
        operator_id, [search, search.lower()],
    )  # fmt: skip
    return [row["customer_id"] for row in rows], []


def _pattern(search: str) -> str:
    return "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _logged(row: Record) -> LoggedCall:
    fields = {
        name: row[name]
        for name in (
            "attempt_id", "customer_id", "purchase_id", "version", "username", "item_title", "reference",
            "is_open",
        )
    }  # fmt: skip
    return LoggedCall(**fields, attempt=attempt_from(row))


async def billing_health(tx: Transaction, *, operator_id: UUID, provision_id: UUID, now: datetime) -> Health:
    """Return how a provision's billing did lately, and what of it is open."""
    calls = await tx.fetchrow(
        """WITH recent AS (
               SELECT call, outcome, at, exchange FROM billing_attempts
               WHERE operator_id = $1 AND provision_id = $2 AND at >= $3
               ORDER BY at DESC, attempt_id DESC LIMIT $4
           ), timed AS MATERIALIZED (
               SELECT call, outcome, at, (exchange ->> 'elapsed_ms')::integer AS ms FROM recent
           )
           SELECT count(*)::integer AS calls,
                  count(*) FILTER (WHERE outcome <> ALL ($5::text[]))::integer AS clear,
                  count(*) FILTER (WHERE call = 'charge')::integer AS charges,
                  count(*) FILTER (WHERE call = 'charge' AND outcome = 'success')::integer AS charged,
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE outcome <> 'not_sent') AS p50_ms,
                  percentile_disc(0.99) WITHIN GROUP (ORDER BY ms) FILTER (WHERE outcome <> 'not_sent') AS p99_ms,
                  max(at) AS last_call_at
           FROM timed""",
        operator_id, provision_id, now - HEALTH_WINDOW, MOST_MEASURED, list(UNCLEAR),
    )  # fmt: skip
    still = await tx.fetchrow(
        """SELECT count(*)::integer AS open_count, min(state_since) AS oldest_open_at FROM purchases
           WHERE operator_id = $1 AND provision_id = $2 AND state = 'UNKNOWN'""",
        operator_id, provision_id,
    )  # fmt: skip
    beside = await tx.fetchrow(
        """SELECT (SELECT open_until FROM provision_breakers
                   WHERE operator_id = $1 AND provision_id = $2) AS paused_until,
                  (SELECT max(received_at) FROM callback_receipts
                   WHERE operator_id = $1 AND provision_id = $2) AS last_callback_at""",
        operator_id, provision_id,
    )  # fmt: skip
    assert calls is not None
    assert still is not None
    assert beside is not None
    return Health(**dict(calls), **dict(still), **dict(beside))
