"""Time that only moves when everybody waits, and turns that make every run of a seed the same.

Tasks sleep on a clock that the test turns. Between sleeps, one task at a time has its turn: from the beginning
of one transaction or call to the beginning of the next. Whose turn comes next is the test's choice.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.factories.clock import SetClock


class VirtualTime:
    """Runs tasks until each has ended or sleeps on this clock. One per event loop.

    `pick` is given how many tasks want the next turn, and says which of them has it.
    """

    def __init__(self, clock: SetClock, pick: Callable[[int], int] = lambda waiting: 0) -> None:
        self.clock, self.pick = clock, pick
        self.failures: list[BaseException] = []
        self.turns = 0
        self._order = count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._queue: list[asyncio.Future[None]] = []
        self._waiting: set[asyncio.Task[Any]] = set()
        self._stir: asyncio.Future[None] | None = None

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start a task; an error that it ends with is kept in `failures`, a cancellation stands for a crash."""
        asyncio.create_task(work).add_done_callback(self._note)

    def _note(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    async def sleep(self, span: timedelta) -> None:
        """Sleep, as a frozen process does, until the clock has been moved on by `span`."""
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.clock.moment + span, next(self._order), wake))
        await self._wait(wake)

    async def turn(self) -> None:
        """Wait for one's turn."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(mine)
        await self._wait(mine)

    async def _wait(self, signal: asyncio.Future[None]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        if self._stir is not None and not self._stir.done():
            self._stir.set_result(None)
        try:
            await signal
        finally:
            self._waiting.discard(task)

    def wake_due(self) -> None:
        """Wake whoever's time has come."""
        while self._sleepers and self._sleepers[0][0] <= self.clock.moment:
            _, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)

    def next_wake(self) -> datetime | None:
        return self._sleepers[0][0] if self._sleepers else None

    async def quiesce(self) -> None:
        """Give turns until nothing can happen before the clock moves."""
        await self._settle()
        while self._queue:
            turn = self._queue.pop(self.pick(len(self._queue)))
            if not turn.done():
                self.turns += 1
                turn.set_result(None)
                await asyncio.sleep(0)
            await self._settle()

    async def _settle(self) -> None:
        """Wait until every other task has ended, sleeps, or waits for its turn."""
        await asyncio.sleep(0)
        mine = asyncio.current_task()
        while busy := [
            task for task in asyncio.all_tasks() if task is not mine and task not in self._waiting
        ]:
            self._stir = asyncio.get_running_loop().create_future()
            await asyncio.wait([*busy, self._stir], return_when=asyncio.FIRST_COMPLETED)
        self._stir = None

    async def end(self) -> None:
        """Stop whoever still sleeps."""
        for task in list(self._waiting):
            task.cancel()
        await self.quiesce()
        self._sleepers.clear()
