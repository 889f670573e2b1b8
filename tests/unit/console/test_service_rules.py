"""Percentages as people write them."""

import pytest

from matinee.console.service.settings import basis_points, percent
from matinee.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("points", "text"), [(0, "0"), (2100, "21"), (550, "5.5"), (1275, "12.75"), (10_000, "100")]
)
def test_a_rate_is_read_as_it_is_written(points: int, text: str) -> None:
    assert (percent(points), basis_points(text)) == (text, points)


def test_a_comma_is_as_good_as_a_point() -> None:
    assert basis_points("18,5") == 1850


@pytest.mark.parametrize("text", ["", " ", "x", "1.234", "1.2.3", "-1", "1e2", "٢١", "999999999"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        basis_points(text)
    assert list(caught.value.fields) == ["tax_rate_basis_points"]
