"""One loop in every worker that does what is due, whatever kind of work that is.

The due list is read without locks; whoever does a row claims it by compare-and-set with a lease, so any number of
workers may run the same loop. It goes on whatever happens: what it does not do, nobody does.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import structlog

from matinee.kernel.errors import MatineeError

log = structlog.get_logger(__name__)

AT_ONCE = 1000
PER_OPERATOR = 64
PER_OPERATOR_IN_A_CROWD = 20
"""What one operator may have when a quarter of the places is taken: forty may hang, and there is room for the next."""

IDLE_SECONDS = 0.5
BREATH_SECONDS = 0.02
"""How long a full loop lets places become free before it looks again, so that not each of them costs a look."""

REST_SECONDS = 5.0
"""How long this process leaves alone what broke unexpectedly. It may have broken before it took its lease: without
a rest it would be due at once, and be done over and over as fast as the machine can."""


class HasOperator(Protocol):
    """What names one piece of work: hashable, and somebody's."""

    @property
    def operator_id(self) -> UUID: ...

    def __hash__(self) -> int: ...


Key = TypeVar("Key", bound=HasOperator)


class DueWork(Generic[Key]):
    """Runs what is due until it is stopped. One operator's slow systems take at most `per_operator` of the places,
    `in_a_crowd` when a quarter of them is taken.

    `look` gives due keys, the most urgent first, leaving out the operators it is told are busy: their rows would only
    hide those of others. `do` does one; it may raise, which is logged: the lease that it took brings the row back.
    """

    def __init__(
        self,
        name: str,
        *,
        look: Callable[[Sequence[UUID]], Awaitable[Sequence[Key]]],
        do: Callable[[Key], Awaitable[None]],
        at_once: int = AT_ONCE,
        per_operator: int = PER_OPERATOR,
        in_a_crowd: int = PER_OPERATOR_IN_A_CROWD,
    ) -> None:
        self._log = log.bind(work=name)
        self._look, self._do = look, do
        self._at_once, self._per_operator, self._in_a_crowd = at_once, per_operator, in_a_crowd
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._resting_until: dict[Key, float] = {}
        self._held_back = False
        self._freed = asyncio.Event()

    @property
    def resting(self) -> int:
        """How many rows are being left alone: so many more must be looked at, or they would hide the others."""
        return len(self._resting_until)

    async def run(self, stop: asyncio.Event) -> None:
        """Look for due work until `stop` is set, then let what is under way end (its calls are bounded in time)."""
        while not stop.is_set():
            try:
                started = await self.start_due()
            except MatineeError as error:
                self._log.warning("cannot_look_for_due_work", code=error.code)
                started = 0
            except Exception:
                self._log.exception("due_work_crashed")
                started = 0
            if started == 0:
                await (self._place() if self._held_back else _pause(stop))
        await self.drain()

    async def drain(self) -> None:
        """Wait for everything under way."""
        if self._running:
            await asyncio.gather(*self._running.values())

    async def start_due(self) -> int:
        """Start what is due and has a free place; returns how much was started."""
        self._freed.clear()
        places = Counter(key.operator_id for key in self._running)
        busy = [operator_id for operator_id, taken in places.items() if taken >= self._share()]
        self._held_back = bool(busy)
        started = 0
        now = asyncio.get_running_loop().time()
        self._resting_until = {key: until for key, until in self._resting_until.items() if now < until}
        for key in await self._look(busy):
            if key in self._running or key in self._resting_until:
                continue
            if places[key.operator_id] >= self._share():
                self._held_back = True
                continue
            self._start(key)
            places[key.operator_id] += 1
            started += 1
        await asyncio.sleep(0)
        return started

    def _share(self) -> int:
        """Return how many places one operator may have now."""
        if len(self._running) >= self._at_once:
            return 0
        crowd = len(self._running) >= self._at_once / 4
        return min(self._per_operator, self._in_a_crowd) if crowd else self._per_operator

    async def _place(self) -> None:
        """Wait until a place is free again: whatever waits for one must not wait for the next look as well."""
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._freed.wait()
        await asyncio.sleep(BREATH_SECONDS)

    def _start(self, key: Key) -> None:
        task = asyncio.create_task(self._guarded(key))
        self._running[key] = task
        task.add_done_callback(lambda _: self._ended(key))

    def _ended(self, key: Key) -> None:
        self._running.pop(key, None)
        self._freed.set()

    async def _guarded(self, key: Key) -> None:
        try:
            await self._do(key)
        except MatineeError as error:
            self._log.warning("due_work_failed", key=str(key), code=error.code)
        except Exception:
            self._resting_until[key] = asyncio.get_running_loop().time() + REST_SECONDS
            self._log.exception("due_work_crashed", key=str(key))


async def _pause(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(IDLE_SECONDS):
            await stop.wait()
