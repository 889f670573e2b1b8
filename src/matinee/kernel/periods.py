"""Windows of time. Periods are half-open, `[start, end)`; every instant is aware and UTC.

Hours are exact elapsed hours. Days, months and years are calendar steps in the operator's
time zone that end at the same local time, clamped to the end of the month; a local time
that a clock change skips or repeats resolves to the later instant.
"""

import calendar
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class WindowUnit(StrEnum):
    """The type of a PPV rule."""

    HOURS = "hours"
    DAYS = "days"
    MONTHS = "months"
    YEARS = "years"


LARGEST_QUANTITY = {
    WindowUnit.HOURS: 87_600,
    WindowUnit.DAYS: 3_650,
    WindowUnit.MONTHS: 120,
    WindowUnit.YEARS: 10,
}


def window_end(start: datetime, *, unit: WindowUnit, quantity: int, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which a window of `quantity` `unit`s that begins at `start` ends."""
    if start.tzinfo is None:
        raise ValueError("start must be aware")
    if unit is WindowUnit.HOURS:
        return start.astimezone(UTC) + timedelta(hours=quantity)
    local = start.astimezone(zone).replace(tzinfo=None)
    if unit is WindowUnit.DAYS:
        stepped = local + timedelta(days=quantity)
    else:
        stepped = _add_months(local, quantity * (12 if unit is WindowUnit.YEARS else 1))
    return instant_of(stepped, zone)


def _add_months(local: datetime, months: int) -> datetime:
    index = local.year * 12 + local.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    return local.replace(year=year, month=month, day=min(local.day, calendar.monthrange(year, month)[1]))


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) of a wall-clock time; of the two of a skipped or repeated time, the later one."""
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
