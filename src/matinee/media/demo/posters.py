"""Posters for the demo's films, drawn from a seed: the same seed gives the same poster."""

import io
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFont

from matinee.media.demo.scenes import PALETTES, Colour, Palette, Stage, mix
from matinee.media.demo.styles import STYLES, Style

POSTER_SIZE: Final = (800, 1200)
_MARGIN: Final = 0.08
_TITLE_AT_TOP: Final = ("highway", "doorway")
_SMALL_PRINT: Final = "A MATINEE DEMO PICTURE"


def draw_poster(
    *,
    title: str,
    tagline: str = "",
    seed: int = 0,
    style: Style | None = None,
    palette: Palette | None = None,
    size: tuple[int, int] = POSTER_SIZE,
) -> Image.Image:
    """Return a poster, 2:3 by default. Without `style` and `palette` the seed picks both."""
    style, palette = _chosen(seed, style, palette)
    picture = _textured(_scene(seed, style, palette, size), Random(seed))  # nosec B311
    return _lettered(picture, title, tagline, palette, at_top=style in _TITLE_AT_TOP)


def poster_png(
    *,
    title: str,
    tagline: str = "",
    seed: int = 0,
    style: Style | None = None,
    palette: Palette | None = None,
) -> bytes:
    """Return a poster as a file that staff could have uploaded."""
    out = io.BytesIO()
    poster = draw_poster(title=title, tagline=tagline, seed=seed, style=style, palette=palette)
    poster.save(out, "PNG", compress_level=1)
    return out.getvalue()


def stage_for(
    seed: int, style: Style | None, palette: Palette | None, size: tuple[int, int], *, travel: int = 0
) -> Stage:
    """Return the drawn layers of a scene, each wider than the picture by its depth times `travel`."""
    style, palette = _chosen(seed, style, palette)
    stage = Stage(size, palette, Random(seed), travel=travel)  # nosec B311
    STYLES[style](stage)
    return stage


def _chosen(seed: int, style: Style | None, palette: Palette | None) -> tuple[Style, Palette]:
    styles, palettes = list(STYLES), list(PALETTES.values())
    # Two counts without a common divisor: neighbouring seeds differ in both.
    return style or styles[seed % len(styles)], palette or palettes[(seed * 7 + seed // 12) % len(palettes)]


def _scene(seed: int, style: Style, palette: Palette, size: tuple[int, int]) -> Image.Image:
    return stage_for(seed, style, palette, size).flatten()


def _textured(picture: Image.Image, dice: Random) -> Image.Image:
    """Add a little grain and darker corners, so that flat colours look printed."""
    noise = bytes(dice.getrandbits(8) for _ in range(128 * 128))
    tile = Image.frombytes("L", (128, 128), noise).point(lambda value: 118 + value * 20 / 255)
    grain = Image.new("L", picture.size)
    for left in range(0, picture.width, 128):
        for top in range(0, picture.height, 128):
            grain.paste(tile, (left, top))
    picture = ImageChops.soft_light(picture, Image.merge("RGB", (grain, grain, grain)))
    corners = Image.radial_gradient("L").resize(picture.size, Image.Resampling.BICUBIC)
    corners = corners.point(lambda value: max(0.0, (value - 120) * 0.7))
    return Image.composite(Image.new("RGB", picture.size, (0, 0, 0)), picture, corners)


def _lettered(
    picture: Image.Image, title: str, tagline: str, palette: Palette, *, at_top: bool
) -> Image.Image:
    width, height = picture.size
    left, room = round(width * _MARGIN), round(width * (1 - 2 * _MARGIN))
    lines, font_size = _set_title(title.upper(), room, round(height * (0.2 if at_top else 0.26)))
    step, small, foot = round(font_size * 1.12), round(width * 0.03), round(height * 0.955)
    tag_line = foot - round(small * 2.3)
    top = round(height * 0.07) if at_top else tag_line - step * len(lines) - (small // 2 if tagline else 0)
    bright = _luma(_mean(picture, top, step * len(lines))) > 135
    ink = mix(palette.front, (0, 0, 0), 0.2) if bright else palette.light
    reach = (step * len(lines)) / height + (0.16 if at_top else 0.32)
    _shade(picture, palette, at_top=at_top, reach=reach, bright=bright)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        _spaced(draw, line, (left, top + number * step), font_size, ink, bold=True)
    for text, y, size, spacing in (
        (tagline, tag_line, small, 0.04),
        (_SMALL_PRINT, foot, round(small * 0.62), 0.28),
    ):
        lower_ink = palette.front if _luma(_mean(picture, y, size)) > 135 else palette.light
        _spaced(draw, text, (left, y), size, lower_ink, spacing=spacing)
    return picture


def _set_title(title: str, room: int, height: int) -> tuple[list[str], int]:
    """Return the title's lines, and the largest type size at which they fit."""
    words = title.split() or [title]
    best: tuple[list[str], int] = ([title], 8)
    for count in range(1, min(4, len(words)) + 1):
        lines = _balanced(words, count)
        widest = max(_spaced_width(line, 100, 0.02) for line in lines) or 1.0
        size = min(round(100 * room / widest), round(height / (1.12 * len(lines))), round(room * 0.26))
        if size > best[1]:
            best = (lines, size)
    return best


def _balanced(words: list[str], count: int) -> list[str]:
    """Break the words into at most `count` lines of about the same length."""
    target = sum(len(word) + 1 for word in words) / count
    lines: list[str] = []
    current = ""
    for word in words:
        longer = f"{current} {word}".strip()
        if current and len(lines) < count - 1 and len(longer) - len(word) / 2 > target:
            lines.append(current)
            current = word
        else:
            current = longer
    return [*lines, current]


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(6, size))
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font


def _spaced_width(text: str, size: int, spacing: float) -> float:
    font = _font(size)
    return sum(font.getlength(sign) for sign in text) + spacing * size * max(0, len(text) - 1)


def _spaced(
    draw: ImageDraw.ImageDraw,
    text: str,
    place: tuple[int, int],
    size: int,
    ink: Colour,
    *,
    spacing: float = 0.02,
    bold: bool = False,
) -> None:
    """Write with space between the letters; the built-in typeface has one weight, so bold is a stroke."""
    font, x = _font(size), float(place[0])
    for sign in text:
        draw.text((x, place[1]), sign, ink, font, stroke_width=size * 0.022 if bold else 0)
        x += font.getlength(sign) + spacing * size


def _shade(picture: Image.Image, palette: Palette, *, at_top: bool, reach: float, bright: bool) -> None:
    """Calm the picture where the letters go, fading out into it."""
    ground = mix(palette.light, palette.horizon, 0.15) if bright else mix(palette.front, (0, 0, 0), 0.3)
    height = round(picture.height * min(1.0, reach))
    fade = Image.linear_gradient("L").resize((picture.width, height)).point(lambda value: value * 0.9)
    if at_top:
        fade = fade.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    top = 0 if at_top else picture.height - height
    picture.paste(Image.new("RGB", (picture.width, height), ground), (0, top), fade)


def _mean(picture: Image.Image, top: int, height: int) -> Colour:
    strip = picture.crop((0, top, picture.width, min(picture.height, top + max(1, height)))).resize((1, 1))
    pixel = strip.getpixel((0, 0))
    return (pixel[0], pixel[1], pixel[2]) if isinstance(pixel, tuple) else (0, 0, 0)


def _luma(colour: Colour) -> float:
    return colour[0] * 0.299 + colour[1] * 0.587 + colour[2] * 0.114
