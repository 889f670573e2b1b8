"""Instants in forms: the operator's wall clock, as `datetime-local` controls write it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from matinee.kernel.errors import Invalid

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
        local = datetime.strptime(text[:16], _FORMAT)  # noqa: DTZ007 (the zone follows)
        return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        raise Invalid({field: "Write a date and time such as 2026-11-23 20:15."}) from None
