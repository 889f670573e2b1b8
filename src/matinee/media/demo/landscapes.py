"""Scenes of places: mountains, towns, seas, woods."""

import math
from random import Random

from matinee.media.demo.scenes import (
    Brush,
    Colour,
    Palette,
    Points,
    Stage,
    closed_below,
    mix,
    scatter,
    skyline,
)


def ridges(stage: Stage) -> None:
    """Mountains behind mountains, and a low sun."""
    colours, dice = stage.palette, stage.dice
    stage.sky([colours.sky, mix(colours.sky, colours.horizon, 0.6), colours.horizon, colours.accent])
    x, y = dice.uniform(0.3, 0.7), dice.uniform(0.3, 0.4)
    stage.glow(x, y, 0.75, colours.accent, 0.7)
    stage.layer(0.05, lambda brush: brush.disc(x, y, 0.15, mix(colours.accent, colours.light, 0.5)))
    for number in range(6):
        share = number / 5
        line = (0.56 + 0.1 * number, 0.24 - 0.02 * number, 0.5 + 0.03 * number)

        def ridge(brush: Brush, line: tuple[float, float, float] = line, share: float = share) -> None:
            base, height, rough = line
            near = mix(mix(colours.horizon, colours.middle, min(1, share * 2)), colours.front, share**1.5)
            points = skyline(dice, brush.right, base=base, height=height, rough=rough)
            brush.shape(closed_below(points), near)

        stage.layer(0.15 + 0.17 * number, ridge)


def city(stage: Stage) -> None:
    """A town at night, windows lit."""
    colours, dice = stage.palette, stage.dice
    stage.sky([colours.front, colours.sky, mix(colours.sky, colours.horizon, 0.7), colours.horizon])
    x, y = dice.uniform(0.55, 0.75), dice.uniform(0.24, 0.32)
    stage.glow(x, y, 0.6, colours.light, 0.55)
    stage.layer(0.05, lambda brush: brush.disc(x, y, 0.17, mix(colours.accent, colours.light, 0.6)))
    rows = ((0.2, 0.5, 0.3, 0.35), (0.5, 0.66, 0.32, 0.7), (1.0, 0.86, 0.34, 1.0))
    for depth, base, height, near in rows:

        def houses(brush: Brush, row: tuple[float, float, float] = (base, height, near)) -> None:
            _houses(brush, dice, colours, row)

        stage.layer(depth, houses)


def _houses(brush: Brush, dice: Random, colours: Palette, row: tuple[float, float, float]) -> None:
    base, height, near = row
    wall = mix(mix(colours.horizon, colours.middle, near), colours.front, near)
    x = -0.02
    while x < brush.right:
        width = dice.uniform(0.05, 0.13) / brush.aspect**0.5
        top = base - height * dice.betavariate(2, 3)
        brush.box(x, top, x + width, 1.02, wall)
        if dice.random() < 0.25:
            brush.box(x + width * 0.48, top - 0.05, x + width * 0.52, top, wall)
        if near > 0.5:
            _windows(brush, dice, mix(colours.accent, colours.light, 0.3), (x, top, x + width))
        x += width * dice.uniform(0.9, 1.05)


def _windows(brush: Brush, dice: Random, colour: Colour, wall: tuple[float, float, float]) -> None:
    left, top, right = wall
    step_x, step_y = 0.017 / brush.aspect**0.5, 0.016 * brush.aspect**0.5
    y = top + step_y
    while y < 0.98:
        x = left + step_x * 0.7
        while x < right - step_x:
            if dice.random() < 0.33:
                brush.box(x, y, x + step_x * 0.5, y + step_y * 0.5, colour, dice.randint(110, 235))
            x += step_x
        y += step_y


def ocean(stage: Stage) -> None:
    """A sun cut into stripes, sinking into waves."""
    colours, dice = stage.palette, stage.dice
    stage.sky([colours.sky, colours.horizon, colours.accent])
    x = dice.uniform(0.4, 0.6)
    stage.glow(x, 0.5, 0.8, colours.light, 0.5)

    def sun(brush: Brush) -> None:
        brush.disc(x, 0.5, 0.3, mix(colours.accent, colours.light, 0.35))
        for number in range(7):
            y = 0.47 + number * 0.035 * brush.aspect**0.5
            brush.erase(0, y, brush.right, y + 0.004 + number * 0.003)

    stage.layer(0.05, sun)
    for number in range(8):
        share = number / 7

        def wave(brush: Brush, number: int = number, share: float = share) -> None:
            shift = dice.uniform(0, math.tau)
            often = 2.6 - share * 1.5
            points: Points = []
            for step in range(round(150 * brush.right) + 1):
                at = step / 150
                lift = math.sin(at * math.tau * often + shift) * 0.012 + math.sin(at * 21 + shift * 3) * 0.003
                points.append((at, 0.575 + number * 0.058 + lift * (1 + share)))
            tone = mix(mix(colours.horizon, colours.middle, min(1, 0.35 + share)), colours.front, share**1.3)
            brush.shape(closed_below(points), tone)
            brush.line(points, 0.0035, mix(tone, colours.light, 0.45), 150)

        stage.layer(0.15 + share * 0.85, wave)


def forest(stage: Stage) -> None:
    """Pines in the mist."""
    colours, dice = stage.palette, stage.dice
    stage.sky(
        [mix(colours.sky, colours.horizon, 0.25), colours.horizon, mix(colours.horizon, colours.light, 0.5)]
    )
    x, y = dice.uniform(0.35, 0.65), dice.uniform(0.27, 0.36)
    stage.glow(x, y, 0.7, colours.light, 0.7)
    stage.layer(0.05, lambda brush: brush.disc(x, y, 0.12, mix(colours.accent, colours.light, 0.5)))
    for number in range(5):
        share = number / 4

        def trees(brush: Brush, number: int = number, share: float = share) -> None:
            tone = mix(mix(colours.horizon, colours.middle, 0.3 + 0.7 * share), colours.front, share**1.4)
            base = 0.66 + number * 0.09
            brush.shape(
                closed_below(skyline(dice, brush.right, base=base + 0.03, height=0.05, rough=0.5)), tone
            )
            place = -0.03
            while place < brush.right + 0.03:
                tall = dice.uniform(0.1, 0.19) * (1 + share * 0.9)
                _pine(brush, (place, base + 0.02), tall, tone)
                place += dice.uniform(0.03, 0.07) * (0.8 + share) / brush.aspect**0.5

        stage.layer(0.15 + share * 0.85, trees)


def _pine(brush: Brush, foot: tuple[float, float], tall: float, colour: Colour) -> None:
    x, y = foot
    for tier in range(5):
        top = y - tall + tall * tier * 0.17
        half = tall * (0.09 + tier * 0.045) / brush.aspect
        brush.shape([(x, top), (x + half, top + tall * 0.3), (x - half, top + tall * 0.3)], colour)
    brush.box(x - tall * 0.02, y - tall * 0.12, x + tall * 0.02, y + 0.03, colour)


def lighthouse(stage: Stage) -> None:
    """A lighthouse and its beam."""
    colours, dice = stage.palette, stage.dice
    stage.sky([colours.front, colours.sky, mix(colours.sky, colours.horizon, 0.65)])
    x, lamp = dice.uniform(0.28, 0.4), 0.34

    def stars(brush: Brush) -> None:
        for at, high in scatter(dice, 120, brush.right, 0, 0.6):
            brush.disc(at, high, 0.0018, colours.light, dice.randint(50, 200))

    stage.layer(0.05, stars)

    def beam(brush: Brush) -> None:
        for spread in (0.1, 0.07, 0.04):
            brush.shape(
                [(x, lamp), (1.3, lamp - 0.06 - spread * 1.4), (1.3, lamp - 0.06 + spread * 1.4)],
                colours.accent,
                58,
            )
            brush.shape(
                [(x, lamp), (-0.4, lamp + 0.03 - spread), (-0.4, lamp + 0.03 + spread)], colours.accent, 40
            )
        brush.blur(0.006)

    stage.layer(0.15, beam)
    stage.glow(x, lamp, 0.4, colours.light, 0.9)

    def tower(brush: Brush) -> None:
        wide = 0.05 / brush.aspect**0.5
        white = mix(colours.light, colours.horizon, 0.15)
        for band in range(6):
            top, bottom = lamp + 0.03 + band * 0.075, lamp + 0.03 + (band + 1) * 0.075
            one, two = wide * (0.62 + band * 0.08), wide * (0.62 + (band + 1) * 0.08)
            tone = colours.horizon if band % 2 else white
            brush.shape([(x - one, top), (x + one, top), (x + two, bottom), (x - two, bottom)], tone)
        brush.box(x - wide * 0.75, lamp + 0.02, x + wide * 0.75, lamp + 0.032, colours.front)
        brush.box(
            x - wide * 0.45,
            lamp - 0.025,
            x + wide * 0.45,
            lamp + 0.02,
            mix(colours.accent, colours.light, 0.6),
        )
        brush.shape(
            [(x - wide * 0.6, lamp - 0.025), (x + wide * 0.6, lamp - 0.025), (x, lamp - 0.065)], colours.front
        )

    stage.layer(0.15, tower)
    for number, base in enumerate((0.85, 0.93)):
        tone = mix(colours.middle, colours.front, 0.4 + number * 0.6)

        def rock(brush: Brush, base: float = base, tone: Colour = tone) -> None:
            points = skyline(dice, brush.right, base=base, height=0.1, rough=0.6)
            brush.shape(closed_below(points), tone)

        stage.layer(0.4 + number * 0.6, rock)


def balloons(stage: Stage) -> None:
    """Balloons over hills."""
    colours, dice = stage.palette, stage.dice
    stage.sky(
        [colours.sky, mix(colours.sky, colours.horizon, 0.6), mix(colours.horizon, colours.light, 0.35)]
    )
    stage.glow(0.5, 0.75, 0.9, colours.light, 0.4)
    places = (
        (0.3, 0.26, 0.12, 0.5),
        (0.66, 0.4, 0.17, 0.8),
        (0.2, 0.55, 0.075, 0.3),
        (0.82, 0.2, 0.06, 0.25),
    )
    for x, y, size, depth in sorted(places, key=lambda place: place[3]):

        def balloon(brush: Brush, at: tuple[float, float, float] = (x, y, size)) -> None:
            _balloon(brush, at, (colours.accent, colours.middle, colours.horizon, colours.front), dice)

        stage.layer(depth, balloon)
    for number, base in enumerate((0.86, 0.94, 1.02)):

        def hill(brush: Brush, base: float = base, share: float = number / 2) -> None:
            points = skyline(dice, brush.right, base=base, height=0.12, rough=0.32)
            brush.shape(closed_below(points), mix(colours.middle, colours.front, share))

        stage.layer(0.4 + number * 0.3, hill)


def _balloon(brush: Brush, at: tuple[float, float, float], tones: tuple[Colour, ...], dice: Random) -> None:
    x, y, size = at
    one, other = dice.sample(tones, 2)
    unit_x, unit_y = min(1.0, 1 / brush.aspect), min(1.0, brush.aspect)
    basket = y + size * 1.75 * unit_y
    for side in (-1, 1):
        above, below = x + side * size * 0.5 * unit_x, x + side * size * 0.13 * unit_x
        brush.line([(above, y + size * 0.8 * unit_y), (below, basket)], 0.003, tones[-1])
    outline: Points = []
    for degrees in range(0, 361, 5):
        angle = math.radians(degrees)
        droop = 1 + 0.28 * max(0.0, math.sin(angle)) ** 3
        outline.append((math.cos(angle), math.sin(angle) * droop))
    for number, narrow in enumerate((1.0, 0.72, 0.42, 0.14)):
        points = [(x + px * size * narrow * unit_x, y + py * size * unit_y) for px, py in outline]
        brush.shape(points, (one, other)[number % 2])
    brush.box(
        x - size * 0.14 * unit_x, basket, x + size * 0.14 * unit_x, basket + size * 0.22 * unit_y, tones[-1]
    )


def highway(stage: Stage) -> None:
    """A road to the horizon."""
    colours, dice = stage.palette, stage.dice
    stage.sky([colours.front, colours.sky, colours.horizon])
    stage.glow(0.5, 0.46, 0.8, colours.horizon, 0.6)

    def sun(brush: Brush) -> None:
        brush.disc(0.5, 0.43, 0.27, mix(colours.accent, colours.light, 0.25))
        for number in range(6):
            y = 0.4 + number * 0.036
            brush.erase(0, y, brush.right, y + 0.005 + number * 0.003)

    stage.layer(0.05, sun)

    def hills(brush: Brush) -> None:
        points = skyline(dice, brush.right, base=0.6, height=0.1, rough=0.62)
        brush.shape(closed_below(points), mix(colours.middle, colours.front, 0.45))

    stage.layer(0.25, hills)

    def road(brush: Brush) -> None:
        brush.box(0, 0.58, brush.right, 1.02, colours.front)
        grid = mix(colours.accent, colours.horizon, 0.3)
        for number in range(14):
            y = 0.58 + 0.44 * (number / 13) ** 2.2
            brush.line([(0, y), (brush.right, y)], 0.0025, grid, 60 + number * 12)
        for number in range(-14, 15):
            brush.line([(0.5 + number * 0.012, 0.58), (0.5 + number * 0.2, 1.02)], 0.0025, grid, 130)
        brush.shape(
            [(0.493, 0.58), (0.507, 0.58), (0.85, 1.02), (0.15, 1.02)], mix(colours.front, colours.sky, 0.3)
        )
        for number in range(7):
            top, bottom = 0.58 + 0.44 * (number / 7) ** 2, 0.58 + 0.44 * ((number + 0.5) / 7) ** 2
            near, far = (bottom - 0.58) * 0.022, (top - 0.58) * 0.022
            brush.shape(
                [(0.5 - far, top), (0.5 + far, top), (0.5 + near, bottom), (0.5 - near, bottom)],
                colours.light,
            )

    stage.layer(0.25, road)
