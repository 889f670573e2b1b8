"""Package a video file into HLS with AES-128: the whole of it, without database or network.

Segments are MPEG-TS, each encrypted by us (AES-128-CBC, PKCS #7) with an IV of its own; the muxer's own
encryption would use one key and one IV throughout. This module blocks for as long as the film needs:
call it through `matinee.media.packaging_process`, which gives it a process of its own.
"""

import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import av
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from matinee.kernel.ids import new_id
from matinee.media.playlists import check_key_url, clear_segments, master_playlist, media_playlist
from matinee.media.probing import probe, unreadable
from matinee.media.rules import key_number, plan_renditions
from matinee.media.transcoding import CLEAR_PLAYLIST, write_clear_segments
from matinee.media.types import ContentKey, Packaged, PackagedRendition, Rendition, Segment

MASTER_PLAYLIST: Final = "master.m3u8"
MEDIA_PLAYLIST: Final = "index.m3u8"
_KEY_BYTES: Final = 16
_PROBED_PERCENT: Final = 3
_WRITTEN_PERCENT: Final = 92
# A sequence parameter set: its first three bytes are profile, constraints and level.
_PARAMETER_SET: Final = re.compile(rb"\x00\x00\x01[\x27\x47\x67](.{3})", re.DOTALL)
_FALLBACK_H264: Final = "64001f"


def package_video(
    source: Path, into: Path, *, key_url: str, on_progress: Callable[[int], None] = lambda _: None
) -> Packaged:
    """Write `source` as encrypted HLS into the new folder `into`, which appears only when it is complete.

    `key_url` is the address of a key with `{key_id}` in it. `on_progress` hears percents, rising from
    0 to 100. The keys come back in the result and nowhere else. Raises Invalid (field `file`) when the
    source cannot be used, FileExistsError when `into` exists.
    """
    check_key_url(key_url)
    if into.exists():
        raise FileExistsError(into)
    unfinished = into.with_name(into.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        packaged = _package(source, unfinished, key_url, _rising(on_progress))
        unfinished.rename(into)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return packaged


def _package(source: Path, into: Path, key_url: str, on_progress: Callable[[float], None]) -> Packaged:
    on_progress(0)
    facts = probe(source)
    on_progress(_PROBED_PERCENT)
    renditions = plan_renditions(facts)
    write_clear_segments(
        source,
        facts,
        renditions,
        into,
        on_progress=lambda share: on_progress(_PROBED_PERCENT + share * (_WRITTEN_PERCENT - _PROBED_PERCENT)),
    )
    ring = _KeyRing()
    written: list[PackagedRendition] = []
    files: list[str] = []
    duration = 0.0
    for number, rendition in enumerate(renditions, start=1):
        folder = into / rendition.name
        codecs = _codecs(folder, rendition)
        segments = _encrypt_segments(folder, ring)
        (folder / MEDIA_PLAYLIST).write_text(media_playlist(segments, key_url=key_url))
        files += [f"{rendition.name}/{name}" for name in (MEDIA_PLAYLIST, *(s.file_name for s in segments))]
        written.append(_describe(rendition, segments, codecs))
        duration = max(duration, sum(segment.duration_seconds for segment in segments))
        on_progress(_WRITTEN_PERCENT + (99 - _WRITTEN_PERCENT) * number / len(renditions))
    (into / MASTER_PLAYLIST).write_text(master_playlist(written, media_playlist_name=MEDIA_PLAYLIST))
    on_progress(100)
    return Packaged(
        playlist=MASTER_PLAYLIST,
        files=(MASTER_PLAYLIST, *files),
        duration_seconds=duration,
        renditions=tuple(written),
        keys=ring.keys(),
    )


def _rising(on_progress: Callable[[int], None]) -> Callable[[float], None]:
    """Pass on whole percents, each once and none twice."""
    last = -1

    def report(percent: float) -> None:
        nonlocal last
        if int(percent) > last:
            last = int(percent)
            on_progress(last)

    return report


class _KeyRing:
    """The keys of one film, by period: all renditions share them, so switching needs no new key."""

    def __init__(self) -> None:
        self._keys: dict[int, ContentKey] = {}

    def at(self, start_seconds: float) -> ContentKey:
        number = key_number(start_seconds)
        if number not in self._keys:
            self._keys[number] = ContentKey(key_id=new_id(), key=secrets.token_bytes(_KEY_BYTES))
        return self._keys[number]

    def keys(self) -> tuple[ContentKey, ...]:
        return tuple(key for _, key in sorted(self._keys.items()))


def encrypt(data: bytes, *, key: bytes, iv: bytes) -> bytes:
    """Return `data` encrypted as RFC 8216 asks of METHOD=AES-128: CBC with PKCS #7 padding."""
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(data) + padder.finalize()
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def _encrypt_segments(folder: Path, ring: _KeyRing) -> list[Segment]:
    clear_playlist = folder / CLEAR_PLAYLIST
    segments: list[Segment] = []
    start = 0.0
    for name, seconds in clear_segments(clear_playlist.read_text()):
        path = folder / name
        key, iv = ring.at(start), secrets.token_bytes(AES.block_size // 8)
        sealed = encrypt(path.read_bytes(), key=key.key, iv=iv)
        path.write_bytes(sealed)
        segments.append(
            Segment(
                file_name=name, duration_seconds=seconds, size_bytes=len(sealed), key_id=key.key_id, iv=iv
            )
        )
        start += seconds
    clear_playlist.unlink()
    if not segments:
        raise unreadable()
    return segments


def _codecs(folder: Path, rendition: Rendition) -> str:
    """Return the CODECS attribute (RFC 6381) of a rendition, read from its first clear segment."""
    first, _ = clear_segments((folder / CLEAR_PLAYLIST).read_text())[0]
    parameters = _FALLBACK_H264
    with av.open(str(folder / first)) as container:
        for packet in container.demux(video=0):
            found = _PARAMETER_SET.search(bytes(packet))
            if found:
                parameters = found.group(1).hex()
            break
    video = f"avc1.{parameters}"
    return video if rendition.audio is None else f"{video},mp4a.40.2"


def _describe(rendition: Rendition, segments: list[Segment], codecs: str) -> PackagedRendition:
    rates = [
        segment.size_bytes * 8 / segment.duration_seconds
        for segment in segments
        # A crumb at the end says nothing about the line a player needs.
        if segment.duration_seconds >= 1
    ]
    total_bits = sum(segment.size_bytes for segment in segments) * 8
    total_seconds = sum(segment.duration_seconds for segment in segments)
    average = round(total_bits / total_seconds)
    return PackagedRendition(
        name=rendition.name,
        width=rendition.width,
        height=rendition.height,
        codecs=codecs,
        frame_rate=float(rendition.frame_rate),
        peak_bits_per_second=max(average, round(max(rates, default=0))),
        average_bits_per_second=average,
    )
