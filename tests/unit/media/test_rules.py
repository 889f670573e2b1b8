from fractions import Fraction

import msgspec
import pytest

from matinee.kernel.ids import new_id
from matinee.media.rules import (
    can_copy_audio,
    can_copy_video,
    clean_file_name,
    fit,
    frame_rate_of,
    frames_per_segment,
    key_number,
    media_folder_of,
    plan_renditions,
    source_key_of,
)
from matinee.media.types import Source, SourceAudio, SourceVideo

GOOD_VIDEO = SourceVideo(
    codec="h264",
    profile="High",
    pixel_format="yuv420p",
    width=1920,
    height=1080,
    frame_rate=Fraction(24),
    bits_per_second=5_000_000,
    longest_keyframe_gap_seconds=2.0,
)
GOOD_AUDIO = SourceAudio(codec="aac", profile="LC", channels=2, sample_rate=48_000)
MPEG2 = msgspec.structs.replace(GOOD_VIDEO, codec="mpeg2video")


def planned(video: SourceVideo, audio: SourceAudio | None = GOOD_AUDIO) -> list[tuple[object, ...]]:
    source = Source(duration_seconds=60, start_seconds=0, video=video, audio=audio)
    return [(r.name, r.width, r.height, r.video, r.audio) for r in plan_renditions(source)]


def test_a_good_source_is_copied() -> None:
    assert planned(GOOD_VIDEO) == [("1080p", 1920, 1080, "copy", "copy")]


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "hevc"},
        {"profile": "High 10"},
        {"profile": None},
        {"pixel_format": "yuv420p10le"},
        {"width": 3840, "height": 2160},
        {"bits_per_second": 8_000_001},
        {"frame_rate": Fraction(120)},
        {"longest_keyframe_gap_seconds": 6.1},
        {"clockwise_turn": 90},
        {"square_pixels": False},
        {"interlaced": True},
        {"clean_timestamps": False},
    ],
)
def test_a_source_that_some_player_stumbles_over_is_encoded(change: dict[str, object]) -> None:
    assert not can_copy_video(msgspec.structs.replace(GOOD_VIDEO, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "ac3"},
        {"profile": "HE-AAC"},
        {"channels": 6},
        {"sample_rate": 96_000},
        {"clean_timestamps": False},
    ],
)
def test_sound_that_some_player_stumbles_over_is_encoded(change: dict[str, object]) -> None:
    audio = msgspec.structs.replace(GOOD_AUDIO, **change)
    assert not can_copy_audio(audio)
    assert planned(GOOD_VIDEO, audio) == [("1080p", 1920, 1080, "copy", "encode")]


@pytest.mark.parametrize(
    ("size", "renditions"),
    [
        ((3840, 2160), [("1080p", 1920, 1080), ("480p", 854, 480)]),
        ((1920, 800), [("800p", 1920, 800), ("356p", 854, 356)]),
        ((1080, 1920), [("1080p", 1080, 1920), ("480p", 480, 854)]),
        ((854, 480), [("480p", 854, 480), ("360p", 640, 360)]),
        ((640, 360), [("360p", 640, 360)]),
        ((641, 361), [("360p", 640, 360)]),
        ((1, 1), [("2p", 2, 2)]),
    ],
)
def test_sizes(size: tuple[int, int], renditions: list[tuple[str, int, int]]) -> None:
    video = msgspec.structs.replace(MPEG2, width=size[0], height=size[1])
    assert planned(video, None) == [(*rendition, "encode", None) for rendition in renditions]


def test_fit_never_enlarges_and_stays_even() -> None:
    assert fit(100, 50, (1920, 1080)) == (100, 50)
    assert fit(4001, 3001, (1920, 1080)) == (1440, 1080)


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        (Fraction(24_000, 1001), Fraction(24_000, 1001)),
        (Fraction(25), Fraction(25)),
        (Fraction(120), Fraction(60)),
        (Fraction(90_000), Fraction(25)),
        (Fraction(0), Fraction(25)),
        (None, Fraction(25)),
    ],
)
def test_frame_rates(stated: Fraction | None, kept: Fraction) -> None:
    assert frame_rate_of(stated) == kept


def test_segments_hold_whole_frames() -> None:
    assert [frames_per_segment(rate) for rate in (Fraction(25), Fraction(24_000, 1001), Fraction(1, 10))] == [
        100,
        96,
        1,
    ]


def test_a_key_opens_five_minutes() -> None:
    assert [key_number(seconds) for seconds in (0, 299.9, 300, 7199)] == [0, 0, 1, 23]


def test_uploads_never_lie_where_the_world_may_read() -> None:
    operator_id, asset_id = new_id(), new_id()
    assert source_key_of(operator_id, asset_id) == f"uploads/{operator_id}/{asset_id}/source"
    assert media_folder_of(operator_id, asset_id) == f"media/{operator_id}/{asset_id}"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("film.mp4", "film.mp4"),
        ("C:\\films\\My film.mp4", "My film.mp4"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nb\0.mp4", "ab.mp4"),
        ("", "film"),
        ("folder/", "film"),
        ("x" * 300 + ".mp4", "x" * 196 + ".mp4"),
    ],
)
def test_file_names_are_fit_to_be_shown(given: str, shown: str) -> None:
    assert clean_file_name(given) == shown
