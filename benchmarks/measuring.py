"""Ratios out of runs that alternate: what happens to the machine meanwhile happens to both sides."""

import os
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import msgspec

FEWEST_PAIRS = 5


class Spread(msgspec.Struct, frozen=True):
    """The lowest and the highest of the pairs' ratios."""

    lowest: float
    highest: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One side against another: medians of both, the median of the pairs' ratios and how far those lie apart."""

    ratio: float
    ours: float
    limit: float
    spread: Spread
    pairs: int


def alternate(sides: Mapping[str, Callable[[], float]], *, pairs: int) -> dict[str, list[float]]:
    """Run every side in turn, `pairs` times, and return what each measured, in order."""
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(pairs):
        for name, run in sides.items():
            measured[name].append(run())
    return measured


def compare(ours: Sequence[float], limit: Sequence[float]) -> Comparison:
    """Compare throughputs measured in turn. Raises ValueError unless both sides ran equally often."""
    ratios = [mine / other for mine, other in zip(ours, limit, strict=True)]
    return Comparison(
        ratio=rounded(median(ratios)),
        ours=rounded(median(ours)),
        limit=rounded(median(limit)),
        spread=Spread(rounded(min(ratios)), rounded(max(ratios))),
        pairs=len(ratios),
    )


class Point(msgspec.Struct, frozen=True):
    """What was measured at one size."""

    size: int
    ours: float


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """How the cost of one request grows with the size: `cost_factor` over `size_factor`, smallest to largest."""

    points: list[Point]
    size_factor: float
    cost_factor: float


def growth(points: Sequence[Point]) -> Growth:
    """Return how cost grows from the first point to the last; the points go up in size."""
    first, last = points[0], points[-1]
    return Growth(
        points=list(points),
        size_factor=rounded(last.size / first.size),
        cost_factor=rounded(first.ours / last.ours),
    )


def rounded(value: float) -> float:
    """Return three digits that mean something."""
    return float(f"{value:.3g}") if value < 1000 else float(round(value))


def machine() -> dict[str, Any]:
    """Return what a reader must know about where this ran, and how busy it was with other things."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }
