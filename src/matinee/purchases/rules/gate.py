"""How billing is spared: how many calls it is sent at a time, and when it is left alone. Pure."""

from datetime import timedelta

from matinee.platform.http.messages import Failure

CALLS_AT_ONCE = 256
"""The calls to one billing system that one process has under way at most; more purchases wait their turn."""

QUESTIONS_AT_ONCE = 20
"""Questions to one billing system, of those that its callbacks cause, that one process has under way at most."""

SILENCES = 5
SILENT_WITHIN = timedelta(minutes=1)
"""So many charges in a row without any answer, begun within so long: billing is left alone for a while."""

SHORTEST_BREAK, LONGEST_BREAK = timedelta(seconds=15), timedelta(minutes=2)
PLACE_RETRY = timedelta(seconds=1)
"""How soon a purchase that found no free place looks again."""

PLACE_ORDER = timedelta(seconds=5)
"""Who waits for a place may pass those that have waited longer, but not so much longer.

Strictly in order the next in line would have to come and look before anybody is charged, while billing stands idle.
"""

PLACE_LOST = timedelta(seconds=5)
"""Who has not come to look for so long does not keep others from a place: perhaps no worker is running."""

SILENT_CAUSES = frozenset(Failure) - {Failure.NOT_BUILT, Failure.TOO_LARGE, Failure.ENCODED}
"""Failures that say something of billing as a whole: not of one request, and not of an answer that did come."""


def open_for(times_opened: int) -> timedelta:
    """Return how long a breaker stays open that opens for the `times_opened`th time (from 1) without an answer."""
    doubled: int = 2 ** min(times_opened - 1, 10)
    return min(SHORTEST_BREAK * doubled, LONGEST_BREAK)


def is_silence(cause: str) -> bool:
    """Say whether a call that ended for `cause` tells that billing cannot be reached or does not answer."""
    return cause in SILENT_CAUSES
