"""What is written for a given source: decisions only, no file is touched here."""

from fractions import Fraction
from typing import Final
from uuid import UUID

from matinee.media.types import HowToWrite, Rendition, Source, SourceAudio, SourceVideo

SEGMENT_SECONDS: Final = 4
# A key opens this much of the film. A player comes back for the next one, and the right is checked again.
KEY_PERIOD_SECONDS: Final = 300

MAX_SOURCE_PIXELS: Final = 8192 * 4320
MAX_SOURCE_SECONDS: Final = 12 * 3600
MAX_FILE_NAME_LENGTH: Final = 200
MAX_FRAME_RATE: Final = Fraction(60)
MAX_COPIED_KEYFRAME_GAP_SECONDS: Final = 6.0
MAX_COPIED_BITS_PER_SECOND: Final = 8_000_000
_COPIED_PROFILES: Final = ("Constrained Baseline", "Baseline", "Main", "High")

_TOP_BOX: Final = (1920, 1080)
# (short side of the top rendition from which it applies, box of the second rendition)
_SECOND_BOXES: Final = ((600, (854, 480)), (432, (640, 360)))
# (short side up to, ceiling of the bit rate)
_CEILINGS: Final = ((360, 1_000_000), (480, 1_600_000), (720, 3_500_000), (1080, 6_000_000))


def plan_renditions(source: Source) -> tuple[Rendition, ...]:
    """Return what to write, best first.

    A source that players can take as it is, is copied without loss into one rendition. Any other is
    encoded: once at its own size, at most 1920x1080, and once small for slow lines if that is smaller.
    """
    audio = _audio_mode(source.audio)
    video = source.video
    if can_copy_video(video):
        return (_rendition(video, video.width, video.height, "copy", audio),)
    width, height = fit(video.width, video.height, _TOP_BOX)
    renditions = [_rendition(video, width, height, "encode", audio)]
    for from_short_side, box in _SECOND_BOXES:
        if min(width, height) >= from_short_side:
            renditions.append(_rendition(video, *fit(width, height, box), "encode", audio))
            break
    return tuple(renditions)


def can_copy_video(video: SourceVideo) -> bool:
    """Whether the picture can go into the segments unchanged and every player will show it."""
    return (
        video.codec == "h264"
        and video.profile in _COPIED_PROFILES
        and video.pixel_format == "yuv420p"
        and max(video.width, video.height) <= max(_TOP_BOX)
        and min(video.width, video.height) <= min(_TOP_BOX)
        and video.bits_per_second <= MAX_COPIED_BITS_PER_SECOND
        and video.frame_rate <= MAX_FRAME_RATE
        and video.longest_keyframe_gap_seconds <= MAX_COPIED_KEYFRAME_GAP_SECONDS
        and video.clockwise_turn == 0
        and video.square_pixels
        and video.clean_timestamps
        and not video.interlaced
    )


def can_copy_audio(audio: SourceAudio) -> bool:
    """Whether the sound can go into the segments unchanged and every player will play it."""
    return (
        audio.codec == "aac"
        and audio.profile == "LC"
        and audio.channels in (1, 2)
        and audio.sample_rate in (44100, 48000)
        and audio.clean_timestamps
    )


def fit(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """Return the even size of a picture scaled down, never up, into a box that turns with the picture."""
    scale = min(1.0, max(box) / max(width, height), min(box) / min(width, height))
    return _even(width * scale), _even(height * scale)


def frame_rate_of(rate: Fraction | None) -> Fraction:
    """Return a frame rate an encoder can keep; sources that state none or nonsense get 25."""
    if rate is None or rate <= 0 or rate > 1000:
        return Fraction(25)
    return min(rate, MAX_FRAME_RATE).limit_denominator(1001)


def frames_per_segment(frame_rate: Fraction) -> int:
    """Return how many frames a segment holds: a keyframe starts each."""
    return max(1, round(frame_rate * SEGMENT_SECONDS))


def key_number(segment_start_seconds: float) -> int:
    """Return which key, counted from 0, encrypts a segment that starts there."""
    return int(segment_start_seconds // KEY_PERIOD_SECONDS)


def source_key_of(operator_id: UUID, asset_id: UUID) -> str:
    """Return where an upload is stored. Never below `media/`, which the world may read."""
    return f"uploads/{operator_id}/{asset_id}/source"


def media_folder_of(operator_id: UUID, asset_id: UUID) -> str:
    """Return the folder of a film's packaged files, one folder below it for each run."""
    return f"media/{operator_id}/{asset_id}"


def clean_file_name(name: str) -> str:
    """Return a person's file name fit to be shown: without folders and control characters, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(sign for sign in last if sign.isprintable()).strip()
    return plain[-MAX_FILE_NAME_LENGTH:] or "film"


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def _audio_mode(audio: SourceAudio | None) -> HowToWrite | None:
    if audio is None:
        return None
    return "copy" if can_copy_audio(audio) else "encode"


def _rendition(
    video: SourceVideo, width: int, height: int, mode: HowToWrite, audio: HowToWrite | None
) -> Rendition:
    short_side = min(width, height)
    ceiling = next((limit for side, limit in _CEILINGS if short_side <= side), _CEILINGS[-1][1])
    return Rendition(
        name=f"{short_side}p",
        width=width,
        height=height,
        video=mode,
        audio=audio,
        frame_rate=frame_rate_of(video.frame_rate),
        max_bits_per_second=ceiling,
    )
