"""Tiny films made on the spot, and a player of encrypted HLS to check what became of them."""

import math
import re
from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from PIL import Image

from matinee.media.types import ContentKey

RED, BLUE = (200, 40, 40), (40, 60, 200)


def make_clip(
    path: Path,
    *,
    seconds: float = 2.0,
    size: tuple[int, int] = (160, 90),
    rate: int = 24,
    video: str = "libx264",
    pixel_format: str = "yuv420p",
    audio: str | None = "aac",
    audio_rate: int = 48_000,
    audio_layout: str = "stereo",
    keyframe_every: int = 24,
    rotation: int = 0,
    colours: tuple[tuple[int, int, int], tuple[int, int, int]] = (RED, BLUE),
) -> Path:
    """Write a film whose left half has the first colour, whose right half the second."""
    picture = Image.new("RGB", size, colours[0])
    picture.paste(colours[1], (size[0] // 2, 0, *size))
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(video, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        if video == "libx264":
            stream.options = {"preset": "veryfast", "g": str(keyframe_every), "sc_threshold": "0"}
            stream.profile = "Main" if pixel_format == "yuv420p" else "High 4:4:4 Predictive"
        if rotation:
            stream.set_display_rotation(rotation)
        sound: Any = (
            None if audio is None else container.add_stream(audio, rate=audio_rate, layout=audio_layout)
        )
        for number in range(round(seconds * rate)):
            frame = picture_frame(picture, pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            for tone in _tone(seconds, audio_rate, audio_layout, sound.format.name, sound.frame_size):
                container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
    return path


def picture_frame(picture: Image.Image, pixel_format: str) -> VideoFrame:
    frames: Any = VideoFrame
    frame: VideoFrame = frames.from_image(picture).reformat(format=pixel_format)
    return frame


def _tone(seconds: float, rate: int, layout: str, sample_format: str, frame_size: int) -> list[AudioFrame]:
    resampler = av.AudioResampler(
        format=sample_format, layout=layout, rate=rate, frame_size=frame_size or 1024
    )
    samples = array("f", (0.2 * math.sin(2 * math.pi * 440 * n / rate) for n in range(round(seconds * rate))))
    frame = AudioFrame(format="flt", layout="mono", samples=len(samples))
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    return resampler.resample(frame) + resampler.resample(None)


class PlaylistEntry(NamedTuple):
    file_name: str
    seconds: float
    key_address: str
    iv: bytes


def entries(playlist: str) -> list[PlaylistEntry]:
    """Read a media playlist as a player does: a key line holds until the next one."""
    found: list[PlaylistEntry] = []
    address, iv, seconds = "", b"", 0.0
    for line in playlist.splitlines():
        if match := re.fullmatch(r'#EXT-X-KEY:METHOD=AES-128,URI="([^"]+)",IV=0x([0-9a-f]{32})', line):
            address, iv = match.group(1), bytes.fromhex(match.group(2))
        elif line.startswith("#EXTINF:"):
            seconds = float(line.removeprefix("#EXTINF:").rstrip(","))
        elif not line.startswith("#"):
            found.append(PlaylistEntry(line, seconds, address, iv))
    return found


def decrypt(data: bytes, key: bytes, iv: bytes) -> bytes:
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()


class Played(NamedTuple):
    frames: int
    size: tuple[int, int]
    sound_seconds: float
    video_start: float
    audio_start: float
    first_picture: Image.Image
    audio_format: str


def play(folder: Path, name: str, keys: tuple[ContentKey, ...], scratch: Path) -> Played:
    """Fetch, decrypt and decode one rendition from its first segment to its last."""
    by_id = {str(key.key_id): key.key for key in keys}
    parts = []
    for entry in entries((folder / name / "index.m3u8").read_text()):
        key = by_id[entry.key_address.rsplit("/", 1)[1]]
        parts.append(decrypt((folder / name / entry.file_name).read_bytes(), key, entry.iv))
    whole = scratch / f"{name}.ts"
    whole.write_bytes(b"".join(parts))
    frames, samples, size, audio_format = 0, 0, (0, 0), ""
    starts: dict[str, float] = {}
    first: Image.Image | None = None
    with av.open(str(whole), format="mpegts") as container:
        frame: Any
        for frame in container.decode(*container.streams.video, *container.streams.audio):
            if isinstance(frame, VideoFrame):
                frames += 1
                size = (frame.width, frame.height)
                starts.setdefault("video", frame.time or 0.0)
                shown: Any = frame
                first = first or shown.to_image()
            else:
                samples += frame.samples
                audio_format = f"{frame.layout.name} {frame.sample_rate}"
                starts.setdefault("audio", frame.time)
    assert first is not None
    rate = int(audio_format.split()[1]) if audio_format else 1
    return Played(
        frames, size, samples / rate, starts["video"], starts.get("audio", 0.0), first, audio_format
    )


def colour_at(picture: Image.Image, x: float, y: float) -> str:
    """Name the colour at a place given in shares of width and height."""
    pixel = picture.getpixel((int(picture.width * x), int(picture.height * y)))
    assert isinstance(pixel, tuple)
    for name, colour in (("red", RED), ("blue", BLUE)):
        if all(abs(a - b) <= 12 for a, b in zip(pixel, colour, strict=True)):
            return name
    return str(pixel)
