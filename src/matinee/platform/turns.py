"""Who gets the next free place of something scarce: parties in turn, so that a flood of one holds up no other one."""

import asyncio
from collections import deque
from collections.abc import Hashable


class Turns:
    """A number of places. When all are taken, whoever waits is served by parties in turn, each in its own order.

    A party is an operator, or anything else that is to have its own line; None is one as well. At most
    `most_waiting` of each party wait at a time. Use it in one event loop.
    """

    def __init__(self, places: int, *, most_waiting: int | None = None) -> None:
        self._free = places
        self._most_waiting = most_waiting
        # The order of the keys is the order of the turns.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def take(self, party: Hashable, *, seconds: float) -> None:
        """Take a place; give it back with `give`.

        Raises TimeoutError after `seconds`, and at once when too many of the party wait already.
        """
        if self._free:  # then nobody waits
            self._free -= 1
            return
        if self._most_waiting is not None and len(self._waiting.get(party, ())) >= self._most_waiting:
            raise TimeoutError
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give()  # it was this one's turn at the very moment that it stopped waiting
            else:
                self._forget(party, turn)
            raise

    def give(self) -> None:
        """Give a place back: to whoever's turn it is, or to nobody."""
        while self._waiting:
            party = next(iter(self._waiting))
            queue = self._waiting.pop(party)
            turn = queue.popleft()
            if queue:
                self._waiting[party] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _forget(self, party: Hashable, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(party)
        if queue is None or turn not in queue:
            return
        queue.remove(turn)
        if not queue:
            del self._waiting[party]
