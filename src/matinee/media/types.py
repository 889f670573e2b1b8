"""Values of the media domain."""

from datetime import datetime
from fractions import Fraction
from typing import Literal
from uuid import UUID

import msgspec

AssetState = Literal["uploaded", "packaging", "ready", "failed"]
HowToWrite = Literal["copy", "encode"]


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded film and how far it is. The keys name objects in storage."""

    operator_id: UUID
    asset_id: UUID
    file_name: str
    state: AssetState
    progress_percent: int
    error: str | None
    source_key: str
    playlist_key: str | None
    duration_seconds: int | None
    created_at: datetime
    updated_at: datetime


class SourceVideo(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of a source file. `width` and `height` are as shown: square pixels, turned upright."""

    codec: str
    profile: str | None
    pixel_format: str
    width: int
    height: int
    frame_rate: Fraction
    bits_per_second: int
    clockwise_turn: Literal[0, 90, 180, 270] = 0
    square_pixels: bool = True
    interlaced: bool = False
    clean_timestamps: bool = True
    longest_keyframe_gap_seconds: float = 0.0


class SourceAudio(msgspec.Struct, frozen=True, kw_only=True):
    """The sound of a source file."""

    codec: str
    profile: str | None
    channels: int
    sample_rate: int
    clean_timestamps: bool = True


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a source file holds. `start_seconds` is the time stamp of its first moment."""

    duration_seconds: float
    start_seconds: float
    video: SourceVideo
    audio: SourceAudio | None


class Rendition(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the film to write. `name` is its folder."""

    name: str
    width: int
    height: int
    video: HowToWrite
    audio: HowToWrite | None
    frame_rate: Fraction
    max_bits_per_second: int


class ContentKey(msgspec.Struct, frozen=True, kw_only=True):
    """An AES-128 key. Never log it."""

    key_id: UUID
    key: bytes

    def __repr__(self) -> str:
        return f"ContentKey({self.key_id})"


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a rendition: a file, and what it takes to decrypt it."""

    file_name: str
    duration_seconds: float
    size_bytes: int
    key_id: UUID
    iv: bytes


class PackagedRendition(msgspec.Struct, frozen=True, kw_only=True):
    """What a master playlist says about one rendition."""

    name: str
    width: int
    height: int
    codecs: str
    frame_rate: float
    peak_bits_per_second: int
    average_bits_per_second: int


class Packaged(msgspec.Struct, frozen=True, kw_only=True):
    """The result of packaging: `playlist` and `files` are relative to the folder that was written."""

    playlist: str
    files: tuple[str, ...]
    duration_seconds: float
    renditions: tuple[PackagedRendition, ...]
    keys: tuple[ContentKey, ...]
