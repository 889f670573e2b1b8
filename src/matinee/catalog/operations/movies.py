"""Adding and changing movies."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import CheckViolationError, ForeignKeyViolationError

from matinee.catalog.queries import get_movie, lock_movie
from matinee.catalog.rules import check_movie
from matinee.catalog.types import Movie, MovieDraft
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction

# What the database refuses, in words beside the field that it is about.
_CONSTRAINTS = {
    "movies_one_payment_method": (
        "payment_method",
        "A movie is sold by PPV with a rule, or by subscription without one.",
    ),
    "movies_ppv_runtime": ("runtime_minutes", "A PPV movie needs its runtime."),
    "movies_ppv_price": ("prices", "A PPV movie needs at least one price."),
    "movies_subscription_price": ("prices", "A subscription movie has no price."),
    "movies_stream": ("stream_url", "Write the address of the stream, or upload a film instead."),
    "movies_operator_id_rule_id_fkey": ("rule_id", "This PPV rule does not exist."),
    "movies_operator_id_asset_id_fkey": ("asset_id", "This film does not exist any more. Upload it again."),
    "package_movies_operator_id_package_id_fkey": (
        "package_ids",
        "One of these packages was removed meanwhile.",
    ),
}


async def create_movie(
    tx: Transaction, *, operator_id: UUID, draft: MovieDraft, actor: Actor, now: datetime
) -> Movie:
    """Add a movie. Viewers see it after the next Cloud Sync. Raises Invalid."""
    movie = await _insert(tx, operator_id, draft, now)
    await _record(tx, operator_id, movie, actor, "movie.created", now, {"title": movie.draft.title})
    return movie


async def duplicate_movie(
    tx: Transaction,
    *,
    operator_id: UUID,
    movie_id: UUID,
    draft: MovieDraft,
    actor: Actor,
    now: datetime,
) -> Movie:
    """Sell the film of `movie_id` the other way too: a second entry that shares its poster and stream.

    `draft` says the rest; its payment method must be the other one. Raises Invalid, NotFound.
    """
    source = await get_movie(tx, operator_id=operator_id, movie_id=movie_id)
    if draft.payment_method is source.draft.payment_method:
        raise Invalid(
            {"payment_method": f"“{source.draft.title}” is sold this way already. Choose the other one."}
        )
    shared = msgspec.structs.replace(
        draft,
        poster_key=draft.poster_key or source.draft.poster_key,
        stream_kind=source.draft.stream_kind,
        stream_url=source.draft.stream_url,
        asset_id=source.draft.asset_id,
    )
    movie = await _insert(tx, operator_id, shared, now)
    details = {"title": movie.draft.title, "from_movie": str(movie_id)}
    await _record(tx, operator_id, movie, actor, "movie.duplicated", now, details)
    return movie


async def update_movie(
    tx: Transaction,
    *,
    operator_id: UUID,
    movie_id: UUID,
    version: int,
    draft: MovieDraft,
    actor: Actor,
    now: datetime,
) -> Movie:
    """Change a movie that stands at `version`; saying the same again changes nothing.

    Raises Invalid, NotFound, and Conflict (`stale_version`) when somebody else saved meanwhile.
    """
    check_movie(draft)
    before = await lock_movie(tx, operator_id=operator_id, movie_id=movie_id)
    if before.version != version:
        raise Conflict(
            "Somebody else saved this movie while you were editing. "
            "What you typed is still here; what they saved stands beside it. Saving again keeps yours.",
            code="stale_version",
        )
    changes = _changes(before.draft, draft)
    if not changes:
        return before
    with _in_words():
        await tx.execute(
            """UPDATE movies SET title = $3, year = $4, runtime_minutes = $5, description = $6,
                   poster_key = $7, stream_kind = $8, stream_url = $9, asset_id = $10, payment_method = $11,
                   rule_id = $12, licence_ends_at = $13, version = version + 1, updated_at = $14
               WHERE operator_id = $1 AND movie_id = $2""",
            operator_id, movie_id, *_values(draft), now,
        )  # fmt: skip
        await _write_parts(tx, operator_id, movie_id, draft)
    movie = await get_movie(tx, operator_id=operator_id, movie_id=movie_id)
    await _record(tx, operator_id, movie, actor, "movie.updated", now, changes)
    return movie


async def _insert(tx: Transaction, operator_id: UUID, draft: MovieDraft, now: datetime) -> Movie:
    check_movie(draft)
    movie_id = new_id()
    await tx.execute(
        "INSERT INTO items (operator_id, item_kind, item_id) VALUES ($1, 'movie', $2)", operator_id, movie_id
    )
    with _in_words():
        await tx.execute(
            """INSERT INTO movies (operator_id, movie_id, title, year, runtime_minutes, description,
                   poster_key, stream_kind, stream_url, asset_id, payment_method, rule_id, licence_ends_at,
                   created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)""",
            operator_id, movie_id, *_values(draft), now,
        )  # fmt: skip
        await _write_parts(tx, operator_id, movie_id, draft)
    return await get_movie(tx, operator_id=operator_id, movie_id=movie_id)


def _values(draft: MovieDraft) -> tuple[object, ...]:
    return (
        draft.title.strip(), draft.year, draft.runtime_minutes, draft.description.strip(), draft.poster_key,
        draft.stream_kind.value, draft.stream_url, draft.asset_id, draft.payment_method.value, draft.rule_id,
        draft.licence_ends_at,
    )  # fmt: skip


async def _write_parts(tx: Transaction, operator_id: UUID, movie_id: UUID, draft: MovieDraft) -> None:
    """Write prices and packages anew, and let the database judge the whole now rather than at the commit."""
    await tx.execute(
        "DELETE FROM movie_prices WHERE operator_id = $1 AND movie_id = $2", operator_id, movie_id
    )
    await tx.executemany(
        "INSERT INTO movie_prices (operator_id, movie_id, currency, amount_minor) VALUES ($1, $2, $3, $4)",
        [(operator_id, movie_id, price.currency, price.minor) for price in draft.prices],
    )
    await tx.execute(
        """DELETE FROM package_movies
           WHERE operator_id = $1 AND movie_id = $2 AND package_id <> ALL($3::uuid[])""",
        operator_id, movie_id, list(draft.package_ids),
    )  # fmt: skip
    await tx.executemany(
        """INSERT INTO package_movies (operator_id, package_id, movie_id) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING""",
        [(operator_id, package_id, movie_id) for package_id in sorted(draft.package_ids)],
    )
    await tx.execute("SET CONSTRAINTS ALL IMMEDIATE")


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn a refusal of the database into an error beside a field."""
    try:
        yield
    except (CheckViolationError, ForeignKeyViolationError) as error:
        known = _CONSTRAINTS.get(str(error.as_dict().get("constraint_name", "")))
        if known is None:
            raise
        raise Invalid({known[0]: known[1]}) from error


def _facts(draft: MovieDraft) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(draft)
    facts |= {"title": draft.title.strip(), "description": draft.description.strip()}
    facts["prices"] = {price.currency: price.minor for price in draft.prices}
    facts["package_ids"] = sorted(str(package_id) for package_id in draft.package_ids)
    return facts


def _changes(before: MovieDraft, after: MovieDraft) -> dict[str, Any]:
    old, new = _facts(before), _facts(after)
    return {name: {"from": old[name], "to": new[name]} for name in new if old[name] != new[name]}


async def _record(
    tx: Transaction,
    operator_id: UUID,
    movie: Movie,
    actor: Actor,
    action: str,
    now: datetime,
    details: dict[str, Any],
) -> None:
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=action, subject_kind="movie",
        subject_id=movie.movie_id, now=now, details=details,
    )  # fmt: skip
