"""Windows of time: exact hours, calendar steps, and clocks that are changed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from matinee.kernel.periods import WindowUnit, window_end

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("start", "unit", "quantity", "end"),
    [
        (utc(2026, 3, 28, 12), WindowUnit.HOURS, 24, utc(2026, 3, 29, 12)),
        # The same wall-clock time a day later, though that day has 23 hours.
        (utc(2026, 3, 28, 12), WindowUnit.DAYS, 1, utc(2026, 3, 29, 11)),
        # 25 hours when the clocks go back.
        (utc(2026, 10, 24, 12), WindowUnit.DAYS, 1, utc(2026, 10, 25, 13)),
        # 02:30 is skipped on 29 March: the later reading is 03:30 summer time.
        (utc(2026, 3, 28, 1, 30), WindowUnit.DAYS, 1, utc(2026, 3, 29, 1, 30)),
        # 02:30 comes twice on 25 October: the later one, in winter time.
        (utc(2026, 10, 24, 0, 30), WindowUnit.DAYS, 1, utc(2026, 10, 25, 1, 30)),
        (utc(2026, 1, 31, 12), WindowUnit.MONTHS, 1, utc(2026, 2, 28, 12)),
        (utc(2028, 1, 31, 12), WindowUnit.MONTHS, 1, utc(2028, 2, 29, 12)),
        (utc(2026, 11, 30, 12), WindowUnit.MONTHS, 3, utc(2027, 2, 28, 12)),
        (utc(2028, 2, 29, 12), WindowUnit.YEARS, 1, utc(2029, 2, 28, 12)),
        # The day is the operator's: 23:30 UTC on the 31st is the 1st in Amsterdam.
        (utc(2026, 1, 31, 23, 30), WindowUnit.MONTHS, 1, utc(2026, 2, 28, 23, 30)),
    ],
)
def test_where_a_window_ends(start: datetime, unit: WindowUnit, quantity: int, end: datetime) -> None:
    assert window_end(start, unit=unit, quantity=quantity, zone=AMSTERDAM) == end


def test_a_start_without_a_time_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="aware"):
        window_end(datetime(2026, 1, 1), unit=WindowUnit.HOURS, quantity=1, zone=AMSTERDAM)  # noqa: DTZ001
