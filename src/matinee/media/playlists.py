"""HLS playlists (RFC 8216) as text."""

from collections.abc import Sequence
from math import ceil

from matinee.media.types import PackagedRendition, Segment


def master_playlist(renditions: Sequence[PackagedRendition], *, media_playlist_name: str) -> str:
    """Return the playlist that names one media playlist per rendition, in the order given."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3"]
    for rendition in renditions:
        attributes = (
            f"BANDWIDTH={rendition.peak_bits_per_second}",
            f"AVERAGE-BANDWIDTH={rendition.average_bits_per_second}",
            f"RESOLUTION={rendition.width}x{rendition.height}",
            f'CODECS="{rendition.codecs}"',
            f"FRAME-RATE={rendition.frame_rate:.3f}",
        )
        lines.append("#EXT-X-STREAM-INF:" + ",".join(attributes))
        lines.append(f"{rendition.name}/{media_playlist_name}")
    return "\n".join(lines) + "\n"


def media_playlist(segments: Sequence[Segment], *, key_url: str) -> str:
    """Return the playlist of one rendition, every segment with its key and its own IV.

    `key_url` is a template holding `{key_id}`. Players resolve it against the playlist's address,
    so it must be absolute when the playlist is served from another host.
    """
    longest = max(segment.duration_seconds for segment in segments)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        f"#EXT-X-TARGETDURATION:{ceil(longest)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]
    for segment in segments:
        address = key_url.replace("{key_id}", str(segment.key_id))
        lines.append(f'#EXT-X-KEY:METHOD=AES-128,URI="{address}",IV=0x{segment.iv.hex()}')
        lines.append(f"#EXTINF:{segment.duration_seconds:.6f},")
        lines.append(segment.file_name)
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def check_key_url(key_url: str) -> str:
    """Return the template; raise ValueError (a programming error) if it cannot stand in a playlist."""
    if "{key_id}" not in key_url or any(sign in key_url for sign in '"\r\n'):
        raise ValueError("a key address needs {key_id} and may hold no quote or line break")
    return key_url


def clear_segments(playlist: str) -> list[tuple[str, float]]:
    """Return (file name, seconds) of each segment in a playlist as the muxer writes it."""
    found: list[tuple[str, float]] = []
    seconds = 0.0
    for line in playlist.splitlines():
        if line.startswith("#EXTINF:"):
            seconds = float(line.removeprefix("#EXTINF:").partition(",")[0])
        elif line and not line.startswith("#"):
            found.append((line, seconds))
    return found
