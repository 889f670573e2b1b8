"""Reading the whole catalogue for Cloud Sync, a part at a time."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from matinee.catalog.types import MovieForPublishing, PaymentMethod, StreamKind
from matinee.platform.db import Transaction

# Rule and film belong to domains above this one; their tables are read here because a document is
# made of all three and a second pass over a hundred thousand movies would cost as much again.
_PART = """
    SELECT m.movie_id, m.version, m.title, m.year, m.runtime_minutes, m.description, m.poster_key,
           m.payment_method, m.licence_ends_at, m.stream_kind, m.rule_id,
           a.state AS asset_state,
           r.name AS rule_name, r.unit AS rule_unit, r.quantity AS rule_quantity,
           r.finish_window_hours AS rule_finish_window_hours, r.version AS rule_version,
           ARRAY(SELECT (p.currency, p.amount_minor) FROM movie_prices p
                 WHERE p.operator_id = m.operator_id AND p.movie_id = m.movie_id ORDER BY p.currency) AS prices,
           ARRAY(SELECT pm.package_id FROM package_movies pm
                 WHERE pm.operator_id = m.operator_id AND pm.movie_id = m.movie_id
                 ORDER BY pm.package_id) AS package_ids
    FROM movies m
    LEFT JOIN ppv_rules r ON r.operator_id = m.operator_id AND r.rule_id = m.rule_id
    LEFT JOIN assets a ON a.operator_id = m.operator_id AND a.asset_id = m.asset_id
    WHERE m.operator_id = $1 AND m.movie_id > $2 AND m.archived_at IS NULL AND m.withdrawn_at IS NULL
      AND (m.licence_ends_at IS NULL OR m.licence_ends_at > $3)
    ORDER BY m.movie_id LIMIT $4
"""
_FIRST = UUID(int=0)


async def movies_for_publishing(
    tx: Transaction, *, operator_id: UUID, now: datetime, part_size: int = 500
) -> AsyncIterator[MovieForPublishing]:
    """Yield every movie that may be on offer at `now`, in the order of their ids.

    Archived and withdrawn movies and those whose licence has ended are left out. Whether there is a film
    to watch is for the caller to ask (`is_playable`), so that it can say what it left out.
    """
    after = _FIRST
    while True:
        rows = await tx.fetch(_PART, operator_id, after, now, part_size)
        for row in rows:
            yield _movie(row)
        if len(rows) < part_size:
            return
        after = rows[-1]["movie_id"]


def _movie(row: Any) -> MovieForPublishing:
    facts = dict(row)
    facts["payment_method"] = PaymentMethod(row["payment_method"])
    facts["stream_kind"] = StreamKind(row["stream_kind"])
    facts["prices"] = dict(tuple(pair) for pair in row["prices"])
    facts["package_ids"] = tuple(row["package_ids"])
    return MovieForPublishing(**facts)
