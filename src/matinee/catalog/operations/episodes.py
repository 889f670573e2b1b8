"""Adding, changing, moving and removing the episodes of a season.

Each of them is a change of the season: its version rises, and its runtime is that of its longest episode.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from matinee.catalog.operations.refusals import refusals_in_words
from matinee.catalog.queries import get_episode, list_episodes, lock_item
from matinee.catalog.rules import MOST_EPISODES, check_episode
from matinee.catalog.types import Episode, EpisodeDraft, ItemKind
from matinee.kernel.errors import Refused
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction


async def add_episode(
    tx: Transaction, *, operator_id: UUID, season_id: UUID, draft: EpisodeDraft, actor: Actor, now: datetime
) -> Episode:
    """Add an episode after the last one. Raises Invalid, NotFound, Refused (`too_many_episodes`)."""
    check_episode(draft)
    before = await _locked(tx, operator_id, season_id)
    if len(before) >= MOST_EPISODES:
        raise Refused(f"A season has at most {MOST_EPISODES} episodes.", code="too_many_episodes")
    episode = Episode(episode_id=new_id(), number=len(before) + 1, draft=draft)
    with refusals_in_words():
        await tx.execute(
            """INSERT INTO episodes (operator_id, season_id, episode_id, number, title, runtime_minutes, stream_kind,
                                     stream_url, asset_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            operator_id, season_id, episode.episode_id, episode.number, *_values(draft),
        )  # fmt: skip
    details = {"number": episode.number, "title": draft.title.strip()}
    await _changed(tx, operator_id, season_id, actor, "season.episode_added", now, details)
    return await get_episode(tx, operator_id=operator_id, season_id=season_id, episode_id=episode.episode_id)


async def update_episode(
    tx: Transaction,
    *,
    operator_id: UUID,
    season_id: UUID,
    episode_id: UUID,
    draft: EpisodeDraft,
    actor: Actor,
    now: datetime,
) -> Episode:
    """Change an episode; saying the same again changes nothing. Raises Invalid, NotFound."""
    check_episode(draft)
    await _locked(tx, operator_id, season_id)
    before = await get_episode(tx, operator_id=operator_id, season_id=season_id, episode_id=episode_id)
    old, new = _facts(before.draft), _facts(draft)
    changes = {name: {"from": old[name], "to": new[name]} for name in new if old[name] != new[name]}
    if not changes:
        return before
    with refusals_in_words():
        await tx.execute(
            """UPDATE episodes SET title = $4, runtime_minutes = $5, stream_kind = $6, stream_url = $7, asset_id = $8
               WHERE operator_id = $1 AND season_id = $2 AND episode_id = $3""",
            operator_id, season_id, episode_id, *_values(draft),
        )  # fmt: skip
    details = {"number": before.number} | changes
    await _changed(tx, operator_id, season_id, actor, "season.episode_changed", now, details)
    return await get_episode(tx, operator_id=operator_id, season_id=season_id, episode_id=episode_id)


async def move_episode(
    tx: Transaction,
    *,
    operator_id: UUID,
    season_id: UUID,
    episode_id: UUID,
    to_number: int,
    actor: Actor,
    now: datetime,
) -> None:
    """Give an episode the place `to_number`, the nearest there is; the others close up. Raises NotFound."""
    before = await _locked(tx, operator_id, season_id)
    moved = await get_episode(tx, operator_id=operator_id, season_id=season_id, episode_id=episode_id)
    order = [each.episode_id for each in before if each.episode_id != episode_id]
    order.insert(max(0, min(to_number - 1, len(order))), episode_id)
    if order == [each.episode_id for each in before]:
        return
    await _number(tx, operator_id, season_id, order)
    details = {
        "title": moved.draft.title,
        "number": {"from": moved.number, "to": order.index(episode_id) + 1},
    }
    await _changed(tx, operator_id, season_id, actor, "season.episode_moved", now, details)


async def remove_episode(
    tx: Transaction, *, operator_id: UUID, season_id: UUID, episode_id: UUID, actor: Actor, now: datetime
) -> Episode:
    """Take an episode out of its season; the later ones close up. Raises NotFound."""
    before = await _locked(tx, operator_id, season_id)
    episode = await get_episode(tx, operator_id=operator_id, season_id=season_id, episode_id=episode_id)
    await tx.execute(
        "UPDATE episodes SET removed_at = $4 WHERE operator_id = $1 AND season_id = $2 AND episode_id = $3",
        operator_id, season_id, episode_id, now,
    )  # fmt: skip
    rest = [each.episode_id for each in before if each.episode_id != episode_id]
    await _number(tx, operator_id, season_id, rest)
    details = {"number": episode.number, "title": episode.draft.title}
    await _changed(tx, operator_id, season_id, actor, "season.episode_removed", now, details)
    return episode


async def _locked(tx: Transaction, operator_id: UUID, season_id: UUID) -> list[Episode]:
    """Return the episodes of a season that nobody else changes until the transaction ends. Raises NotFound."""
    await lock_item(tx, operator_id=operator_id, kind=ItemKind.SEASON, item_id=season_id)
    return await list_episodes(tx, operator_id=operator_id, season_id=season_id)


async def _number(tx: Transaction, operator_id: UUID, season_id: UUID, order: list[UUID]) -> None:
    await tx.executemany(
        "UPDATE episodes SET number = $4 WHERE operator_id = $1 AND season_id = $2 AND episode_id = $3",
        [(operator_id, season_id, episode_id, place) for place, episode_id in enumerate(order, start=1)],
    )


async def _changed(
    tx: Transaction,
    operator_id: UUID,
    season_id: UUID,
    actor: Actor,
    action: str,
    now: datetime,
    details: dict[str, Any],
) -> None:
    await tx.execute(
        """UPDATE items SET version = version + 1, updated_at = $3,
               runtime_minutes = (SELECT max(e.runtime_minutes) FROM episodes e
                   WHERE e.operator_id = $1 AND e.season_id = $2 AND e.removed_at IS NULL)
           WHERE operator_id = $1 AND item_kind = 'season' AND item_id = $2""",
        operator_id, season_id, now,
    )  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=action, subject_kind="season", subject_id=season_id,
        now=now, details=details,
    )  # fmt: skip


def _values(draft: EpisodeDraft) -> tuple[object, ...]:
    return (
        draft.title.strip(), draft.runtime_minutes, draft.stream_kind.value, draft.stream_url, draft.asset_id,
    )  # fmt: skip


def _facts(draft: EpisodeDraft) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(draft)
    return facts | {"title": draft.title.strip()}
