"""Taking movies out of sale and putting them back: it acts at once, no Cloud Sync is needed."""

from datetime import datetime
from uuid import UUID

from matinee.catalog.queries import get_movie
from matinee.catalog.types import Movie
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction


async def withdraw_movie(
    tx: Transaction, *, operator_id: UUID, movie_id: UUID, actor: Actor, now: datetime, reason: str
) -> Movie:
    """Stop selling a movie. Whoever has rented it keeps the right to watch. Raises NotFound, Invalid (`reason`)."""
    text = checked_reason(reason)
    return await _mark(tx, operator_id, movie_id, "withdrawn_at", now, actor, now, "movie.withdrawn", text)


async def put_back_movie(
    tx: Transaction, *, operator_id: UUID, movie_id: UUID, actor: Actor, now: datetime
) -> Movie:
    """Sell a withdrawn movie again, at the terms that are published. Raises NotFound."""
    return await _mark(tx, operator_id, movie_id, "withdrawn_at", None, actor, now, "movie.put_back")


async def archive_movie(
    tx: Transaction, *, operator_id: UUID, movie_id: UUID, actor: Actor, now: datetime
) -> Movie:
    """Put a movie away: it is not sold and stands in no list by default. Raises NotFound."""
    return await _mark(tx, operator_id, movie_id, "archived_at", now, actor, now, "movie.archived")


async def unarchive_movie(
    tx: Transaction, *, operator_id: UUID, movie_id: UUID, actor: Actor, now: datetime
) -> Movie:
    """Bring an archived movie back. Raises NotFound."""
    return await _mark(tx, operator_id, movie_id, "archived_at", None, actor, now, "movie.unarchived")


async def _mark(
    tx: Transaction,
    operator_id: UUID,
    movie_id: UUID,
    column: str,
    value: datetime | None,
    actor: Actor,
    now: datetime,
    action: str,
    reason: str = "",
) -> Movie:
    """Set one of two columns of ours; a movie that is so already is left as it is."""
    done = await tx.execute(
        f"""UPDATE movies SET {column} = $3, updated_at = $4
            WHERE operator_id = $1 AND movie_id = $2 AND ({column} IS NULL) = ($3::timestamptz IS NOT NULL)""",
        operator_id, movie_id, value, now,
    )  # fmt: skip
    movie = await get_movie(tx, operator_id=operator_id, movie_id=movie_id)
    if done == "UPDATE 1":
        await audit.record(
            tx, operator_id=operator_id, actor=actor, action=action, subject_kind="movie",
            subject_id=movie_id, now=now, reason=reason,
        )  # fmt: skip
    return movie
