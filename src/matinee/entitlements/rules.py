"""When a right begins and ends. Pure; every instant is aware and UTC."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from matinee.entitlements.types import Entitlement
from matinee.kernel.periods import WindowUnit, window_end

GRACE_AFTER_RUNTIME = timedelta(hours=4)
"""Time for pauses that a film started inside its window gets on top of its runtime."""

LEASE = timedelta(seconds=60)
"""How long a playback session lives without a heartbeat; a revoked right stops within it."""

SESSIONS_KEPT = timedelta(days=90)
"""How long a showing that has ended is kept. It is there to go on where somebody stopped, which few do months later;
what a person has watched is nothing to keep for longer."""

HEARTBEAT_SECONDS = 30
PLAYBACK_TOKEN_LIFETIME = timedelta(minutes=5)


def startable_until(
    granted_at: datetime, *, unit: WindowUnit, quantity: int, zone: ZoneInfo, licence_ends_at: datetime | None
) -> datetime:
    """Return the end of the start window, cut at the end of the licence that was quoted."""
    end = window_end(granted_at, unit=unit, quantity=quantity, zone=zone)
    return end if licence_ends_at is None else min(end, licence_ends_at)


def right_ends_at(entitlement: Entitlement) -> datetime:
    """Return when no new session may start any more, as things stand (a first play can move it)."""
    if entitlement.revoked_at is not None:
        return entitlement.revoked_at
    end = _window_ends_at(entitlement)
    return end if entitlement.item_ends_at is None else min(end, entitlement.item_ends_at)


def _window_ends_at(entitlement: Entitlement) -> datetime:
    if entitlement.first_played_at is None:
        return entitlement.startable_until
    if entitlement.finish_window_hours is not None:
        return entitlement.first_played_at + timedelta(hours=entitlement.finish_window_hours)
    started = entitlement.last_started_at or entitlement.first_played_at
    return max(entitlement.startable_until, started + _whole_film(entitlement))


def _whole_film(entitlement: Entitlement) -> timedelta:
    return timedelta(minutes=entitlement.runtime_minutes) + GRACE_AFTER_RUNTIME


def may_start(entitlement: Entitlement, *, now: datetime) -> bool:
    """Say whether a new session may start."""
    return entitlement.revoked_at is None and now < right_ends_at(entitlement)


def may_go_on(entitlement: Entitlement, *, started_at: datetime, now: datetime, cut_at_finish: bool) -> bool:
    """Say whether a session that is already running may have another key or heartbeat.

    A revoked right never may. After a finish window a session that began at `started_at` has the time of one
    film left, counted from there, unless the operator chose to cut: heartbeats alone must not keep it for ever.
    """
    if entitlement.revoked_at is not None:
        return False
    if now < right_ends_at(entitlement):
        return True
    if entitlement.item_ends_at is not None and now >= entitlement.item_ends_at:
        return False
    has_finish_window = (
        entitlement.first_played_at is not None and entitlement.finish_window_hours is not None
    )
    return has_finish_window and not cut_at_finish and now < started_at + _whole_film(entitlement)


def counts_as_start(entitlement: Entitlement, *, now: datetime) -> bool:
    """Say whether a start at `now` is inside the start window, so that it moves the end of the film on."""
    return now < entitlement.startable_until


def may_extend(entitlement: Entitlement) -> bool:
    """Say whether a later end of the start window would be of any use."""
    window_runs = entitlement.first_played_at is not None and entitlement.finish_window_hours is not None
    return entitlement.revoked_at is None and not window_runs
