"""Short films for the demo and the tests: a scene that the camera moves past, a title, a running time code
and quiet chords. H.264 and AAC, so that packaging copies them in a moment.
"""

import math
from array import array
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, Final

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from matinee.media.demo.posters import stage_for
from matinee.media.demo.scenes import Palette, Stage
from matinee.media.demo.styles import Style

FILM_SIZE: Final = (640, 360)
FRAME_RATE: Final = 24
_SAMPLE_RATE: Final = 48_000
_LOUDNESS: Final = 0.035
_KEYFRAME_SECONDS: Final = 2
_CHORD_SECONDS: Final = 4
_FADE_SECONDS: Final = 1.0
_TITLE_SECONDS: Final = (0.6, 5.5)
# Whole numbers of hertz: one second of each chord then fits its end to its beginning.
_CHORDS: Final = ((131, 196, 247, 330), (110, 165, 262, 330), (147, 220, 262, 349), (98, 196, 247, 294))


def make_demo_film(
    path: Path,
    *,
    title: str,
    subtitle: str = "A Matinee demo picture",
    seconds: float = 30,
    seed: int = 0,
    style: Style | None = None,
    palette: Palette | None = None,
    size: tuple[int, int] = FILM_SIZE,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Write an MP4 of `seconds` that shows the scene of the poster with the same seed; return `path`.

    Takes about a quarter of its length on one core. `on_progress` hears percents.
    """
    frames = max(1, round(seconds * FRAME_RATE))
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video: Any = container.add_stream("libx264", rate=FRAME_RATE)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.options = {
            "preset": "veryfast",
            "crf": "23",
            "g": str(FRAME_RATE * _KEYFRAME_SECONDS),
            "sc_threshold": "0",
        }
        audio: Any = container.add_stream("aac", rate=_SAMPLE_RATE, layout="stereo")
        audio.bit_rate = 96_000
        sound = _chords(seconds, Random(seed))  # nosec B311
        heard = 0
        camera = _Camera(size, title, subtitle, seconds, seed, style, palette)
        for number in range(frames):
            container.mux(video.encode(_video_frame(camera.picture(number), number)))
            # The sound keeps up with the picture, so that the file can be read from front to back.
            while heard < (number + 1) * _SAMPLE_RATE // FRAME_RATE and (frame := next(sound, None)):
                container.mux(audio.encode(frame))
                heard += frame.samples
            on_progress((number + 1) * 100 // frames)
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


def _video_frame(picture: Image.Image, number: int) -> VideoFrame:
    frames: Any = VideoFrame
    frame: VideoFrame = frames.from_image(picture).reformat(format="yuv420p", interpolation="FAST_BILINEAR")
    frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
    return frame


class _Camera:
    """Moves past a scene and writes title and time code over it."""

    def __init__(
        self,
        size: tuple[int, int],
        title: str,
        subtitle: str,
        seconds: float,
        seed: int,
        style: Style | None,
        palette: Palette | None,
    ) -> None:
        self._size = size
        self._seconds = seconds
        self._travel = round(size[0] * 0.5)
        stage = stage_for(seed, style, palette, size, travel=self._travel)
        self._ground, moving = _merged(stage)
        self._layers = [_Layer(depth, layer) for depth, layer in moving]
        self._light = stage.palette.light
        self._title = _title_card(size, title, subtitle, stage.palette)
        self._code = _TimeCode(size, stage.palette)
        dice = Random(seed)  # nosec B311
        self._motes = [
            (dice.random(), dice.random(), dice.uniform(0.3, 1.0), dice.uniform(0, math.tau))
            for _ in range(28)
        ]

    def picture(self, number: int) -> Image.Image:
        """Return frame `number`."""
        moment = number / FRAME_RATE
        share = moment / max(self._seconds, 0.001)
        eased = share * share * (3 - 2 * share)
        picture = self._ground.copy()
        for layer in self._layers:
            shift = round(eased * self._travel * layer.depth)
            box = (shift, 0, shift + self._size[0], layer.picture.height)
            picture.paste(layer.picture.crop(box), (0, layer.top), layer.mask.crop(box))
        self._draw_motes(picture, moment, eased)
        visible = _visible(moment, *_TITLE_SECONDS)
        if visible > 0:
            picture.paste(
                self._title, (0, 0), self._title.getchannel("A").point(lambda value: value * visible)
            )
        self._code.write(picture, number)
        self._draw_line(picture, share)
        light = min(1.0, moment / _FADE_SECONDS + 0.15, (self._seconds - moment) / _FADE_SECONDS + 0.04)
        return picture if light >= 1 else picture.point(lambda value: value * light)

    def _draw_motes(self, picture: Image.Image, moment: float, eased: float) -> None:
        draw = ImageDraw.Draw(picture, "RGBA")
        width, height = self._size
        for x, y, near, shift in self._motes:
            at_x = (x - eased * near * 0.5 + math.sin(moment * 0.7 + shift) * 0.012) % 1 * width
            at_y = (y - moment * 0.018 * near + math.cos(moment * 0.5 + shift) * 0.01) % 1 * height
            radius = 0.8 + near * height / 260
            alpha = round((60 + 70 * math.sin(moment * 1.3 + shift)) * near)
            draw.ellipse(
                (at_x - radius, at_y - radius, at_x + radius, at_y + radius), (*self._light, max(0, alpha))
            )

    def _draw_line(self, picture: Image.Image, share: float) -> None:
        height = max(2, self._size[1] // 120)
        top = self._size[1] - height
        ImageDraw.Draw(picture).rectangle((0, top, round(self._size[0] * share), self._size[1]), self._light)


class _Layer:
    """A layer cut down to the rows in which there is anything."""

    def __init__(self, depth: float, layer: Image.Image) -> None:
        self.depth = depth
        _, self.top, _, bottom = layer.getchannel("A").getbbox() or (0, 0, 0, 1)
        rows = layer.crop((0, self.top, layer.width, bottom))
        self.picture, self.mask = rows.convert("RGB"), rows.getchannel("A")


def _merged(stage: Stage) -> tuple[Image.Image, list[tuple[float, Image.Image]]]:
    """Return what stands still as one picture, and what moves; neighbours of one depth become one layer."""
    ground = Image.new("RGBA", stage.size)
    moving: list[tuple[float, Image.Image]] = []
    for depth, layer in stage.layers:
        if not moving and depth == 0:
            ground.alpha_composite(layer)
        elif moving and moving[-1][0] == depth:
            moving[-1][1].alpha_composite(layer)
        else:
            moving.append((depth, layer.copy()))
    return ground.convert("RGB"), moving


def _visible(moment: float, start: float, end: float) -> float:
    return max(0.0, min(1.0, (moment - start) / 0.8, (end - moment) / 0.8))


def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(6, round(size)))
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font


def _title_card(size: tuple[int, int], title: str, subtitle: str, palette: Palette) -> Image.Image:
    width, height = size
    card = Image.new("RGBA", size, (*palette.front, 0))
    shade = (
        Image.radial_gradient("L").resize((width, round(height * 0.7))).point(lambda v: max(0, 200 - v) * 0.8)
    )
    card.paste((*palette.front, 255), (0, round(height * 0.12)), shade)
    draw = ImageDraw.Draw(card)
    letters = title.upper()
    font_size = height * 0.13
    while font_size > 10 and _font(font_size).getlength(letters) > width * 0.86:
        font_size *= 0.94
    middle = (width / 2, height * 0.44)
    draw.text(middle, letters, palette.light, _font(font_size), anchor="mm", stroke_width=font_size * 0.02)
    draw.text((width / 2, height * 0.57), subtitle, palette.light, _font(height * 0.04), anchor="mm")
    return card


class _TimeCode:
    """Hours, minutes, seconds and frames in the lower corner, each sign in a box of one width."""

    def __init__(self, size: tuple[int, int], palette: Palette) -> None:
        font_size = size[1] * 0.048
        font = _font(font_size)
        self._step = round(max(font.getlength(sign) for sign in "0123456789") + font_size * 0.06)
        tall = round(font_size * 1.5)
        self._signs = {sign: self._drawn(sign, font, tall, palette) for sign in "0123456789:"}
        self._place = (round(size[0] * 0.035), round(size[1] * 0.885))

    def _drawn(self, sign: str, font: ImageFont.FreeTypeFont, tall: int, palette: Palette) -> Image.Image:
        image = Image.new("RGBA", (self._step, tall), (*palette.front, 0))
        ImageDraw.Draw(image).text(
            (self._step / 2, tall / 2),
            sign,
            palette.light,
            font,
            anchor="mm",
            stroke_width=1.5,
            stroke_fill=palette.front,
        )
        return image

    def write(self, picture: Image.Image, number: int) -> None:
        seconds, frame = divmod(number, FRAME_RATE)
        text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frame:02}"
        x, y = self._place
        for sign in text:
            picture.paste(self._signs[sign], (x, y), self._signs[sign])
            x += self._step


def _chords(seconds: float, dice: Random) -> Iterator[AudioFrame]:
    """Yield soft chords, each swelling and fading, as frames of the encoder's size."""
    first = dice.randrange(len(_CHORDS))
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=_SAMPLE_RATE, frame_size=1024)
    tables = [_one_second(chord) for chord in _CHORDS]
    swell = [
        math.sin(math.pi * (n + 0.5) / (_CHORD_SECONDS * 100)) ** 1.2 * _LOUDNESS
        for n in range(_CHORD_SECONDS * 100)
    ]
    step = _SAMPLE_RATE // 100
    total = round(seconds * _SAMPLE_RATE)
    for number in range(math.ceil(seconds * 100)):
        start = number * step
        chord = tables[(first + number // len(swell)) % len(tables)]
        gain, after = swell[number % len(swell)], swell[(number + 1) % len(swell)]
        slope = (after - gain) / step
        offset = start % _SAMPLE_RATE
        count = min(step, total - start)
        samples = array("f", (chord[offset + n] * (gain + slope * n) for n in range(count)))
        frame = AudioFrame(format="flt", layout="mono", samples=count)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, start, Fraction(1, _SAMPLE_RATE)
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _one_second(chord: tuple[int, ...]) -> "array[float]":
    turn = math.tau / _SAMPLE_RATE
    return array(
        "f", (sum(math.sin(turn * hertz * n) for hertz in chord) / len(chord) for n in range(_SAMPLE_RATE))
    )
