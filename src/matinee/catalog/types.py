"""Words of the catalogue."""

from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from matinee.kernel.money import Money


class ItemKind(StrEnum):
    """What an item is. A price, a rule and a package do not care; what is played does."""

    MOVIE = "movie"
    LIVE_EVENT = "live_event"
    SEASON = "season"


class PaymentMethod(StrEnum):
    """How an item is paid for: exactly one."""

    SUBSCRIPTION = "subscription"
    PPV = "ppv"


class StreamKind(StrEnum):
    """Where the picture comes from: an address elsewhere, or a film uploaded here."""

    URL = "url"
    FILE = "file"


class ItemDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What staff say of an item of any kind.

    `poster_key` points to what was uploaded. PPV has `rule_id` and `prices` (one a currency), a subscription
    has neither but the item may be in packages.
    """

    description: str = ""
    poster_key: str | None = None
    payment_method: PaymentMethod
    rule_id: UUID | None = None
    prices: tuple[Money, ...] = ()
    package_ids: frozenset[UUID] = frozenset()
    licence_ends_at: datetime | None = None


class MovieDraft(ItemDraft, frozen=True, kw_only=True):
    """A movie. `asset_id` points to an uploaded film; a movie of kind `file` may wait for it."""

    title: str
    year: int | None = None
    runtime_minutes: int | None = None
    stream_kind: StreamKind = StreamKind.FILE
    stream_url: str | None = None
    asset_id: UUID | None = None


class LiveEventDraft(ItemDraft, frozen=True, kw_only=True):
    """A live event, from `starts_at` to `ends_at`. With an `asset_id` a film plays as if it were live."""

    title: str
    starts_at: datetime
    ends_at: datetime
    stream_kind: StreamKind = StreamKind.URL
    stream_url: str | None = None
    asset_id: UUID | None = None


class SeasonDraft(ItemDraft, frozen=True, kw_only=True):
    """A season of a series. `own_title` is the title that only this season has, if any."""

    series_title: str
    season_number: int
    own_title: str = ""
    year: int | None = None


AnyDraft = MovieDraft | LiveEventDraft | SeasonDraft
DraftT = TypeVar("DraftT", bound=ItemDraft, covariant=True)


class Item(msgspec.Struct, Generic[DraftT], frozen=True, kw_only=True):
    """An item as it stands. `title` is what viewers read; `version` rises with every edit."""

    item_id: UUID
    kind: ItemKind
    title: str
    draft: DraftT
    version: int
    withdrawn_at: datetime | None
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


Movie = Item[MovieDraft]
LiveEvent = Item[LiveEventDraft]
Season = Item[SeasonDraft]


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list. `prices` are ordered by currency; `packages` are names.

    `stream_kind` is None for a season, `starts_at` and `ends_at` are a live event's, `episode_count` a season's.
    """

    item_id: UUID
    title: str
    year: int | None
    poster_key: str | None
    payment_method: PaymentMethod
    rule_id: UUID | None
    prices: tuple[Money, ...]
    packages: tuple[str, ...]
    stream_kind: StreamKind | None
    asset_id: UUID | None
    starts_at: datetime | None
    ends_at: datetime | None
    episode_count: int
    withdrawn_at: datetime | None
    licence_ends_at: datetime | None
    archived_at: datetime | None
    updated_at: datetime


class EpisodeDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What staff say of an episode. One of kind `file` may wait for its film."""

    title: str
    runtime_minutes: int
    stream_kind: StreamKind = StreamKind.FILE
    stream_url: str | None = None
    asset_id: UUID | None = None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """An episode of a season; `number` counts from 1 without a gap."""

    episode_id: UUID
    number: int
    draft: EpisodeDraft


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A set of what subscriptions cover; products contain packages."""

    package_id: UUID
    name: str


class PackageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list. `item_count` leaves out what is archived."""

    package_id: UUID
    name: str
    item_count: int
    created_at: datetime
