"""The published documents: what Cloud Sync writes, what the apps read, and what a quote is made from."""

from datetime import datetime
from uuid import UUID

import msgspec

from matinee.kernel.periods import WindowUnit


class OfferDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How an item is sold by PPV. `prices`: minor units by currency."""

    rule_id: UUID
    rule_name: str
    unit: WindowUnit
    quantity: int
    finish_window_hours: int | None
    prices: dict[str, int]


class MovieDocument(msgspec.Struct, frozen=True, kw_only=True, tag="movie", tag_field="kind"):
    """A movie as the apps see it. `poster` is a path on this server or None; `offer` None: by subscription.

    Stream addresses are never in it.
    """

    id: UUID
    title: str
    year: int | None
    runtime_minutes: int | None
    description: str
    poster: str | None
    payment_method: str
    packages: list[UUID]
    licence_ends_at: datetime | None
    offer: OfferDocument | None


class LiveEventDocument(msgspec.Struct, frozen=True, kw_only=True, tag="live_event", tag_field="kind"):
    """A live event as the apps see it. It is sold until it ends, and nothing of it plays after that."""

    id: UUID
    title: str
    starts_at: datetime
    ends_at: datetime
    runtime_minutes: int
    description: str
    poster: str | None
    payment_method: str
    packages: list[UUID]
    licence_ends_at: datetime | None
    offer: OfferDocument | None


class EpisodeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An episode that can be played."""

    id: UUID
    number: int
    title: str
    runtime_minutes: int


class SeasonDocument(msgspec.Struct, frozen=True, kw_only=True, tag="season", tag_field="kind"):
    """A season as the apps see it. `title` names the series too; `runtime_minutes` is that of its longest episode."""

    id: UUID
    title: str
    series_title: str
    season_number: int
    own_title: str
    year: int | None
    runtime_minutes: int | None
    description: str
    poster: str | None
    payment_method: str
    packages: list[UUID]
    licence_ends_at: datetime | None
    offer: OfferDocument | None
    episodes: list[EpisodeDocument]


ItemDocument = MovieDocument | LiveEventDocument | SeasonDocument


def sold_until(document: ItemDocument) -> datetime | None:
    """Return when an item is sold no more and cannot be started any more: its licence, or the live event, ends."""
    if isinstance(document, LiveEventDocument):
        return min(filter(None, (document.licence_ends_at, document.ends_at)))
    return document.licence_ends_at


class ProvisionPointer(msgspec.Struct, frozen=True, kw_only=True):
    """Which version of which provision charges; never its address or secrets."""

    provision_id: UUID
    version: int


class ProductDocument(msgspec.Struct, frozen=True, kw_only=True, tag="product", tag_field="kind"):
    """A product as it is sold. `provisions` maps an API type to the provision that charges it."""

    id: UUID
    name: str
    payment_type: str
    currency: str
    mapping_id: str
    is_trial: bool
    packages: list[UUID]
    max_devices: int
    max_streams: int
    provisions: dict[str, ProvisionPointer]


def movies_section(device_category: str) -> str:
    """Return the section in which movies, live events and seasons are published for `tv` or `handheld`."""
    return f"movies_{device_category}"
