"""Password hashing: Argon2id in a bounded pool of threads, so that sign-ins cannot starve everything else.

The queue before the pool is bounded as well, and served in turn: a flood of one party makes that party wait.
"""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from matinee.kernel.errors import Invalid, Unavailable
from matinee.platform.turns import Turns

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256

THREADS: Final = 2
MOST_WAITING: Final = 100
"""Of each party. A hash takes a few hundredths of a second, so whoever comes later would wait for seconds."""

LONGEST_WAIT_SECONDS: Final = 5.0
RETRY_AFTER_SECONDS: Final = 5

T = TypeVar("T")

# OWASP's second recommended setting: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_POOL = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="argon2")
_TURNS = Turns(THREADS, most_waiting=MOST_WAITING)
_NOBODY = _HASHER.hash("the hash that is checked when nobody has that name")


class SignInBusy(Unavailable):
    """So many passwords wait to be checked that this one is not."""


async def hash_password(password: str, *, field: str = "password") -> str:
    """Return the encoded Argon2id hash.

    Raises Invalid naming `field` when too short or too long, and SignInBusy. New passwords are given by
    people who are signed in, and have a turn apart from those who sign in.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid({field: f"Use between {SHORTEST_PASSWORD} and {LONGEST_PASSWORD} characters."})
    return await _in_turn(None, lambda: _HASHER.hash(password))


async def verify_password(password: str, encoded: str | None, *, party: Hashable) -> bool:
    """Say whether `password` fits. With no hash (unknown name) it takes as long and says no.

    `party`: in whose turn, such as the subscribers of one operator. Raises SignInBusy when too many of it wait.
    """
    return await _in_turn(party, lambda: _verify(password, encoded))


def _verify(password: str, encoded: str | None) -> bool:
    try:
        fits = _HASHER.verify(encoded or _NOBODY, password[:LONGEST_PASSWORD])
    except (VerifyMismatchError, InvalidHashError):
        return False
    return fits and encoded is not None


async def _in_turn(party: Hashable, work: Callable[[], T]) -> T:
    """Do `work` in a thread when it is the party's turn."""
    try:
        await _TURNS.take(party, seconds=LONGEST_WAIT_SECONDS)
    except TimeoutError as error:
        raise SignInBusy(
            "Many people are signing in at this moment. Try again in a few seconds.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        ) from error
    loop = asyncio.get_running_loop()
    done = _POOL.submit(work)
    # The place is free when the thread is, which is later than now if nobody waits for the result any more.
    done.add_done_callback(lambda _done: _give_back(loop))
    return await asyncio.wrap_future(done)


def _give_back(loop: asyncio.AbstractEventLoop) -> None:
    """Free the place, from the thread that had it. A loop that has ended has nobody waiting in it."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_TURNS.give)
        return
    _TURNS.give()
