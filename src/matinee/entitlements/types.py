"""Entitlements and playback sessions."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Entitlement(msgspec.Struct, frozen=True, kw_only=True):
    """The right to play one item. Windows are those the purchase was sold with.

    `finish_window_hours` None: whoever starts inside the start window may finish.
    `purchase_id` None: a grant by staff, and then the last four say how it came about. A grant for an unclear
    purchase gets the `purchase_id` too once that was paid. `item_ends_at`: when the live event is over, as the CMS
    has it now; nothing of it plays after that. None for everything else.
    """

    operator_id: UUID
    customer_id: UUID
    entitlement_id: UUID
    item_kind: str
    item_id: UUID
    purchase_id: UUID | None
    granted_at: datetime
    startable_until: datetime
    finish_window_hours: int | None
    runtime_minutes: int
    first_played_at: datetime | None
    last_started_at: datetime | None
    revoked_at: datetime | None
    item_ends_at: datetime | None = None
    rule_name: str = ""
    for_purchase_id: UUID | None = None
    granted_by: str = ""
    grant_reason: str = ""


class GrantTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a free grant allows. `for_purchase_id`: the unclear purchase that it helps over."""

    item_kind: str
    item_id: UUID
    runtime_minutes: int
    rule_name: str
    startable_until: datetime
    finish_window_hours: int | None
    licence_ends_at: datetime | None
    for_purchase_id: UUID | None = None


class RightVia(StrEnum):
    """Where a right comes from."""

    PURCHASE = "purchase"
    SUBSCRIPTION = "subscription"
    GRANT = "grant"


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """What one customer may do with one item at one moment.

    `play_until`: when the right ends as it stands now; None for a subscription.
    `entitlement` None: a subscription.
    """

    via: RightVia
    play_until: datetime | None
    entitlement: Entitlement | None

    @property
    def starts_finish_clock(self) -> bool:
        """Whether the first play sets a finish window running, which the subscriber is told before."""
        entitlement = self.entitlement
        return (
            entitlement is not None
            and entitlement.finish_window_hours is not None
            and entitlement.first_played_at is None
        )


class PlaybackSession(msgspec.Struct, frozen=True, kw_only=True):
    """One showing on one device. It is alive until `lease_until`, which each heartbeat moves on.

    `episode_id`: which episode of a season; None for everything else.
    """

    operator_id: UUID
    customer_id: UUID
    session_id: UUID
    entitlement_id: UUID | None
    item_kind: str
    item_id: UUID
    episode_id: UUID | None
    device_id: UUID
    started_at: datetime
    lease_until: datetime
    ended_at: datetime | None
    position_seconds: int
