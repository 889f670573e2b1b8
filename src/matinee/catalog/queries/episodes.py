"""Reading the episodes of a season."""

from typing import Any
from uuid import UUID

from matinee.catalog.types import Episode, EpisodeDraft, StreamKind
from matinee.kernel.errors import NotFound
from matinee.platform.db import Transaction

_SELECT = """
    SELECT episode_id, number, title, runtime_minutes, stream_kind, stream_url, asset_id FROM episodes
    WHERE operator_id = $1 AND season_id = $2 AND removed_at IS NULL
"""


async def list_episodes(tx: Transaction, *, operator_id: UUID, season_id: UUID) -> list[Episode]:
    """Return the episodes of a season by number; none of an unknown season."""
    return [_episode(row) for row in await tx.fetch(_SELECT + " ORDER BY number", operator_id, season_id)]


async def get_episode(tx: Transaction, *, operator_id: UUID, season_id: UUID, episode_id: UUID) -> Episode:
    """Return one episode of a season that was not removed. Raises NotFound."""
    row = await tx.fetchrow(_SELECT + " AND episode_id = $3", operator_id, season_id, episode_id)
    if row is None:
        raise NotFound("There is no such episode.")
    return _episode(row)


def _episode(row: Any) -> Episode:
    return Episode(
        episode_id=row["episode_id"],
        number=row["number"],
        draft=EpisodeDraft(
            title=row["title"],
            runtime_minutes=row["runtime_minutes"],
            stream_kind=StreamKind(row["stream_kind"]),
            stream_url=row["stream_url"],
            asset_id=row["asset_id"],
        ),
    )
