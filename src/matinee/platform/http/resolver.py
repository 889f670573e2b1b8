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

THREADS = 64
THREADS_PER_OPERATOR = 4

_checked: ContextVar[tuple[str, tuple[str, ...]]] = ContextVar("checked_addresses")


def system_lookup(host: str, port: int) -> list[str]:
    """Ask the machine's resolver; blocks, for half a minute if the name server is silent. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class LookupPool:
    """Threads that ask the machine's resolver, at most a few of them for one operator.

    A question cannot be taken back, so a silent name server keeps its thread long after the call has given up.
    Without a limit one operator's would soon hold every thread, and nobody's billing could be called.
    Whoever is over the limit waits for a thread of the same operator, until the call's time is up.
    """

    def __init__(
        self,
        ask: Callable[[str, int], list[str]] = system_lookup,
        *,
        threads: int = THREADS,
        threads_per_operator: int = THREADS_PER_OPERATOR,
    ) -> None:
        self._ask = ask
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="names")
        self._per_operator = threads_per_operator
        self._free: dict[UUID, asyncio.Semaphore] = {}

    def close(self) -> None:
        """Take no more questions; those under way end in their own time."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def of(self, operator_id: UUID) -> Lookup:
        """Return the look-up that counts against this operator."""

        async def look_up(host: str, port: int) -> list[str]:
            free = self._free.setdefault(operator_id, asyncio.Semaphore(self._per_operator))
            await free.acquire()
            loop = asyncio.get_running_loop()

            def give_back(_: "Future[list[str]]") -> None:
                with suppress(RuntimeError):  # the loop may have ended before the name server answered
                    loop.call_soon_threadsafe(free.release)

            try:
                asked = self._executor.submit(self._ask, host, port)
            except BaseException:
                free.release()
                raise
            asked.add_done_callback(give_back)
            return await asyncio.wrap_future(asked)

        return look_up


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
