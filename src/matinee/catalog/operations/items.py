"""Adding and changing items: movies, live events, seasons."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from matinee.catalog.operations.refusals import refusals_in_words
from matinee.catalog.queries import get_item, lock_item
from matinee.catalog.rules import check_item, event_runtime_minutes, kind_of, noun_of, shown_title
from matinee.catalog.types import (
    AnyDraft,
    Item,
    ItemDraft,
    ItemKind,
    LiveEventDraft,
    MovieDraft,
    SeasonDraft,
)
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction

DraftT = TypeVar("DraftT", MovieDraft, LiveEventDraft, SeasonDraft)


async def create_item(
    tx: Transaction, *, operator_id: UUID, draft: DraftT, actor: Actor, now: datetime
) -> Item[DraftT]:
    """Add an item of the draft's kind. Viewers see it after the next Cloud Sync. Raises Invalid."""
    item = await _insert(tx, operator_id, draft, now)
    await _record(tx, operator_id, item, actor, "created", now, {"title": item.title})
    return item


async def duplicate_item(
    tx: Transaction, *, operator_id: UUID, item_id: UUID, draft: DraftT, actor: Actor, now: datetime
) -> Item[DraftT]:
    """Sell `item_id`, of the draft's kind, the other way too: a second entry that shares poster and stream.

    A season's episodes are copied and share their films. `draft` says the rest; its payment method must be the
    other one. Raises Invalid, NotFound.
    """
    kind = kind_of(draft)
    source = await get_item(tx, operator_id=operator_id, kind=kind, item_id=item_id)
    if draft.payment_method is source.draft.payment_method:
        raise Invalid({"payment_method": f"“{source.title}” is sold this way already. Choose the other one."})
    shared = {"poster_key": draft.poster_key or source.draft.poster_key}
    if not isinstance(draft, SeasonDraft):
        shared |= {name: getattr(source.draft, name) for name in ("stream_kind", "stream_url", "asset_id")}
    item = await _insert(tx, operator_id, msgspec.structs.replace(draft, **shared), now)
    if kind is ItemKind.SEASON:
        item = await _copy_episodes(tx, operator_id, item_id, item)
    details = {"title": item.title, f"from_{kind.value}": str(item_id)}
    await _record(tx, operator_id, item, actor, "duplicated", now, details)
    return item


async def update_item(
    tx: Transaction,
    *,
    operator_id: UUID,
    item_id: UUID,
    version: int,
    draft: DraftT,
    actor: Actor,
    now: datetime,
) -> Item[DraftT]:
    """Change an item that stands at `version`; saying the same again changes nothing.

    Raises Invalid, NotFound, and Conflict (`edited_meanwhile`) when somebody else saved meanwhile.
    """
    check_item(draft)
    kind = kind_of(draft)
    before = await lock_item(tx, operator_id=operator_id, kind=kind, item_id=item_id)
    if before.version != version:
        raise Conflict(
            f"Somebody else saved this {noun_of(kind)} while you were editing. "
            "What you typed is still here; what they saved stands beside it. Saving again keeps yours.",
            code="edited_meanwhile",
        )
    changes = _changes(before.draft, draft)
    if not changes:
        return before
    with refusals_in_words():
        # A season's runtime follows from its episodes, which are not part of the draft.
        await tx.execute(
            """UPDATE items SET title = $4, year = $5, runtime_minutes = coalesce($6, CASE
                       WHEN item_kind = 'season' THEN runtime_minutes END), description = $7,
                   poster_key = $8, stream_kind = $9, stream_url = $10, asset_id = $11, payment_method = $12,
                   rule_id = $13, licence_ends_at = $14, version = version + 1, updated_at = $15
               WHERE operator_id = $1 AND item_kind = $2 AND item_id = $3""",
            operator_id, kind.value, item_id, *_values(draft), now,
        )  # fmt: skip
        await _write_parts(tx, operator_id, kind, item_id, draft)
    item = await get_item(tx, operator_id=operator_id, kind=kind, item_id=item_id)
    await _record(tx, operator_id, item, actor, "updated", now, changes)
    return item


async def _insert(tx: Transaction, operator_id: UUID, draft: AnyDraft, now: datetime) -> Item[Any]:
    check_item(draft)
    kind, item_id = kind_of(draft), new_id()
    with refusals_in_words():
        await tx.execute(
            """INSERT INTO items (operator_id, item_kind, item_id, title, year, runtime_minutes, description,
                   poster_key, stream_kind, stream_url, asset_id, payment_method, rule_id, licence_ends_at,
                   created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)""",
            operator_id, kind.value, item_id, *_values(draft), now,
        )  # fmt: skip
        await _write_parts(tx, operator_id, kind, item_id, draft)
    return await get_item(tx, operator_id=operator_id, kind=kind, item_id=item_id)


def _values(draft: AnyDraft) -> tuple[object, ...]:
    """Return what an item's row says, from its title on."""
    year, runtime = None, None
    stream_kind, stream_url, asset_id = None, None, None
    if not isinstance(draft, SeasonDraft):
        stream_kind, stream_url, asset_id = draft.stream_kind.value, draft.stream_url, draft.asset_id
    if not isinstance(draft, LiveEventDraft):
        year = draft.year
    if isinstance(draft, MovieDraft):
        runtime = draft.runtime_minutes
    elif isinstance(draft, LiveEventDraft):
        runtime = event_runtime_minutes(draft.starts_at, draft.ends_at)
    return (
        shown_title(draft), year, runtime, draft.description.strip(), draft.poster_key, stream_kind, stream_url,
        asset_id, draft.payment_method.value, draft.rule_id, draft.licence_ends_at,
    )  # fmt: skip


async def _write_parts(
    tx: Transaction, operator_id: UUID, kind: ItemKind, item_id: UUID, draft: AnyDraft
) -> None:
    """Write what only this kind has, prices and packages, and let the database judge the whole now."""
    if isinstance(draft, LiveEventDraft):
        await tx.execute(
            """INSERT INTO live_events (operator_id, item_id, starts_at, ends_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (operator_id, item_id)
               DO UPDATE SET starts_at = excluded.starts_at, ends_at = excluded.ends_at""",
            operator_id, item_id, draft.starts_at, draft.ends_at,
        )  # fmt: skip
    elif isinstance(draft, SeasonDraft):
        await tx.execute(
            """INSERT INTO seasons (operator_id, item_id, series_title, season_number, own_title)
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (operator_id, item_id) DO UPDATE SET
                   series_title = excluded.series_title, season_number = excluded.season_number,
                   own_title = excluded.own_title""",
            operator_id, item_id, draft.series_title.strip(), draft.season_number, draft.own_title.strip(),
        )  # fmt: skip
    await _write_prices(tx, operator_id, kind, item_id, draft)
    await _write_packages(tx, operator_id, kind, item_id, draft)
    # Rather than at the commit; whatever else this transaction does is judged as before.
    await tx.execute("SET CONSTRAINTS ALL IMMEDIATE")
    await tx.execute("SET CONSTRAINTS ALL DEFERRED")


async def _write_prices(
    tx: Transaction, operator_id: UUID, kind: ItemKind, item_id: UUID, draft: ItemDraft
) -> None:
    await tx.execute(
        "DELETE FROM item_prices WHERE operator_id = $1 AND item_kind = $2 AND item_id = $3",
        operator_id, kind.value, item_id,
    )  # fmt: skip
    await tx.executemany(
        """INSERT INTO item_prices (operator_id, item_kind, item_id, currency, amount_minor)
           VALUES ($1, $2, $3, $4, $5)""",
        [(operator_id, kind.value, item_id, price.currency, price.minor) for price in draft.prices],
    )


async def _write_packages(
    tx: Transaction, operator_id: UUID, kind: ItemKind, item_id: UUID, draft: ItemDraft
) -> None:
    await tx.execute(
        """DELETE FROM package_items
           WHERE operator_id = $1 AND item_kind = $2 AND item_id = $3 AND package_id <> ALL($4::uuid[])""",
        operator_id, kind.value, item_id, list(draft.package_ids),
    )  # fmt: skip
    await tx.executemany(
        """INSERT INTO package_items (operator_id, package_id, item_kind, item_id) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING""",
        [(operator_id, package_id, kind.value, item_id) for package_id in sorted(draft.package_ids)],
    )


async def _copy_episodes(tx: Transaction, operator_id: UUID, source_id: UUID, season: Item[Any]) -> Item[Any]:
    numbers = await tx.fetch(
        "SELECT number FROM episodes WHERE operator_id = $1 AND season_id = $2 AND removed_at IS NULL",
        operator_id, source_id,
    )  # fmt: skip
    await tx.executemany(
        """INSERT INTO episodes (operator_id, season_id, episode_id, number, title, runtime_minutes, stream_kind,
                                 stream_url, asset_id)
           SELECT operator_id, $3, $4, number, title, runtime_minutes, stream_kind, stream_url, asset_id
           FROM episodes WHERE operator_id = $1 AND season_id = $2 AND number = $5 AND removed_at IS NULL""",
        [(operator_id, source_id, season.item_id, new_id(), row["number"]) for row in numbers],
    )
    await tx.execute(
        """UPDATE items i SET runtime_minutes = s.runtime_minutes FROM items s
           WHERE i.operator_id = $1 AND i.item_kind = 'season' AND i.item_id = $2
             AND s.operator_id = $1 AND s.item_kind = 'season' AND s.item_id = $3""",
        operator_id, season.item_id, source_id,
    )  # fmt: skip
    return await get_item(tx, operator_id=operator_id, kind=season.kind, item_id=season.item_id)


def _facts(draft: AnyDraft) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(draft)
    facts |= {name: value.strip() for name, value in facts.items() if isinstance(value, str)}
    facts["prices"] = {price.currency: price.minor for price in draft.prices}
    facts["package_ids"] = sorted(str(package_id) for package_id in draft.package_ids)
    return facts


def _changes(before: AnyDraft, after: AnyDraft) -> dict[str, Any]:
    old, new = _facts(before), _facts(after)
    return {name: {"from": old[name], "to": new[name]} for name in new if old[name] != new[name]}


async def _record(
    tx: Transaction,
    operator_id: UUID,
    item: Item[Any],
    actor: Actor,
    what: str,
    now: datetime,
    details: dict[str, Any],
) -> None:
    kind = item.kind.value
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=f"{kind}.{what}", subject_kind=kind,
        subject_id=item.item_id, now=now, details=details,
    )  # fmt: skip
