"""Why staff did something, as the log keeps it."""

import pytest

from matinee.kernel.errors import Invalid
from matinee.kernel.reasons import LONGEST_REASON, checked_reason


@pytest.mark.parametrize("text", ["", " \n", "x" * (LONGEST_REASON + 1), "card 4111 1111 1111 1111", "a\0b"])
def test_a_reason_must_be_fit_to_be_kept(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_reason(text)
    assert list(caught.value.fields) == ["reason"]


def test_a_reason_is_kept_without_blanks_around_it() -> None:
    assert checked_reason(" two\nlines ") == "two\nlines"
    assert checked_reason("x" * LONGEST_REASON) == "x" * LONGEST_REASON
