"""The test film: a landscape that drifts by, a clock and a quiet chord, in H.264 and AAC."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from PIL import Image, ImageDraw

from matinee.main.demo.artwork import font, scene

_WIDTH, _HEIGHT, _RATE = 854, 480, 24
_SOUND_RATE = 48_000
# Three soft tones that swell in turn.
_CHORD = "+".join(
    f"0.07*sin(2*PI*{hertz}*t)*(0.6+0.4*sin(2*PI*t/{period}))"
    for hertz, period in ((110, 7), (165, 11), (220, 13))
)


def make_film(
    file: Path, *, title: str, seconds: int, on_progress: Callable[[int], None] | None = None
) -> None:
    """Write an MP4 of `seconds` to `file`; `on_progress` is told how far it is in percent."""
    partial = file.with_suffix(".part.mp4")
    with av.open(partial, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        pictures = container.add_stream("libx264", rate=_RATE, options={"preset": "veryfast", "crf": "26"})
        pictures.width, pictures.height, pictures.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        pictures.gop_size = _RATE * 4
        sound = container.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        tones, sounded = _tones(seconds), 0.0
        wide = scene(title, _WIDTH * 3 // 2, _HEIGHT * 5 // 4)
        for number in range(seconds * _RATE):
            frame = _as_video(_frame(wide, title, number, seconds))
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            container.mux(pictures.encode(frame))
            while sounded <= number / _RATE and (tone := tones()) is not None:
                container.mux(sound.encode(tone))
                sounded = ((tone.pts or 0) + tone.samples) / _SOUND_RATE
            if on_progress is not None and number % _RATE == 0:
                on_progress(number * 100 // (seconds * _RATE))
        container.mux(pictures.encode(None))
        container.mux(sound.encode(None))
    partial.rename(file)
    if on_progress is not None:
        on_progress(100)


def _frame(wide: Image.Image, title: str, number: int, seconds: int) -> Image.Image:
    """Cut the window that has drifted to this frame's place, and write title and clock on it."""
    done = number / (seconds * _RATE)
    left, top = round(done * (wide.width - _WIDTH)), round((1 - done) * (wide.height - _HEIGHT))
    picture = wide.crop((left, top, left + _WIDTH, top + _HEIGHT))
    draw = ImageDraw.Draw(picture)
    second = number // _RATE
    draw.text((40, 36), title, font=font(34), fill="#ffffff")
    draw.text((40, _HEIGHT - 84), f"{second // 60:02d}:{second % 60:02d}", font=font(48), fill="#ffffff")
    draw.rectangle((0, _HEIGHT - 6, round(_WIDTH * done), _HEIGHT), fill="#ffffff")
    return picture


def _as_video(picture: Image.Image) -> av.VideoFrame:
    frame: av.VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # PyAV's gap
    return frame


def _tones(seconds: int) -> Callable[[], AudioFrame | None]:
    """Return a source of sound that ends after `seconds`."""
    graph = av.filter.Graph()
    source = graph.add("aevalsrc", f"exprs='{_CHORD}|{_CHORD}':s={_SOUND_RATE}:d={seconds}")
    shape = graph.add("aformat", f"sample_fmts=fltp:channel_layouts=stereo:sample_rates={_SOUND_RATE}")
    end = graph.add("abuffersink")
    source.link_to(shape)
    shape.link_to(end)
    graph.configure()

    def pull() -> AudioFrame | None:
        try:
            frame = graph.pull()
        except (av.EOFError, av.BlockingIOError):
            return None
        return frame if isinstance(frame, AudioFrame) else None

    return pull
