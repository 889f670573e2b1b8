"""The CMS as it would be published now, and how that differs from what is published.

The statements here are the one place that says which items and products are published at all, and by which
text a change is noticed. They read the tables of catalogue and customers as reporting does; nothing is written.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from matinee.kernel.periods import WindowUnit
from matinee.offers.documents import (
    EpisodeDocument,
    ItemDocument,
    LiveEventDocument,
    MovieDocument,
    OfferDocument,
    ProductDocument,
    ProvisionPointer,
    SeasonDocument,
)
from matinee.platform.db import Record, Transaction
from matinee.publishing.rules import poster_key
from matinee.publishing.types import Change, ChangeKind, Section, SourceItem

MOST_CHANGES_LISTED = 200

# What cannot be played is not offered: it must have a stream, or a file that is packaged; a season one such episode.
_IN_TIME = """i.operator_id = $1 AND i.archived_at IS NULL AND i.withdrawn_at IS NULL
    AND (i.licence_ends_at IS NULL OR i.licence_ends_at > $2) AND (l.ends_at IS NULL OR l.ends_at > $2)"""
_ON_OFFER = f"{_IN_TIME} AND (i.stream_kind = 'url' OR a.state = 'ready' OR e.playable IS NOT NULL)"
_ITEMS_FROM = """items i
    LEFT JOIN ppv_rules r ON r.operator_id = i.operator_id AND r.rule_id = i.rule_id
    LEFT JOIN assets a ON a.operator_id = i.operator_id AND a.asset_id = i.asset_id
    LEFT JOIN live_events l ON l.operator_id = i.operator_id AND l.item_id = i.item_id
    LEFT JOIN (SELECT v.season_id, string_agg(v.episode_id::text, ',' ORDER BY v.number) AS playable
               FROM episodes v
               LEFT JOIN assets w ON w.operator_id = v.operator_id AND w.asset_id = v.asset_id
               WHERE v.operator_id = $1 AND v.removed_at IS NULL AND (v.stream_kind = 'url' OR w.state = 'ready')
               GROUP BY v.season_id) e ON i.item_kind = 'season' AND e.season_id = i.item_id"""
# What an item's own version does not count: its rule, the packages it is in, and which episodes can be played.
_ITEM_VERSION = """i.version || '.' || coalesce(r.version, 0) || coalesce('.' || left(md5({packages}), 8), '')
    || coalesce('.' || left(md5(e.playable), 8), '')"""

_READ_ITEMS = f"""
    SELECT i.item_kind, i.item_id, i.title, i.year, i.runtime_minutes, i.description, i.poster_key,
           i.payment_method, i.licence_ends_at, l.starts_at, l.ends_at, s.series_title, s.season_number,
           s.own_title, e.playable,
           r.rule_id, r.name AS rule_name, r.unit, r.quantity, r.finish_window_hours,
           p.packages, q.prices::text AS prices,
           {_ITEM_VERSION.format(packages="array_to_string(p.packages, ',')")} AS version
    FROM {_ITEMS_FROM}
    LEFT JOIN seasons s ON s.operator_id = i.operator_id AND s.item_id = i.item_id
    CROSS JOIN LATERAL (SELECT array_agg(package_id ORDER BY package_id) AS packages FROM package_items
                        WHERE operator_id = i.operator_id AND item_kind = i.item_kind AND item_id = i.item_id) p
    CROSS JOIN LATERAL (SELECT jsonb_object_agg(currency, amount_minor) AS prices FROM item_prices
                        WHERE operator_id = i.operator_id AND item_kind = i.item_kind AND item_id = i.item_id) q
    WHERE {_ON_OFFER} AND ($3::uuid IS NULL OR i.item_id > $3)
    ORDER BY i.item_id LIMIT $4
"""

_EPISODES = """
    SELECT season_id, episode_id, number, title, runtime_minutes FROM episodes
    WHERE operator_id = $1 AND season_id = ANY ($2::uuid[]) AND removed_at IS NULL ORDER BY season_id, number
"""

_ITEM_VERSIONS = f"""
    SELECT i.item_id, i.title, {_ITEM_VERSION.format(packages="p.packages")} AS version
    FROM {_ITEMS_FROM}
    LEFT JOIN (SELECT item_id, string_agg(package_id::text, ',' ORDER BY package_id) AS packages
               FROM package_items WHERE operator_id = $1 GROUP BY item_id) p ON p.item_id = i.item_id
    WHERE {_ON_OFFER}
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
    if section is Section.PRODUCTS:
        return [_product(row) for row in await tx.fetch(_READ_PRODUCTS, operator_id, now, after, limit)]
    rows = await tx.fetch(_READ_ITEMS, operator_id, now, after, limit)
    episodes = await _playable_episodes(tx, operator_id, rows)
    return [_item(row, episodes, operator_id, section) for row in rows]


async def _playable_episodes(
    tx: Transaction, operator_id: UUID, rows: list[Record]
) -> dict[UUID, list[EpisodeDocument]]:
    playable = {row["item_id"]: set(row["playable"].split(",")) for row in rows if row["playable"]}
    if not playable:
        return {}
    found: dict[UUID, list[EpisodeDocument]] = {season_id: [] for season_id in playable}
    for row in await tx.fetch(_EPISODES, operator_id, list(playable)):
        if str(row["episode_id"]) in playable[row["season_id"]]:
            found[row["season_id"]].append(
                EpisodeDocument(
                    id=row["episode_id"],
                    number=row["number"],
                    title=row["title"],
                    runtime_minutes=row["runtime_minutes"],
                )
            )
    return found


async def count_source(tx: Transaction, *, operator_id: UUID, section: Section, now: datetime) -> int:
    """Return how many items would be published."""
    statement = f"SELECT count(*) FROM ({_versions(section)}) s"  # nosec B608
    count: int = await tx.fetchval(statement, operator_id, now)
    return count


async def count_unplayable(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    """Return how many items would be published, but have nothing to play yet."""
    statement = f"""SELECT count(*) FROM {_ITEMS_FROM}
        WHERE {_IN_TIME} AND i.stream_kind IS DISTINCT FROM 'url' AND a.state IS DISTINCT FROM 'ready'
          AND e.playable IS NULL"""  # nosec B608
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
    return _PRODUCT_VERSIONS if section is Section.PRODUCTS else _ITEM_VERSIONS


def _item(
    row: Record, episodes: dict[UUID, list[EpisodeDocument]], operator_id: UUID, section: Section
) -> SourceItem:
    source, category = row["poster_key"], section.category
    shown = None if source is None or category is None else f"/{poster_key(operator_id, source, category)}"
    common: dict[str, Any] = {
        "id": row["item_id"],
        "title": row["title"],
        "runtime_minutes": row["runtime_minutes"],
        "description": row["description"],
        "poster": shown,
        "payment_method": row["payment_method"],
        "packages": list(row["packages"] or []),
        "licence_ends_at": row["licence_ends_at"],
        "offer": _offer(row),
    }
    document: ItemDocument
    match row["item_kind"]:
        case "live_event":
            document = LiveEventDocument(starts_at=row["starts_at"], ends_at=row["ends_at"], **common)
        case "season":
            document = SeasonDocument(
                series_title=row["series_title"],
                season_number=row["season_number"],
                own_title=row["own_title"],
                year=row["year"],
                episodes=episodes.get(row["item_id"], []),
                **common,
            )
        case "movie":
            document = MovieDocument(year=row["year"], **common)
        case unknown:
            raise LookupError(f"apps are not told of items of the kind {unknown}")
    return SourceItem(
        item_id=row["item_id"],
        version=row["version"],
        document=msgspec.json.encode(document),
        poster_key=source,
    )


def _offer(row: Record) -> OfferDocument | None:
    if row["rule_id"] is None:
        return None
    prices = msgspec.json.decode(row["prices"] or "{}", type=dict[str, int])
    return OfferDocument(
        rule_id=row["rule_id"],
        rule_name=row["rule_name"],
        unit=WindowUnit(row["unit"]),
        quantity=row["quantity"],
        finish_window_hours=row["finish_window_hours"],
        prices=dict(sorted(prices.items())),
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
