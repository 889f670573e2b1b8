"""Pictures for films that do not exist: drawn, so that the demo ships nobody's artwork."""

import io
import math
from random import Random

from PIL import Image, ImageDraw, ImageFilter, ImageFont

_PALETTES = (
    ("#0b1d3a", "#f2a65a", "#f7e1b5"),
    ("#1f1300", "#d1495b", "#edae49"),
    ("#062925", "#3caea3", "#f6d55c"),
    ("#240046", "#9d4edd", "#ffd6ff"),
    ("#10002b", "#e0607e", "#ffe5d9"),
    ("#14213d", "#4ea8de", "#e5e5e5"),
    ("#1b3022", "#95b46a", "#fdf0d5"),
    ("#2b1a12", "#bc6c25", "#fefae0"),
)


def poster(title: str, year: int, *, width: int = 800) -> bytes:
    """Return a portrait poster (2:3) as JPEG; the same title always gives the same picture."""
    height = width * 3 // 2
    picture = scene(title, width, height)
    draw = ImageDraw.Draw(picture)
    light = _palette(title)[2]
    lines = _wrapped(title.upper(), width - 120, size := width // 9)
    top = height - 150 - len(lines) * int(size * 1.1)
    for number, line in enumerate(lines):
        _write(draw, (60, top + number * int(size * 1.1)), line, size, light)
    _write(draw, (62, height - 120), str(year), width // 22, light)
    return _jpeg(picture)


def scene(title: str, width: int, height: int) -> Image.Image:
    """Draw a landscape at dusk: sky, a low sun or moon, hills one behind the other."""
    # Drawn at twice the size and reduced, which makes the edges smooth.
    return _scene(title, width * 2, height * 2).reduce(2)


def _scene(title: str, width: int, height: int) -> Image.Image:
    dice = Random(title)  # nosec B311
    dark, warm, light = _palette(title)
    radius = width * dice.uniform(0.12, 0.2)
    x, y = width * dice.uniform(0.3, 0.7), height * dice.uniform(0.3, 0.45)
    glow = _glow(width // 8, height // 8, x / 8, y / 8, radius / 8, colours=(dark, warm))
    picture = Image.blend(_gradient(width, height, dark, warm), glow.resize((width, height)), 0.45)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=light)
    for layer in range(4):
        level = height * (0.5 + layer * 0.11)
        shade = _mixed(warm, dark, 0.45 + layer * 0.18)
        draw.polygon(_hills(dice, width, height, level, height * 0.07), fill=shade)
    return picture


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the typeface that comes with Pillow."""
    return ImageFont.load_default(size)


def _palette(title: str) -> tuple[str, str, str]:
    return _PALETTES[sum(title.encode()) % len(_PALETTES)]


def _glow(
    width: int, height: int, x: float, y: float, radius: float, *, colours: tuple[str, str]
) -> Image.Image:
    """Draw the light around the sun; small, because nothing in it is sharp."""
    glow = Image.new("RGB", (width, height), colours[0])
    box = (x - radius * 2, y - radius * 2, x + radius * 2, y + radius * 2)
    ImageDraw.Draw(glow).ellipse(box, fill=colours[1])
    return glow.filter(ImageFilter.GaussianBlur(radius * 0.8))


def _gradient(width: int, height: int, above: str, below: str) -> Image.Image:
    column = Image.new("RGB", (1, 64))
    for row in range(64):
        column.putpixel((0, row), _mixed(above, below, min(1.0, row / 44)))
    return column.resize((width, height), Image.Resampling.BICUBIC)


def _hills(dice: Random, width: int, height: int, level: float, swell: float) -> list[tuple[float, float]]:
    waves = [(dice.uniform(1, 4), dice.uniform(0, 6.3), dice.uniform(0.3, 1)) for _ in range(3)]
    line = []
    for step in range(101):
        across = step / 100
        lift = sum(math.sin(across * 6.3 * count + shift) * weight for count, shift, weight in waves)
        line.append((across * width, level - lift * swell / 2))
    return [*line, (width, height), (0, height)]


def _mixed(first: str, second: str, share: float) -> tuple[int, int, int]:
    one, two = (tuple(bytes.fromhex(colour[1:])) for colour in (first, second))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, two, strict=True))
    return red, green, blue


def _wrapped(text: str, width: int, size: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font(size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, colour: str) -> None:
    draw.text((place[0] + 2, place[1] + 2), text, font=font(size), fill="#000000")
    draw.text(place, text, font=font(size), fill=colour)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=86, optimize=True)
    return out.getvalue()
