"""The CMS as it would be published now, and how that differs from what is published.

The statements here are the one place that says which movies and products are published at all, and by which
text a change is noticed. They read the tables of catalogue and customers as reporting does; nothing is written.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from matinee.kernel.periods import WindowUnit
from matinee.offers.documents import MovieDocument, OfferDocument, ProductDocument, ProvisionPointer
from matinee.platform.db import Record, Transaction
from matinee.publishing.rules import poster_key
from matinee.publishing.types import Change, ChangeKind, Section, SourceItem

MOST_CHANGES_LISTED = 200

# A film that cannot be played is not offered: it must have a stream, or a file that is packaged.
_MOVIES_ON_OFFER = """m.operator_id = $1 AND m.archived_at IS NULL AND m.withdrawn_at IS NULL
    AND (m.licence_ends_at IS NULL OR m.licence_ends_at > $2)
    AND (m.stream_kind = 'url' OR a.state = 'ready')"""
_MOVIES_FROM = """movies m
    LEFT JOIN ppv_rules r ON r.operator_id = m.operator_id AND r.rule_id = m.rule_id
    LEFT JOIN assets a ON a.operator_id = m.operator_id AND a.asset_id = m.asset_id"""
# What a movie's own version does not count: its rule, and the packages it is in.
_MOVIE_VERSION = "m.version || '.' || coalesce(r.version, 0) || coalesce('.' || left(md5({packages}), 8), '')"

_READ_MOVIES = f"""
    SELECT m.movie_id, m.title, m.year, m.runtime_minutes, m.description, m.poster_key, m.payment_method,
           m.licence_ends_at, r.rule_id, r.name AS rule_name, r.unit, r.quantity, r.finish_window_hours,
           p.packages, q.prices::text AS prices,
           {_MOVIE_VERSION.format(packages="array_to_string(p.packages, ',')")} AS version
    FROM {_MOVIES_FROM}
    CROSS JOIN LATERAL (SELECT array_agg(package_id ORDER BY package_id) AS packages FROM package_movies
                        WHERE operator_id = m.operator_id AND movie_id = m.movie_id) p
    CROSS JOIN LATERAL (SELECT jsonb_object_agg(currency, amount_minor) AS prices FROM movie_prices
                        WHERE operator_id = m.operator_id AND movie_id = m.movie_id) q
    WHERE {_MOVIES_ON_OFFER} AND ($3::uuid IS NULL OR m.movie_id > $3)
    ORDER BY m.movie_id LIMIT $4
"""

_MOVIE_VERSIONS = f"""
    SELECT m.movie_id AS item_id, m.title, {_MOVIE_VERSION.format(packages="p.packages")} AS version
    FROM {_MOVIES_FROM}
    LEFT JOIN (SELECT movie_id, string_agg(package_id::text, ',' ORDER BY package_id) AS packages
               FROM package_movies WHERE operator_id = $1 GROUP BY movie_id) p ON p.movie_id = m.movie_id
    WHERE {_MOVIES_ON_OFFER}
"""

_PRODUCT_LINKS = """
    LEFT JOIN (SELECT product_id, array_agg(package_id ORDER BY package_id) AS packages
               FROM product_packages WHERE operator_id = $1 GROUP BY product_id) k ON k.product_id = p.product_id
    LEFT JOIN (SELECT l.product_id,
                      jsonb_object_agg(l.api_type, jsonb_build_object(
                          'provision_id', l.provision_id, 'version', v.current_version)) AS provisions
               FROM product_provisions l
               JOIN provisions v ON v.operator_id = l.operator_id AND v.provision_id = l.provision_id
               WHERE l.operator_id = $1 GROUP BY l.product_id) c ON c.product_id = p.product_id
    WHERE p.operator_id = $1 AND p.archived_at IS NULL"""
_PRODUCT_VERSION = """p.version || '.' || left(md5(coalesce(array_to_string(k.packages, ','), '') || '/'
    || coalesce(c.provisions::text, '')), 8)"""

_READ_PRODUCTS = f"""
    SELECT p.product_id, p.name, p.payment_type, p.currency, p.mapping_id, p.is_trial, p.max_devices,
           p.max_streams, k.packages, c.provisions::text AS provisions, {_PRODUCT_VERSION} AS version
    FROM products p {_PRODUCT_LINKS} AND $2::timestamptz IS NOT NULL
      AND ($3::uuid IS NULL OR p.product_id > $3)
    ORDER BY p.product_id LIMIT $4
"""

_PRODUCT_VERSIONS = f"""
    SELECT p.product_id AS item_id, p.name AS title, {_PRODUCT_VERSION} AS version
    FROM products p {_PRODUCT_LINKS} AND $2::timestamptz IS NOT NULL
"""

_CHANGES = """
    FROM ({source}) s
    FULL JOIN (SELECT item_id, source_version, coalesce(document->>'title', document->>'name') AS title
               FROM published_items WHERE operator_id = $1 AND section = $3) d ON d.item_id = s.item_id
    WHERE s.version IS DISTINCT FROM d.source_version
"""


async def read_source(
    tx: Transaction, *, operator_id: UUID, section: Section, now: datetime, after: UUID | None, limit: int
) -> list[SourceItem]:
    """Return up to `limit` items of the CMS in the order of their ids, from the one after `after`."""
    statement = _READ_PRODUCTS if section is Section.PRODUCTS else _READ_MOVIES
    make: Callable[[Record], SourceItem] = (
        _product if section is Section.PRODUCTS else lambda row: _movie(row, operator_id, section)
    )
    return [make(row) for row in await tx.fetch(statement, operator_id, now, after, limit)]


async def count_source(tx: Transaction, *, operator_id: UUID, section: Section, now: datetime) -> int:
    """Return how many items would be published."""
    statement = f"SELECT count(*) FROM ({_versions(section)}) s"  # nosec B608
    count: int = await tx.fetchval(statement, operator_id, now)
    return count


async def count_unplayable(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    """Return how many movies would be published, but have no film to play yet."""
    statement = f"""SELECT count(*) FROM {_MOVIES_FROM}
        WHERE m.operator_id = $1 AND m.archived_at IS NULL AND m.withdrawn_at IS NULL
          AND (m.licence_ends_at IS NULL OR m.licence_ends_at > $2)
          AND m.stream_kind = 'file' AND a.state IS DISTINCT FROM 'ready'"""  # nosec B608
    count: int = await tx.fetchval(statement, operator_id, now)
    return count


async def count_changes(tx: Transaction, *, operator_id: UUID, section: Section, now: datetime) -> int:
    """Return in how many items the CMS differs from what is published."""
    statement = "SELECT count(*)" + _CHANGES.format(source=_versions(section))  # nosec B608
    count: int = await tx.fetchval(statement, operator_id, now, section.value)
    return count


async def changes_since(
    tx: Transaction, *, operator_id: UUID, section: Section, now: datetime, limit: int = MOST_CHANGES_LISTED
) -> list[Change]:
    """Return the items in which the CMS differs from what is published, by title."""
    rows = await tx.fetch(
        """SELECT coalesce(s.item_id, d.item_id) AS item_id, coalesce(s.title, d.title) AS title,
                  CASE WHEN d.item_id IS NULL THEN 'added' WHEN s.item_id IS NULL THEN 'removed'
                       ELSE 'changed' END AS kind"""
        + _CHANGES.format(source=_versions(section))
        + " ORDER BY lower(coalesce(s.title, d.title)), 1 LIMIT $4",
        operator_id, now, section.value, limit,
    )  # fmt: skip
    return [
        Change(kind=ChangeKind(row["kind"]), item_id=row["item_id"], title=row["title"] or "") for row in rows
    ]


def _versions(section: Section) -> str:
    return _PRODUCT_VERSIONS if section is Section.PRODUCTS else _MOVIE_VERSIONS


def _movie(row: Record, operator_id: UUID, section: Section) -> SourceItem:
    source, category = row["poster_key"], section.category
    shown = None if source is None or category is None else f"/{poster_key(operator_id, source, category)}"
    prices = msgspec.json.decode(row["prices"] or "{}", type=dict[str, int])
    offer = None
    if row["rule_id"] is not None:
        offer = OfferDocument(
            rule_id=row["rule_id"],
            rule_name=row["rule_name"],
            unit=WindowUnit(row["unit"]),
            quantity=row["quantity"],
            finish_window_hours=row["finish_window_hours"],
            prices=dict(sorted(prices.items())),
        )
    document = MovieDocument(
        id=row["movie_id"],
        title=row["title"],
        year=row["year"],
        runtime_minutes=row["runtime_minutes"],
        description=row["description"],
        poster=shown,
        payment_method=row["payment_method"],
        packages=list(row["packages"] or []),
        licence_ends_at=row["licence_ends_at"],
        offer=offer,
    )
    return SourceItem(
        item_id=row["movie_id"],
        version=row["version"],
        document=msgspec.json.encode(document),
        poster_key=source,
    )


def _product(row: Record) -> SourceItem:
    pointers = msgspec.json.decode(row["provisions"] or "{}", type=dict[str, ProvisionPointer])
    document = ProductDocument(
        id=row["product_id"],
        name=row["name"],
        payment_type=row["payment_type"],
        currency=row["currency"],
        mapping_id=row["mapping_id"],
        is_trial=row["is_trial"],
        packages=list(row["packages"] or []),
        max_devices=row["max_devices"],
        max_streams=row["max_streams"],
        provisions=dict(sorted(pointers.items())),
    )
    return SourceItem(
        item_id=row["product_id"], version=row["version"], document=msgspec.json.encode(document)
    )
