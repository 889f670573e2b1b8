"""Ratios, spreads and growth: arithmetic only, no times."""

import pytest
from benchmarks.measuring import Comparison, Growth, Point, Spread, alternate, compare, growth, rounded
from benchmarks.pgbench import rate


def test_sides_take_turns() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    measured = alternate({"a": lambda: side("a"), "b": lambda: side("b")}, pairs=3)
    assert order == ["a", "b"] * 3
    assert measured == {"a": [1.0, 3.0, 5.0], "b": [2.0, 4.0, 6.0]}


def test_the_ratio_is_the_median_of_the_pairs_not_the_ratio_of_the_medians() -> None:
    found = compare([100.0, 10.0, 300.0], [200.0, 10.0, 400.0])
    assert found == Comparison(ratio=0.75, ours=100.0, limit=200.0, spread=Spread(0.5, 1.0), pairs=3)


def test_sides_must_have_run_equally_often() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare([1.0], [1.0, 2.0])


def test_growth_compares_the_smallest_with_the_largest() -> None:
    points = [Point(1_000, 500.0), Point(10_000, 480.0), Point(100_000, 250.0)]
    assert growth(points) == Growth(points=points, size_factor=100.0, cost_factor=2.0)


@pytest.mark.parametrize(("value", "shown"), [(0.12345, 0.123), (12.345, 12.3), (12345.6, 12346.0)])
def test_figures_have_three_digits(value: float, shown: float) -> None:
    assert rounded(value) == shown


def test_what_pgbench_prints() -> None:
    printed = (
        "number of failed transactions: 0 (0.000%)\nlatency average = 0.2 ms\ntps = 30123.45 (without ...)\n"
    )
    assert rate(printed) == 30123.45


@pytest.mark.parametrize("printed", ["", "number of failed transactions: 3 (1.0%)\ntps = 10.0 (without ...)"])
def test_a_pgbench_that_failed_counts_for_nothing(printed: str) -> None:
    with pytest.raises(RuntimeError):
        rate(printed, "deadlock detected")
