"""PPV rules and how they read."""

import pytest

from matinee.kernel.errors import Invalid
from matinee.kernel.periods import WindowUnit
from matinee.offers.rules import amount_in_words, check_ppv_rule, terms_in_words
from matinee.offers.types import PpvRuleDraft


@pytest.mark.parametrize(
    ("unit", "quantity", "finish", "words"),
    [
        (
            WindowUnit.HOURS,
            48,
            48,
            "Start within 48 hours of buying, finish within 48 hours of the first play",
        ),
        (WindowUnit.HOURS, 1, 1, "Start within 1 hour of buying, finish within 1 hour of the first play"),
        (WindowUnit.DAYS, 30, None, "Start within 30 days of buying; once started, watch to the end"),
        (WindowUnit.MONTHS, 1, None, "Start within 1 month of buying; once started, watch to the end"),
    ],
)
def test_terms_are_plain_words(unit: WindowUnit, quantity: int, finish: int | None, words: str) -> None:
    assert terms_in_words(unit=unit, quantity=quantity, finish_window_hours=finish) == words


def test_amounts_are_counted_in_the_right_number() -> None:
    assert [amount_in_words(WindowUnit.YEARS, number) for number in (1, 2)] == ["1 year", "2 years"]
    assert amount_in_words(WindowUnit.HOURS, 8760) == "8,760 hours"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "5500 0000 0000 0004"}, "name"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": 87_601}, "quantity"),
        ({"unit": WindowUnit.YEARS, "quantity": 11}, "quantity"),
        ({"finish_window_hours": 0}, "finish_window_hours"),
        ({"finish_window_hours": 87_601}, "finish_window_hours"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], field: str) -> None:
    given: dict[str, object] = {
        "name": "Weekend",
        "unit": WindowUnit.HOURS,
        "quantity": 48,
        "finish_window_hours": 48,
    }
    with pytest.raises(Invalid) as caught:
        check_ppv_rule(PpvRuleDraft(**(given | changes)))  # type: ignore[arg-type]
    assert list(caught.value.fields) == [field]


def test_the_largest_windows_pass() -> None:
    for unit, quantity in ((WindowUnit.HOURS, 87_600), (WindowUnit.YEARS, 10), (WindowUnit.DAYS, 1)):
        check_ppv_rule(PpvRuleDraft(name="x", unit=unit, quantity=quantity, finish_window_hours=None))
