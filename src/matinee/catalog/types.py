"""Words of the catalogue."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from matinee.kernel.money import Money


class PaymentMethod(StrEnum):
    """How a movie is paid for: exactly one."""

    SUBSCRIPTION = "subscription"
    PPV = "ppv"


class StreamKind(StrEnum):
    """Where the picture comes from: an address elsewhere, or a film uploaded here."""

    URL = "url"
    FILE = "file"


class MovieDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What staff say of a movie.

    `poster_key` and `asset_id` point to what was uploaded; a movie of kind `file` may wait for its film.
    PPV has `rule_id` and `prices` (one a currency), a subscription movie has neither but may be in packages.
    """

    title: str
    year: int | None = None
    runtime_minutes: int | None = None
    description: str = ""
    poster_key: str | None = None
    stream_kind: StreamKind = StreamKind.FILE
    stream_url: str | None = None
    asset_id: UUID | None = None
    payment_method: PaymentMethod
    rule_id: UUID | None = None
    prices: tuple[Money, ...] = ()
    package_ids: frozenset[UUID] = frozenset()
    licence_ends_at: datetime | None = None


class Movie(msgspec.Struct, frozen=True, kw_only=True):
    """A movie as it stands. `version` rises with every edit."""

    movie_id: UUID
    draft: MovieDraft
    version: int
    withdrawn_at: datetime | None
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


class MovieRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list. `prices` are ordered by currency; `packages` are names."""

    movie_id: UUID
    title: str
    year: int | None
    poster_key: str | None
    payment_method: PaymentMethod
    rule_id: UUID | None
    prices: tuple[Money, ...]
    packages: tuple[str, ...]
    stream_kind: StreamKind
    asset_id: UUID | None
    withdrawn_at: datetime | None
    licence_ends_at: datetime | None
    archived_at: datetime | None
    updated_at: datetime


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A set of subscription movies; products contain packages."""

    package_id: UUID
    name: str


class PackageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list. `movie_count` leaves out archived movies."""

    package_id: UUID
    name: str
    movie_count: int
    created_at: datetime
