"""Changing rights and playback sessions. The purchase that gives a right inserts it in its own settle step."""

from matinee.entitlements.operations.grants import check_grant, extend_right, give_grant, revoke_grant
from matinee.entitlements.operations.rights import lock_right, mark_played, note_ends, revoke
from matinee.entitlements.operations.sessions import (
    check_session,
    end_session,
    forget_sessions,
    renew_session,
    start_session,
)

__all__ = [
    "check_grant",
    "check_session",
    "end_session",
    "extend_right",
    "forget_sessions",
    "give_grant",
    "lock_right",
    "mark_played",
    "note_ends",
    "renew_session",
    "revoke",
    "revoke_grant",
    "start_session",
]
