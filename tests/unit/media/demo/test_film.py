from pathlib import Path

import av
import pytest

from matinee.media.demo.film import make_demo_film
from matinee.media.probing import probe
from matinee.media.rules import can_copy_audio, plan_renditions


def test_a_demo_film_is_packaged_without_encoding_it_again(tmp_path: Path) -> None:
    film = make_demo_film(tmp_path / "film.mp4", title="Test", seconds=2.5, size=(320, 180))
    source = probe(film)
    assert source.duration_seconds == pytest.approx(2.5, abs=0.05)
    assert [(r.name, r.video, r.audio) for r in plan_renditions(source)] == [("180p", "copy", "copy")]
    assert source.audio is not None
    assert can_copy_audio(source.audio)


def test_the_picture_moves_and_the_sound_is_quiet_but_there(tmp_path: Path) -> None:
    film = make_demo_film(tmp_path / "film.mp4", title="Test", seconds=3, size=(320, 180), seed=3)
    pictures, loudest = set(), 0.0
    with av.open(str(film)) as container:
        for frame in container.decode(video=0, audio=0):
            if isinstance(frame, av.VideoFrame):
                pictures.add(bytes(frame.planes[0]))
            else:
                assert isinstance(frame, av.AudioFrame)
                samples = memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples]
                loudest = max(loudest, max(map(abs, samples)))
    assert len(pictures) == 72
    assert 0.005 < loudest < 0.1


def test_progress_reaches_a_hundred(tmp_path: Path) -> None:
    heard: list[int] = []
    make_demo_film(tmp_path / "film.mp4", title="Test", seconds=0.5, on_progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 100
