"""Scenes of shapes: a planet, tiles, a doorway, a flower, a map."""

import math

from matinee.media.demo.scenes import Brush, Colour, Points, Stage, mix, scatter


def orbit(stage: Stage) -> None:
    """A planet with rings."""
    colours, dice = stage.palette, stage.dice
    stage.sky([colours.front, mix(colours.front, colours.sky, 0.8), mix(colours.sky, colours.middle, 0.6)])
    stage.glow(dice.uniform(0.1, 0.9), dice.uniform(0.2, 0.8), 0.9, colours.middle, 0.5)

    def stars(brush: Brush) -> None:
        for x, y in scatter(dice, 260, brush.right, 0, 1):
            brush.disc(x, y, dice.choice((0.0012, 0.0016, 0.003)), colours.light, dice.randint(60, 240))

    stage.layer(0.08, stars)
    x, y, radius = dice.uniform(0.42, 0.6), dice.uniform(0.4, 0.47), dice.uniform(0.25, 0.3)
    stage.glow(x, y, radius * 2.1, colours.horizon, 0.6)

    def planet(brush: Brush) -> None:
        dark, lit = mix(colours.front, colours.middle, 0.35), mix(colours.horizon, colours.accent, 0.25)
        for step in range(40):
            share = step / 39
            left = radius * 0.42 * share * min(1, 1 / brush.aspect)
            up = radius * 0.21 * share * min(1, brush.aspect)
            brush.disc(x - left, y - up, radius * (1 - share * 0.78), mix(dark, lit, share))

    stage.layer(0.3, planet)

    def rings(brush: Brush) -> None:
        tilt = dice.uniform(-0.5, -0.25)
        for number in range(5):
            reach = radius * (1.45 + number * 0.1)
            points = _ellipse(brush, (x, y), reach, tilt, front=True)
            brush.line(
                points,
                0.011 - number * 0.0015,
                mix(colours.accent, colours.light, number / 6),
                220 - number * 30,
            )

    stage.layer(0.3, rings)
    stage.layer(0.7, lambda brush: brush.disc(0.16, 0.7, 0.045, mix(colours.accent, colours.middle, 0.3)))


def _ellipse(brush: Brush, centre: tuple[float, float], reach: float, tilt: float, *, front: bool) -> Points:
    turn = range(-8, 189, 4) if front else range(0, 361, 4)
    points: Points = []
    scale_x, scale_y = min(1.0, 1 / brush.aspect), min(1.0, brush.aspect)
    for degrees in turn:
        angle = math.radians(degrees)
        along, across = math.cos(angle) * reach, math.sin(angle) * reach * 0.24
        points.append(
            (
                centre[0] + (along * math.cos(tilt) - across * math.sin(tilt)) * scale_x,
                centre[1] + (along * math.sin(tilt) + across * math.cos(tilt)) * scale_y,
            )
        )
    return points


def bauhaus(stage: Stage) -> None:
    """Tiles of quarter circles."""
    colours, dice = stage.palette, stage.dice
    ground = mix(colours.light, colours.horizon, 0.1)
    stage.sky([ground, ground])
    tones = (colours.front, colours.accent, colours.horizon, colours.middle, colours.sky)

    def tiles(brush: Brush) -> None:
        across = 4
        side = 1 / across
        high = side * brush.aspect
        unit = side * max(1.0, brush.aspect) if brush.aspect > 1 else side
        # An upright picture keeps its lower third free for the letters.
        rows = math.floor(0.7 / high) if brush.aspect < 1 else math.ceil(1 / high)
        for row in range(rows):
            for column in range(math.ceil(brush.right / side)):
                left, top = column * side, row * high
                one, other = dice.sample(tones, 2)
                brush.box(left, top, left + side, top + high, one, 255 if dice.random() < 0.75 else 0)
                corner = dice.randrange(4)
                at = (left + side * (corner in (1, 2)), top + high * (corner >= 2))
                kind = dice.random()
                if kind < 0.62:
                    brush.slice(*at, unit, (corner * 90.0, corner * 90.0 + 90.0), other)
                elif kind < 0.85:
                    brush.disc(left + side / 2, top + high / 2, unit * 0.32, other)

    stage.layer(0.4, tiles)


def doorway(stage: Stage) -> None:
    """A long corridor, and somebody at its lit end."""
    colours, dice = stage.palette, stage.dice
    stage.sky([colours.front, mix(colours.front, colours.sky, 0.5)])
    x, y = dice.uniform(0.45, 0.55), 0.56
    frames = 8

    def corridor(brush: Brush) -> None:
        for number in range(frames):
            share = number / (frames - 1)
            half, up, down = 0.56 * (1 - share) + 0.085, 0.6 * (1 - share) + 0.13, 0.48 * (1 - share) + 0.09
            tone = mix(mix(colours.front, colours.middle, 0.25), colours.horizon, share**1.6)
            brush.box(x - half, y - up, x + half, y + down, tone)
        brush.box(x - 0.075, y - 0.12, x + 0.075, y + 0.085, mix(colours.accent, colours.light, 0.6))

    stage.layer(0.2, corridor)
    stage.glow(x, y - 0.02, 0.45, colours.accent, 0.5)

    def figure(brush: Brush) -> None:
        foot = y + 0.1
        unit = brush.aspect
        brush.shape(
            [(x - 0.016, foot), (x + 0.016, foot), (x + 0.16, 1.02), (x - 0.02, 1.02)], colours.front, 190
        )
        brush.disc(x, foot - 0.092 * unit, 0.0135, colours.front)
        shoulder, hip = foot - 0.075 * unit, foot - 0.03 * unit
        right = [(x + 0.011, shoulder), (x + 0.02, hip), (x + 0.012, foot)]
        left = [(2 * x - at, high) for at, high in reversed(right)]
        brush.shape([*right, *left], colours.front)

    stage.layer(0.2, figure)


def bloom(stage: Stage) -> None:
    """A flower of many petals."""
    colours, dice = stage.palette, stage.dice
    stage.sky([mix(colours.sky, colours.front, 0.3), mix(colours.sky, colours.middle, 0.4)])
    x, y = 0.5, dice.uniform(0.42, 0.46)
    stage.glow(x, y, 0.95, colours.horizon, 0.6)
    rounds = (
        (15, 0.47, colours.middle),
        (12, 0.37, colours.horizon),
        (9, 0.26, colours.accent),
        (7, 0.15, colours.light),
    )
    for number, (petals, reach, tone) in enumerate(rounds):
        turn = dice.uniform(0, math.tau)

        def flower(
            brush: Brush,
            shape: tuple[int, float] = (petals, reach),
            tone: Colour = tone,
            turn: float = turn,
        ) -> None:
            count, long = shape
            for petal in range(count):
                angle = turn + petal / count * math.tau
                shade = mix(tone, colours.front, 0.22 * (petal % 2))
                brush.shape(_petal(brush, (x, y), long, angle), shade, 225)

        stage.layer(0.2 + number * 0.12, flower)
    stage.layer(0.6, lambda brush: brush.disc(x, y, 0.05, colours.front))


def _petal(brush: Brush, centre: tuple[float, float], reach: float, angle: float) -> Points:
    unit_x, unit_y = min(1.0, 1 / brush.aspect), min(1.0, brush.aspect)
    points: Points = []
    for step in range(41):
        share = step / 40 * 2
        along = share if share <= 1 else 2 - share
        side = math.sin(along**0.8 * math.pi) * 0.2 * (1 if share <= 1 else -1)
        px = (along * math.cos(angle) - side * math.sin(angle)) * reach
        py = (along * math.sin(angle) + side * math.cos(angle)) * reach
        points.append((centre[0] + px * unit_x, centre[1] + py * unit_y))
    return points


def contours(stage: Stage) -> None:
    """An island on a map."""
    colours, dice = stage.palette, stage.dice
    stage.sky([mix(colours.middle, colours.front, 0.6), mix(colours.middle, colours.front, 0.2)])
    x, y = dice.uniform(0.4, 0.6), dice.uniform(0.36, 0.46)
    waves = [
        (often, dice.uniform(0, math.tau), dice.uniform(0.04, 0.16) / often**0.5) for often in (2, 3, 5, 7)
    ]

    def island(brush: Brush) -> None:
        unit_x, unit_y = min(1.0, 1 / brush.aspect), min(1.0, brush.aspect)
        rounds = 17
        for number in range(rounds):
            share = number / (rounds - 1)
            reach = 0.86 * (1 - share) + 0.035
            points: Points = []
            for degrees in range(0, 363, 3):
                angle = math.radians(degrees)
                swing = 1 + sum(math.sin(angle * n + shift + share * 1.4) * size for n, shift, size in waves)
                points.append(
                    (
                        x + math.cos(angle) * reach * swing * unit_x,
                        y + math.sin(angle) * reach * swing * unit_y,
                    )
                )
            tone = mix(
                mix(colours.front, colours.middle, share * 1.6 if share < 0.6 else 1),
                colours.horizon,
                share**1.5,
            )
            brush.shape(points, tone)
            brush.line(points, 0.003, mix(tone, colours.light, 0.4), 170)
        brush.disc(x, y, 0.024, colours.accent)

    stage.layer(0.25, island)
