"""Starting a process that buys or works, and killing or freezing it where it stands."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection

import msgspec
from tests.faults import child as duties
from tests.faults.counter import Counter

from matinee.offers.quotes import SignedQuote

LONGEST_SECONDS = 60
# One process loads the code; each child is a fork of it, which takes a hundredth of the time.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", duties.__name__])


class Child:
    """A running child, and the line to it."""

    def __init__(self, pid: int, line: Connection) -> None:
        self._pid, self._line = pid, line

    async def reached(self) -> str:
        """Wait until it has come to its point, or is done; return which."""
        if not await asyncio.to_thread(self._line.poll, LONGEST_SECONDS):
            raise TimeoutError("the child said nothing")
        said: str = self._line.recv()
        return said

    async def freeze(self, point: str) -> None:
        """Wait until it has come to `point`, and stop it there as a swapping machine would."""
        assert await self.reached() == point
        os.kill(self._pid, signal.SIGSTOP)

    async def thaw(self, moment: datetime) -> None:
        """Let it go on at `moment`, and wait until it has done what it was told."""
        self._line.send(moment)
        os.kill(self._pid, signal.SIGCONT)
        assert await self.reached() == "done"


@contextmanager
def child(counter: Counter, signed: SignedQuote | None, point: str) -> Iterator[Child]:
    """Run a process that will stand still at `point`; it is killed when the block ends."""
    orders = duties.Orders(
        app_url=counter.urls.app_url, billing_port=counter.billing.port, operator_id=counter.operator_id,
        customer_id=counter.person.customer_id, device_id=counter.person.device_ids[0],
        token=signed.token if signed else None, moment=counter.clock.moment, point=point,
    )  # fmt: skip
    line, its_line = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=duties.main, args=(msgspec.json.encode(orders), its_line))
    process.start()
    its_line.close()
    assert process.pid is not None
    try:
        yield Child(process.pid, line)
    finally:
        process.kill()
        process.join()
        line.close()
