"""What selling and playing need of the live catalogue: taking a movie away acts at once, without a Cloud Sync."""

from datetime import datetime
from uuid import UUID

import msgspec

from matinee.platform.db import Transaction


class LiveMovie(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a movie now. `packages`: the packages that its subscribers need one of."""

    movie_id: UUID
    title: str
    payment_method: str
    withdrawn_at: datetime | None
    archived_at: datetime | None
    licence_ends_at: datetime | None
    stream_kind: str
    stream_url: str | None
    asset_id: UUID | None
    packages: list[UUID]

    def on_offer(self, *, now: datetime) -> bool:
        """Say whether it may be sold or newly started by subscription at `now`."""
        licensed = self.licence_ends_at is None or now < self.licence_ends_at
        return self.withdrawn_at is None and self.archived_at is None and licensed


async def live_movie(tx: Transaction, *, operator_id: UUID, movie_id: UUID) -> LiveMovie | None:
    """Return a movie as it stands in the CMS, or None."""
    row = await tx.fetchrow(
        """SELECT movie_id, title, payment_method, withdrawn_at, archived_at, licence_ends_at, stream_kind,
                  stream_url, asset_id,
                  ARRAY(SELECT p.package_id FROM package_movies p
                        WHERE p.operator_id = m.operator_id AND p.movie_id = m.movie_id) AS packages
           FROM movies m WHERE operator_id = $1 AND movie_id = $2""",
        operator_id, movie_id,
    )  # fmt: skip
    return None if row is None else LiveMovie(**row)
