"""Times in forms are the operator's wall clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from matinee.console.local_time import from_local, to_local
from matinee.kernel.errors import Invalid

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-23T20:15", datetime(2026, 11, 23, 19, 15, tzinfo=UTC)),
        ("2026-03-29T02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # skipped in spring
        ("2026-10-25T02:30", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # there twice in autumn: the second
    ],
)
def test_a_time_of_a_form_is_the_later_instant_of_its_wall_clock(text: str, instant: datetime) -> None:
    assert from_local(text, AMSTERDAM, field="until") == instant


@pytest.mark.parametrize(
    "text",
    ["soon", "2026-11-23T20:15 or so", "2026-11-23T20:15+02:00", "0001-01-01T00:00", "9999-12-31T23:59"],
)
def test_what_is_no_time_is_refused_at_its_field(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_local(text, AMSTERDAM, field="until")
    assert set(refused.value.fields) == {"until"}


def test_a_time_that_was_not_touched_keeps_its_seconds() -> None:
    kept = datetime(2026, 11, 23, 19, 15, 42, tzinfo=UTC)
    assert from_local(to_local(kept, AMSTERDAM), AMSTERDAM, field="until", unchanged=kept) == kept
