"""Pictures for the demo, drawn from a seed: scenes in layers that posters flatten and films move past.

A scene draws on a `Stage`. Each layer has a depth from 0 (the sky, which stands still) to 1 (right in front
of the camera); in a film a layer is wider than the picture by its depth times the stage's travel.
"""

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeAlias

import msgspec
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour: TypeAlias = tuple[int, int, int]
Points: TypeAlias = list[tuple[float, float]]

_OVERSAMPLING: Final = 2


class Palette(msgspec.Struct, frozen=True):
    """The colours of a film, from the sky's top to what stands in front; `light` for lamps and letters."""

    sky: Colour
    horizon: Colour
    accent: Colour
    middle: Colour
    front: Colour
    light: Colour


PALETTES: Final[dict[str, Palette]] = {
    "dusk": Palette(
        (18, 24, 60), (236, 126, 96), (255, 214, 150), (92, 54, 98), (20, 16, 38), (255, 240, 220)
    ),
    "lagoon": Palette(
        (6, 30, 48), (70, 164, 170), (246, 226, 160), (22, 92, 110), (4, 22, 34), (236, 250, 244)
    ),
    "ember": Palette(
        (58, 12, 46), (246, 96, 84), (255, 196, 92), (140, 26, 74), (34, 6, 30), (255, 236, 214)
    ),
    "morning": Palette(
        (150, 204, 214), (250, 214, 176), (226, 84, 60), (92, 150, 156), (28, 62, 76), (255, 250, 240)
    ),
    "midnight": Palette(
        (10, 12, 28), (84, 78, 170), (196, 172, 255), (48, 44, 106), (6, 6, 18), (240, 236, 255)
    ),
    "peach": Palette(
        (250, 222, 184), (240, 150, 110), (190, 52, 62), (214, 110, 84), (66, 26, 44), (255, 246, 228)
    ),
    "moss": Palette(
        (8, 40, 36), (150, 192, 120), (250, 236, 150), (34, 98, 72), (4, 24, 22), (244, 250, 220)
    ),
    "noir": Palette((26, 22, 30), (176, 58, 50), (250, 222, 196), (92, 30, 38), (12, 9, 13), (252, 242, 230)),
    "neon": Palette(
        (36, 8, 66), (255, 94, 150), (110, 240, 250), (110, 24, 130), (14, 4, 34), (255, 236, 250)
    ),
    "summer": Palette(
        (96, 160, 220), (252, 226, 190), (244, 172, 50), (86, 138, 190), (26, 52, 96), (255, 252, 244)
    ),
}


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return the colour `share` (0 to 1) of the way from `one` to `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Stage:
    """Collects the layers of one scene for a picture of `size`."""

    def __init__(self, size: tuple[int, int], palette: Palette, dice: Random, *, travel: int = 0) -> None:
        self.size = size
        self.palette = palette
        self.dice = dice
        self._travel = travel
        self.layers: list[tuple[float, Image.Image]] = []

    def sky(self, stops: Sequence[Colour]) -> None:
        """Fill the ground with a gradient from the top to the bottom."""
        column = Image.new("RGB", (1, 256))
        for y in range(256):
            place = y / 255 * (len(stops) - 1)
            first = min(int(place), len(stops) - 2)
            column.putpixel((0, y), mix(stops[first], stops[first + 1], place - first))
        self.layers.append((0.0, column.resize(self.size, Image.Resampling.BICUBIC).convert("RGBA")))

    def layer(self, depth: float, draw: Callable[["Brush"], None]) -> None:
        """Draw one layer, smooth at its edges."""
        width, height = self.size
        wide = width + round(self._travel * depth)
        canvas = Image.new("RGBA", (wide * _OVERSAMPLING, height * _OVERSAMPLING), (0, 0, 0, 0))
        draw(Brush(canvas, self.size))
        self.layers.append((depth, canvas.resize((wide, height), Image.Resampling.BOX)))

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 0.8) -> None:
        """Add light around a place; `radius` counts in the shorter side."""
        span = max(2, round(radius * min(self.size) * 2))
        light = ImageChops.invert(Image.radial_gradient("L")).resize((span, span), Image.Resampling.BICUBIC)
        light = light.point(lambda value: max(0.0, (value - 75) * 1.4) * strength)
        picture = Image.new("RGBA", self.size, (*colour, 0))
        mask = Image.new("L", self.size, 0)
        mask.paste(light, (round(x * self.size[0] - span / 2), round(y * self.size[1] - span / 2)))
        picture.putalpha(mask)
        self.layers.append((0.0, picture))

    def flatten(self) -> Image.Image:
        """Return the still picture."""
        width, height = self.size
        still = Image.new("RGBA", self.size)
        for _, layer in self.layers:
            still.alpha_composite(layer.crop((0, 0, width, height)))
        return still.convert("RGB")


class Brush:
    """Draws in shares of the picture: x in widths, y in heights, radii in shorter sides.

    What is drawn replaces what is below it on the same layer, its transparency too.
    """

    def __init__(self, canvas: Image.Image, size: tuple[int, int]) -> None:
        self._canvas = canvas
        self._draw = ImageDraw.Draw(canvas, "RGBA")
        self._width, self._height = size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING
        self._unit = min(self._width, self._height)
        self.right = canvas.width / self._width

    @property
    def aspect(self) -> float:
        """Width over height: turns a share of the width into one of the height."""
        return self._width / self._height

    def shape(self, points: Points, colour: Colour, alpha: int = 255) -> None:
        self._draw.polygon([(x * self._width, y * self._height) for x, y in points], (*colour, alpha))

    def disc(self, x: float, y: float, radius: float, colour: Colour, alpha: int = 255) -> None:
        r = radius * self._unit
        cx, cy = x * self._width, y * self._height
        self._draw.ellipse((cx - r, cy - r, cx + r, cy + r), (*colour, alpha))

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour, alpha: int = 255) -> None:
        r = radius * self._unit
        cx, cy = x * self._width, y * self._height
        box = (cx - r, cy - r, cx + r, cy + r)
        self._draw.ellipse(box, outline=(*colour, alpha), width=max(1, round(width * self._unit)))

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, alpha: int = 255) -> None:
        left, top, right, bottom = x0 * self._width, y0 * self._height, x1 * self._width, y1 * self._height
        if right > left and bottom > top:
            self._draw.rectangle((left, top, right, bottom), (*colour, alpha))

    def line(self, points: Points, width: float, colour: Colour, alpha: int = 255) -> None:
        self._draw.line(
            [(x * self._width, y * self._height) for x, y in points],
            (*colour, alpha),
            max(1, round(width * self._unit)),
            joint="curve",
        )

    def slice(
        self, x: float, y: float, radius: float, angles: tuple[float, float], colour: Colour, alpha: int = 255
    ) -> None:
        r = radius * self._unit
        cx, cy = x * self._width, y * self._height
        self._draw.pieslice((cx - r, cy - r, cx + r, cy + r), *angles, (*colour, alpha))

    def erase(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Cut a hole through this layer."""
        box = (x0 * self._width, y0 * self._height, x1 * self._width, y1 * self._height)
        self._draw.rectangle(box, (0, 0, 0, 0))

    def blur(self, radius: float) -> None:
        """Soften what has been drawn so far."""
        soft = self._canvas.filter(ImageFilter.GaussianBlur(radius * self._unit))
        self._canvas.paste(soft)


def skyline(dice: Random, right: float, *, base: float, height: float, rough: float) -> Points:
    """Return a jagged line from the left edge to `right`: waves of several lengths, added up."""
    waves = [
        (dice.uniform(0.7, 1.3) * 2**octave, dice.uniform(0, math.tau), rough**octave) for octave in range(7)
    ]
    total = sum(weight for *_, weight in waves)
    steps = round(160 * right)
    points: Points = []
    for step in range(steps + 1):
        x = step / steps * right
        swing = sum(math.sin(x * math.tau * often + shift) * weight for often, shift, weight in waves)
        points.append((x, base - height * (0.5 + swing / total)))
    return points


def closed_below(line: Points) -> Points:
    """Return the area between a line and the lower edge of the picture."""
    return [*line, (line[-1][0], 1.02), (line[0][0], 1.02)]


def scatter(dice: Random, count: int, right: float, top: float, bottom: float) -> Points:
    """Return `count` places."""
    return [(dice.uniform(0, right), dice.uniform(top, bottom)) for _ in range(count)]
