"""Who gets the next free connection: operators in turn, so that a flood at one of them keeps no other one waiting."""

import asyncio
from collections import deque
from uuid import UUID


class Turns:
    """A number of places. When all are taken, whoever waits is served by operators in turn, each in its own order.

    None is a party of its own: the directory, and look-ups for several operators. Use it in one event loop.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        # The order of the keys is the order of the turns.
        self._waiting: dict[UUID | None, deque[asyncio.Future[None]]] = {}

    async def take(self, party: UUID | None, *, seconds: float) -> None:
        """Take a place; give it back with `give`. Raises TimeoutError after `seconds`."""
        if self._free:  # then nobody waits
            self._free -= 1
            return
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

    def _forget(self, party: UUID | None, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(party)
        if queue is None or turn not in queue:
            return
        queue.remove(turn)
        if not queue:
            del self._waiting[party]
