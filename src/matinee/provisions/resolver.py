"""Names become addresses once, every address is checked, and only a checked one is connected to.

Looking a name up twice, once to check and once to connect, would let a hostile name server answer the second
question differently (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from aiohttp.abc import AbstractResolver, ResolveResult

from matinee.provisions.egress import Destination, EgressPolicy, parse_address

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses that a host name stands for. Raises OSError when there are none."""

_checked: ContextVar[tuple[str, tuple[str, ...]]] = ContextVar("checked_addresses")


async def system_lookup(host: str, port: int) -> list[str]:
    """Ask the machine's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


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
