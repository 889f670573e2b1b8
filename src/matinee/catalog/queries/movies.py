"""Reading movies."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from matinee.catalog.models import movie_prices, movies, package_movies
from matinee.catalog.types import Movie, MovieDraft, MovieRow, PaymentMethod, StreamKind
from matinee.kernel.errors import NotFound
from matinee.kernel.ids import parse_id
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Transaction

_SELECT = """
    SELECT m.movie_id, m.title, m.year, m.runtime_minutes, m.description, m.poster_key, m.stream_kind,
           m.stream_url, m.asset_id, m.payment_method, m.rule_id, m.licence_ends_at, m.version,
           m.withdrawn_at, m.archived_at, m.created_at, m.updated_at,
           ARRAY(SELECT (p.currency, p.amount_minor) FROM movie_prices p
                 WHERE p.operator_id = m.operator_id AND p.movie_id = m.movie_id ORDER BY p.currency) AS prices,
           ARRAY(SELECT pm.package_id FROM package_movies pm
                 WHERE pm.operator_id = m.operator_id AND pm.movie_id = m.movie_id) AS package_ids
    FROM movies m WHERE m.operator_id = $1 AND m.movie_id = $2
"""

_SORTS: dict[str, ColumnElement[Any]] = {
    "title": func.lower(movies.c.title),
    "year": movies.c.year,
    "licence": movies.c.licence_ends_at,
    "updated": movies.c.updated_at,
}


async def get_movie(tx: Transaction, *, operator_id: UUID, movie_id: UUID) -> Movie:
    """Return a movie, also an archived one. Raises NotFound."""
    return _movie(await tx.fetchrow(_SELECT, operator_id, movie_id))


async def lock_movie(tx: Transaction, *, operator_id: UUID, movie_id: UUID) -> Movie:
    """Return a movie that nobody else changes until the transaction ends. Raises NotFound."""
    # The lock comes first: a row read before it could be the one from before somebody else's change.
    await tx.fetchval(
        "SELECT 1 FROM movies WHERE operator_id = $1 AND movie_id = $2 FOR NO KEY UPDATE",
        operator_id,
        movie_id,
    )
    return await get_movie(tx, operator_id=operator_id, movie_id=movie_id)


async def count_movies_by_rule(
    tx: Transaction, *, operator_id: UUID, rule_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """Return how many movies (archived ones left out) are sold by each of the rules; none: not in it."""
    rows = await tx.fetch(
        """SELECT rule_id, count(*) AS movies FROM movies
           WHERE operator_id = $1 AND rule_id = ANY($2::uuid[]) AND archived_at IS NULL GROUP BY rule_id""",
        operator_id, list(rule_ids),
    )  # fmt: skip
    return {row["rule_id"]: row["movies"] for row in rows}


async def list_movies(
    tx: Transaction, *, operator_id: UUID, query: ListQuery, now: datetime
) -> Page[MovieRow]:
    """Return one page of movies.

    Search looks for every word in the title, a year finds that year too. Filters: `payment` (subscription,
    ppv), `rule` and `package` (ids), `state` (on_offer, withdrawn, ended, archived; without it all but the
    archived ones). Sorts: title, year, licence, updated.
    """
    prices = (
        select(func.array_agg(func.concat(movie_prices.c.currency, ":", movie_prices.c.amount_minor)))
        .where(
            movie_prices.c.operator_id == movies.c.operator_id, movie_prices.c.movie_id == movies.c.movie_id
        )
        .scalar_subquery()
    )
    base = select(movies, prices.label("prices")).where(
        movies.c.operator_id == operator_id, *_conditions(query, now)
    )
    counted = select(func.count()).select_from(base.with_only_columns(movies.c.movie_id).subquery())
    total = await tx.select_value(counted)
    rows = await tx.select(_sorted(base, query).limit(query.page_size).offset(query.offset))
    names = await _package_names(tx, operator_id, [row["movie_id"] for row in rows])
    return Page(rows=[_row(row, names) for row in rows], total=total, query=query)


def _conditions(query: ListQuery, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_in_state(query.filters.get("state", ""), now)]
    for word in query.search.split():
        found: list[ColumnElement[bool]] = [movies.c.title.icontains(word, autoescape=True)]
        if word.isascii() and word.isdigit() and len(word) == 4:
            found.append(movies.c.year == int(word))
        conditions.append(or_(*found))
    if payment := query.filters.get("payment"):
        conditions.append(movies.c.payment_method == payment)
    if rule := query.filters.get("rule"):
        conditions.append(movies.c.rule_id == parse_id(rule))
    if package := query.filters.get("package"):
        inside = select(package_movies.c.movie_id).where(
            package_movies.c.operator_id == movies.c.operator_id,
            package_movies.c.package_id == parse_id(package),
        )
        conditions.append(movies.c.movie_id.in_(inside))
    return conditions


def _in_state(state: str, now: datetime) -> ColumnElement[bool]:
    kept = movies.c.archived_at.is_(None)
    ended = and_(movies.c.licence_ends_at.is_not(None), movies.c.licence_ends_at <= now)
    if state == "archived":
        return movies.c.archived_at.is_not(None)
    if state == "withdrawn":
        return and_(kept, movies.c.withdrawn_at.is_not(None))
    if state == "ended":
        return and_(kept, ended)
    if state == "on_offer":
        licensed = or_(movies.c.licence_ends_at.is_(None), movies.c.licence_ends_at > now)
        return and_(kept, movies.c.withdrawn_at.is_(None), licensed)
    return kept


def _sorted(base: Select[Any], query: ListQuery) -> Select[Any]:
    column = _SORTS.get(query.sort.lstrip("-"), _SORTS["title"])
    ordered = column.desc().nulls_last() if query.sort.startswith("-") else column.asc().nulls_last()
    return base.order_by(ordered, movies.c.movie_id)


async def _package_names(
    tx: Transaction, operator_id: UUID, movie_ids: Sequence[UUID]
) -> dict[UUID, tuple[str, ...]]:
    rows = await tx.fetch(
        """SELECT pm.movie_id, array_agg(p.name ORDER BY lower(p.name)) AS names
           FROM package_movies pm
           JOIN packages p ON p.operator_id = pm.operator_id AND p.package_id = pm.package_id
           WHERE pm.operator_id = $1 AND pm.movie_id = ANY($2::uuid[]) GROUP BY pm.movie_id""",
        operator_id, list(movie_ids),
    )  # fmt: skip
    return {row["movie_id"]: tuple(row["names"]) for row in rows}


def _row(row: Any, names: dict[UUID, tuple[str, ...]]) -> MovieRow:
    pairs = [text.split(":") for text in row["prices"] or []]
    return MovieRow(
        movie_id=row["movie_id"],
        title=row["title"],
        year=row["year"],
        poster_key=row["poster_key"],
        payment_method=PaymentMethod(row["payment_method"]),
        rule_id=row["rule_id"],
        prices=tuple(Money(int(minor), currency) for currency, minor in sorted(pairs)),
        packages=names.get(row["movie_id"], ()),
        stream_kind=StreamKind(row["stream_kind"]),
        asset_id=row["asset_id"],
        withdrawn_at=row["withdrawn_at"],
        licence_ends_at=row["licence_ends_at"],
        archived_at=row["archived_at"],
        updated_at=row["updated_at"],
    )


def _movie(row: Any) -> Movie:
    if row is None:
        raise NotFound("There is no such movie.")
    draft = MovieDraft(
        title=row["title"],
        year=row["year"],
        runtime_minutes=row["runtime_minutes"],
        description=row["description"],
        poster_key=row["poster_key"],
        stream_kind=StreamKind(row["stream_kind"]),
        stream_url=row["stream_url"],
        asset_id=row["asset_id"],
        payment_method=PaymentMethod(row["payment_method"]),
        rule_id=row["rule_id"],
        prices=tuple(Money(minor, currency) for currency, minor in row["prices"]),
        package_ids=frozenset(row["package_ids"]),
        licence_ends_at=row["licence_ends_at"],
    )
    return Movie(
        movie_id=row["movie_id"],
        draft=draft,
        version=row["version"],
        withdrawn_at=row["withdrawn_at"],
        archived_at=row["archived_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
