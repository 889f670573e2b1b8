"""Names become addresses once, every address is checked, and only a checked one is connected to.

Looking a name up twice, once to check and once to connect, would let a hostile name server answer the second
question differently (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from uuid import UUID

from aiohttp.abc import AbstractResolver, ResolveResult

from matinee.platform.http.egress import Destination, EgressPolicy, parse_address

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses that a host name stands for. Raises OSError when there are none."""

MOST_THREADS = 512
"""Room for the dead names of 128 operators at once. A thread that is not needed is not made."""

THREADS_PER_OPERATOR = 4
SILENT_AFTER_SECONDS = 2.0
"""A name that fails after so long, the time that a call gives it, was not answered at all."""

SILENT_FOR_SECONDS = 30.0
"""A silent name is not asked for again for so long: each question would hold a thread for as long."""

_checked: ContextVar[tuple[str, tuple[str, ...]]] = ContextVar("checked_addresses")


def system_lookup(host: str, port: int) -> list[str]:
    """Ask the machine's resolver; blocks, for half a minute if the name server is silent. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class LookupPool:
    """Threads that ask the machine's resolver, at most a few of them for one operator. Use it in one event loop.

    A question cannot be taken back, so a silent name server keeps its thread long after the call has given up.
    Without a limit one operator's would soon hold every thread, and nobody's billing could be called. Whoever is
    over the limit waits for a thread of the same operator, until the call's time is up. Threads are made when they
    are needed, so that the dead names of some operators leave room for the others.

    One operator's calls to one name share a question. A name that was silent is not asked for again for a while.
    """

    def __init__(
        self,
        ask: Callable[[str, int], list[str]] = system_lookup,
        *,
        threads: int = MOST_THREADS,
        threads_per_operator: int = THREADS_PER_OPERATOR,
        silent_after_seconds: float = SILENT_AFTER_SECONDS,
    ) -> None:
        self._ask = ask
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="names")
        self._per_operator = threads_per_operator
        self._silent_after = silent_after_seconds
        self._free: dict[UUID, asyncio.Semaphore] = {}
        self._asked: dict[_Name, asyncio.Future[list[str]]] = {}
        self._silent_until: dict[_Name, float] = {}

    def close(self) -> None:
        """Take no more questions; those under way end in their own time."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def of(self, operator_id: UUID) -> Lookup:
        """Return the look-up that counts against this operator."""

        async def look_up(host: str, port: int) -> list[str]:
            name = (operator_id, host.lower(), port)
            if asyncio.get_running_loop().time() < self._silent_until.get(name, 0.0):
                raise OSError(f"the name server of {host} was silent a moment ago")
            if name not in self._asked:
                free = self._free.setdefault(operator_id, asyncio.Semaphore(self._per_operator))
                await free.acquire()
                if name in self._asked:  # somebody began to ask while this one waited for a thread
                    free.release()
                else:
                    self._begin(name, free)
            return await asyncio.shield(
                self._asked[name]
            )  # who gives up must not take the answer from the others

        return look_up

    def _begin(self, name: "_Name", free: asyncio.Semaphore) -> None:
        """Ask in a thread of the operator, which `free` counts until the name server has answered."""
        loop = asyncio.get_running_loop()
        began, answer = loop.time(), loop.create_future()

        def ended(asked: "Future[list[str]]") -> None:
            free.release()
            self._asked.pop(name, None)
            error = OSError("the look-ups are closed") if asked.cancelled() else asked.exception()
            if error is None:
                answer.set_result(asked.result())
                return
            if loop.time() - began >= self._silent_after:
                self._note_silent(name, loop.time())
            answer.set_exception(error)
            answer.exception()  # all who waited may have given up; nobody else would look at it

        def hand_over(asked: "Future[list[str]]") -> None:
            with suppress(RuntimeError):  # the loop may have ended before the name server answered
                loop.call_soon_threadsafe(ended, asked)

        try:
            asked = self._executor.submit(self._ask, name[1], name[2])
        except BaseException:
            free.release()
            raise
        self._asked[name] = answer
        asked.add_done_callback(hand_over)

    def _note_silent(self, name: "_Name", now: float) -> None:
        self._silent_until = {one: until for one, until in self._silent_until.items() if now < until}
        self._silent_until[name] = now + SILENT_FOR_SECONDS


_Name = tuple[UUID, str, int]
"""Whose name it is, and what is asked: one operator's dead name is another's own affair."""


async def pin(destination: Destination, policy: EgressPolicy, lookup: Lookup) -> None:
    """Look the destination's name up and let this task connect to these addresses alone.

    Raises EgressRefused when any of them may not be called, OSError when the name cannot be resolved.
    """
    if destination.literal is not None:
        return
    addresses = tuple(await lookup(destination.host, destination.port))
    policy.check_addresses(destination, [parse_address(address) for address in addresses])
    _checked.set((destination.host, addresses))


class PinnedResolver(AbstractResolver):
    """Gives aiohttp the addresses that `pin` checked in the same task, and knows no others."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        checked_host, addresses = _checked.get(("", ()))
        if host.lower() != checked_host.lower():  # the address is sent as it was typed
            raise OSError(f"{host} was not checked")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held open."""
