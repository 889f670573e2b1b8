"""What selling and playing need of the live catalogue: taking something away acts at once, without a Cloud Sync."""

from datetime import datetime
from uuid import UUID

import msgspec

from matinee.platform.db import Transaction


class LiveItem(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an item now. `packages`: the packages that its subscribers need one of.

    `starts_at` and `ends_at` are a live event's. The stream is that of the episode that was asked for, and a
    season without a named episode has none.
    """

    item_id: UUID
    title: str
    payment_method: str
    withdrawn_at: datetime | None
    archived_at: datetime | None
    licence_ends_at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    stream_kind: str | None
    stream_url: str | None
    asset_id: UUID | None
    episode_id: UUID | None
    packages: list[UUID]

    def on_offer(self, *, now: datetime) -> bool:
        """Say whether it may be sold or newly started by subscription at `now`."""
        licensed = self.licence_ends_at is None or now < self.licence_ends_at
        lasting = self.ends_at is None or now < self.ends_at
        return self.withdrawn_at is None and self.archived_at is None and licensed and lasting


async def live_item(
    tx: Transaction, *, operator_id: UUID, item_kind: str, item_id: UUID, episode_id: UUID | None = None
) -> LiveItem | None:
    """Return an item as it stands in the CMS, or None; `episode_id` of an unknown episode counts as none."""
    row = await tx.fetchrow(
        """SELECT i.item_id, i.title, i.payment_method, i.withdrawn_at, i.archived_at, i.licence_ends_at,
                  l.starts_at, l.ends_at, coalesce(e.stream_kind, i.stream_kind) AS stream_kind,
                  coalesce(e.stream_url, i.stream_url) AS stream_url, coalesce(e.asset_id, i.asset_id) AS asset_id,
                  e.episode_id,
                  ARRAY(SELECT p.package_id FROM package_items p
                        WHERE p.operator_id = i.operator_id AND p.item_kind = i.item_kind AND p.item_id = i.item_id
                       ) AS packages
           FROM items i
           LEFT JOIN live_events l ON l.operator_id = i.operator_id AND l.item_id = i.item_id
           LEFT JOIN episodes e ON e.operator_id = i.operator_id AND e.season_id = i.item_id
                               AND e.episode_id = $4 AND e.removed_at IS NULL
           WHERE i.operator_id = $1 AND i.item_kind = $2 AND i.item_id = $3""",
        operator_id, item_kind, item_id, episode_id,
    )  # fmt: skip
    return None if row is None else LiveItem(**row)
