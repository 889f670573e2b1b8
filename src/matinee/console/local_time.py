"""Instants in forms: the operator's wall clock, as `datetime-local` controls write it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from matinee.kernel.errors import Invalid
from matinee.kernel.periods import instant_of

_FORMAT = "%Y-%m-%dT%H:%M"


def to_local(moment: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant as a form shows it; empty for none."""
    return "" if moment is None else moment.astimezone(zone).strftime(_FORMAT)


def from_local(
    text: str, zone: ZoneInfo, *, field: str, unchanged: datetime | None = None
) -> datetime | None:
    """Return the instant (UTC) that a form names; None for an empty text.

    A time that the form shows without its seconds stays as it was (`unchanged`). Of the two readings of a
    time that a clock change skips or repeats, the later one counts. Raises Invalid naming `field`.
    """
    if not text:
        return None
    if unchanged is not None and text == to_local(unchanged, zone):
        return unchanged
    try:
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None or not 1990 <= local.year <= 2999:
            raise ValueError
    except ValueError:
        raise Invalid({field: "Choose a date and time, such as 2027-12-31 23:59."}) from None
    return instant_of(local, zone)
