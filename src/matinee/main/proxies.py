"""Who is at the other end where a reverse proxy stands between: believed of proxies that the platform's owner named."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

from matinee.kernel.errors import Misconfigured

Network = IPv4Network | IPv6Network


class BehindProxies:
    """An ASGI application that knows its clients by what trusted proxies say of them, in `X-Forwarded-For`."""

    def __init__(self, inner: ASGIApp, proxies: Sequence[Network]) -> None:
        self._inner = inner
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Any = scope
        if asked["type"] == "http" and asked.get("client"):
            told = [value.decode("latin-1") for name, value in asked["headers"] if name == b"x-forwarded-for"]
            peer, port = asked["client"]
            asked["client"] = (client_address(peer, told, self._proxies), port)
        await self._inner(scope, receive, send)


def client_address(peer: str, forwarded: Iterable[str], proxies: Sequence[Network]) -> str:
    """Return the address that connected to the outermost trusted proxy, or `peer` where none stands between.

    Each proxy adds at the right whom it saw. So what stands left of the first address that is no trusted proxy was
    written by a stranger, and is not read.
    """
    seen = peer
    for text in reversed([part.strip() for line in forwarded for part in line.split(",")]):
        if not _is_among(seen, proxies) or not _is_address(text):
            break
        seen = text
    return seen


def trusted_proxies(text: str) -> tuple[Network, ...]:
    """Read `MATINEE_TRUSTED_PROXIES`: networks or addresses, separated by commas. Raises Misconfigured."""
    try:
        return tuple(ip_network(entry.strip()) for entry in text.split(",") if entry.strip())
    except ValueError as error:
        raise Misconfigured(f"MATINEE_TRUSTED_PROXIES must list addresses or networks: {error}.") from None


def _is_among(address: str, proxies: Sequence[Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
