from pathlib import Path

import av
import pytest
from tests.unit.media.clips import colour_at, decrypt, entries, make_clip, play

from matinee.kernel.errors import Invalid
from matinee.media.packaging import MASTER_PLAYLIST, encrypt, package_video
from matinee.media.types import Packaged

KEY_URL = "https://aurora.example/api/keys/asset-1/{key_id}"


def package(source: Path, into: Path) -> Packaged:
    return package_video(source, into, key_url=KEY_URL)


def refusal(source: Path, into: Path) -> str:
    with pytest.raises(Invalid) as caught:
        package(source, into)
    assert not into.exists()
    assert [path.name for path in into.parent.iterdir() if "unfinished" in path.name] == []
    assert list(caught.value.fields) == ["file"]
    return caught.value.fields["file"]


def test_a_film_that_players_can_take_is_copied_without_loss(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", seconds=9, keyframe_every=48)
    packaged = package(source, tmp_path / "out")
    assert [(r.name, r.width, r.height) for r in packaged.renditions] == [("90p", 160, 90)]
    played = play(tmp_path / "out", "90p", packaged.keys, tmp_path)
    with av.open(str(source)) as original:
        pictures = [bytes(p) for p in original.demux(video=0) if p.size]
    with av.open(str(tmp_path / "90p.ts")) as copied:
        copies = [bytes(p) for p in copied.demux(video=0) if p.size]
    # Other framing around the same slices: what follows the length in the source ends each copy.
    slices = [picture[4:][-24:] for picture in pictures]
    assert [copy[-len(part) :] for copy, part in zip(copies, slices, strict=True)] == slices
    assert (played.frames, played.size) == (216, (160, 90))
    assert packaged.duration_seconds == pytest.approx(9, abs=0.1)


def test_what_is_written_is_complete_and_encrypted(tmp_path: Path) -> None:
    packaged = package(make_clip(tmp_path / "in.mp4", seconds=9), tmp_path / "out")
    written = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")
    )
    assert written == sorted(packaged.files)
    assert packaged.playlist == MASTER_PLAYLIST
    playlist = (tmp_path / "out" / "90p" / "index.m3u8").read_text()
    listed = entries(playlist)
    assert [entry.file_name for entry in listed] == ["00000.ts", "00001.ts", "00002.ts"]
    assert [round(entry.seconds, 1) for entry in listed] == [4.0, 4.0, 1.0]
    assert len({entry.iv for entry in listed}) == 3
    assert {entry.key_address for entry in listed} == {KEY_URL.format(key_id=packaged.keys[0].key_id)}
    for entry in listed:
        sealed = (tmp_path / "out" / "90p" / entry.file_name).read_bytes()
        assert sealed[:1] != b"G" or sealed[188:189] != b"G"
        clear = decrypt(sealed, packaged.keys[0].key, entry.iv)
        assert (clear[0], clear[188], len(clear) % 188) == (0x47, 0x47, 0)
    assert playlist.startswith("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n")
    assert playlist.endswith("#EXT-X-ENDLIST\n")


def test_the_master_playlist_tells_players_what_they_get(tmp_path: Path) -> None:
    packaged = package(make_clip(tmp_path / "in.mp4"), tmp_path / "out")
    (rendition,) = packaged.renditions
    lines = (tmp_path / "out" / MASTER_PLAYLIST).read_text().splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[-1] == "90p/index.m3u8"
    assert f"BANDWIDTH={rendition.peak_bits_per_second}" in lines[-2]
    assert 'CODECS="avc1.4d' in lines[-2]
    assert ',mp4a.40.2"' in lines[-2]
    assert "RESOLUTION=160x90" in lines[-2]
    assert "FRAME-RATE=24.000" in lines[-2]


def test_each_segment_of_an_encoded_film_starts_with_a_keyframe(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=9, rate=25, video="mpeg4", audio="ac3")
    packaged = package(source, tmp_path / "out")
    played = play(tmp_path / "out", "90p", packaged.keys, tmp_path)
    assert (played.frames, played.size, played.audio_format) == (225, (160, 90), "stereo 48000")
    assert played.sound_seconds == pytest.approx(9, abs=0.1)
    assert played.video_start == pytest.approx(played.audio_start, abs=0.05)
    listed = entries((tmp_path / "out" / "90p" / "index.m3u8").read_text())
    assert [round(entry.seconds, 2) for entry in listed] == [4.0, 4.0, 1.0]
    with av.open(str(tmp_path / "90p.ts")) as container:
        keyframes = [n for n, p in enumerate(p for p in container.demux(video=0) if p.size) if p.is_keyframe]
    assert keyframes == [0, 100, 200]


def test_colours_survive_encoding(tmp_path: Path) -> None:
    packaged = package(make_clip(tmp_path / "in.mkv", video="mpeg4", size=(640, 360)), tmp_path / "out")
    first = play(tmp_path / "out", "360p", packaged.keys, tmp_path).first_picture
    with av.open(str(tmp_path / "360p.ts")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (1, 1)
    assert (colour_at(first, 0.25, 0.5), colour_at(first, 0.75, 0.5)) == ("red", "blue")


def test_a_large_film_gets_a_small_second_rendition(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=0.5, size=(960, 720), video="mpeg4", audio=None)
    packaged = package(source, tmp_path / "out")
    assert [(r.name, r.width, r.height) for r in packaged.renditions] == [
        ("720p", 960, 720),
        ("480p", 640, 480),
    ]
    assert len(packaged.keys) == 1
    assert play(tmp_path / "out", "480p", packaged.keys, tmp_path).size == (640, 480)
    assert play(tmp_path / "out", "720p", packaged.keys, tmp_path).size == (960, 720)
    top, small = packaged.renditions
    assert top.codecs.startswith("avc1.64")
    assert "mp4a" not in small.codecs


def test_a_telephone_film_is_turned_upright(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", seconds=0.5, size=(160, 96), rotation=-90)
    packaged = package(source, tmp_path / "out")
    played = play(tmp_path / "out", "96p", packaged.keys, tmp_path)
    assert played.size == (96, 160)
    assert (colour_at(played.first_picture, 0.5, 0.25), colour_at(played.first_picture, 0.5, 0.75)) == (
        "red",
        "blue",
    )


def test_good_pictures_are_copied_while_other_sound_is_encoded(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=5, audio="ac3", audio_rate=44_100, audio_layout="mono")
    packaged = package(source, tmp_path / "out")
    played = play(tmp_path / "out", "90p", packaged.keys, tmp_path)
    assert (played.frames, played.audio_format) == (120, "stereo 48000")
    assert packaged.renditions[0].codecs.startswith("avc1.4d")
    assert played.video_start == pytest.approx(played.audio_start, abs=0.1)


def test_a_recording_that_does_not_start_at_zero_keeps_picture_and_sound_together(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=3)
    with av.open(str(clip)) as source, av.open(str(tmp_path / "late.ts"), "w") as late:
        targets = {s.index: late.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            packet.pts += round(500 / packet.time_base)
            packet.dts += round(500 / packet.time_base)
            packet.stream = targets[packet.stream_index]
            late.mux(packet)
    packaged = package(tmp_path / "late.ts", tmp_path / "out")
    played = play(tmp_path / "out", "90p", packaged.keys, tmp_path)
    assert packaged.duration_seconds == pytest.approx(3, abs=0.2)
    assert played.video_start < 5
    assert played.video_start == pytest.approx(played.audio_start, abs=0.1)


def test_keys_change_along_the_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matinee.media.rules.KEY_PERIOD_SECONDS", 8)
    packaged = package(make_clip(tmp_path / "in.mp4", seconds=18, rate=6, keyframe_every=6), tmp_path / "out")
    addresses = [e.key_address for e in entries((tmp_path / "out" / "90p" / "index.m3u8").read_text())]
    assert [sorted(set(addresses)).index(address) for address in addresses] == [0, 0, 1, 1, 2]
    assert len({key.key for key in packaged.keys}) == 3
    assert play(tmp_path / "out", "90p", packaged.keys, tmp_path).frames == 108


def test_keys_do_not_show_when_printed(tmp_path: Path) -> None:
    packaged = package(make_clip(tmp_path / "in.mp4", seconds=0.5), tmp_path / "out")
    assert repr(packaged.keys[0].key)[2:-1] not in repr(packaged)


def test_progress_rises_to_a_hundred(tmp_path: Path) -> None:
    heard: list[int] = []
    source = make_clip(tmp_path / "in.mkv", video="mpeg4")
    package_video(source, tmp_path / "out", key_url=KEY_URL, on_progress=heard.append)
    assert heard == sorted(set(heard))
    assert (heard[0], heard[-1]) == (0, 100)
    assert len(heard) > 10


def test_a_stopped_packaging_leaves_nothing(tmp_path: Path) -> None:
    def stop(percent: int) -> None:
        if percent > 20:
            raise KeyboardInterrupt

    source = make_clip(tmp_path / "in.mkv", video="mpeg4")
    with pytest.raises(KeyboardInterrupt):
        package_video(source, tmp_path / "out", key_url=KEY_URL, on_progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", seconds=0.5)
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        package(source, tmp_path / "out")


@pytest.mark.parametrize("template", ["/keys/1", '/keys/"{key_id}', "/keys/{key_id}\n#EXT"])
def test_a_key_address_that_breaks_the_playlist_is_an_error_of_ours(tmp_path: Path, template: str) -> None:
    with pytest.raises(ValueError, match="key address"):
        package_video(tmp_path / "in.mp4", tmp_path / "out", key_url=template)


@pytest.mark.parametrize(
    "content", [b"", b"this is no film", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"\0" * 5000]
)
def test_a_file_that_is_no_video_is_refused_with_the_mend(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.mp4").write_bytes(content)
    assert "Upload an MP4" in refusal(tmp_path / "film.mp4", tmp_path / "out")


def test_a_playlist_that_names_other_files_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path / "secret.ts")
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / "film.m3u8").write_text(playlist)
    assert "cannot be read as a video" in refusal(tmp_path / "film.m3u8", tmp_path / "out")
    (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile secret.ts\n")
    assert "cannot be read as a video" in refusal(tmp_path / "concat.mp4", tmp_path / "out")


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "no moving picture" in refusal(tmp_path / "song.m4a", tmp_path / "out")


def test_an_upload_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mkv", seconds=30, rate=10, audio=None).read_bytes()
    (tmp_path / "half.mkv").write_bytes(whole[: len(whole) // 2])
    message = refusal(tmp_path / "half.mkv", tmp_path / "out")
    assert "cut off" in message
    assert "0:00:30" in message


def test_a_picture_that_cannot_be_decoded_is_refused(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", audio=None)
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes((17 * n) % 251 for n in range(end - start))
    (tmp_path / "noise.mp4").write_bytes(bytes(data))
    assert "cannot be decoded" in refusal(tmp_path / "noise.mp4", tmp_path / "out")


def test_encryption_is_cbc_with_padding() -> None:
    key, iv = bytes(range(16)), bytes(range(16, 32))
    sealed = encrypt(b"x" * 32, key=key, iv=iv)
    assert len(sealed) == 48
    assert decrypt(sealed, key, iv) == b"x" * 32
