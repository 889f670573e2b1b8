"""Whose address counts where reverse proxies stand between."""

from typing import Any

import pytest
from litestar.types import Receive, Scope, Send

from matinee.kernel.errors import Misconfigured
from matinee.main.proxies import BehindProxies, client_address, trusted_proxies

PROXIES = trusted_proxies("127.0.0.1, 10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        # Whoever connects directly says of itself what it likes.
        ("203.0.113.7", ["192.0.2.1"], "203.0.113.7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("fd00::1", ["2001:db8::5"], "2001:db8::5"),
        # What a client invents stands left of what the proxy saw.
        ("127.0.0.1", ["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.9", "192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["10.9.9.9, 192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1, nonsense"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("unix", ["192.0.2.1"], "unix"),
    ],
)
def test_the_address_is_what_the_outermost_trusted_proxy_saw(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


def test_no_proxy_is_trusted_that_was_not_named() -> None:
    assert trusted_proxies("") == ()
    assert client_address("127.0.0.1", ["192.0.2.1"], ()) == "127.0.0.1"
    with pytest.raises(Misconfigured, match="MATINEE_TRUSTED_PROXIES"):
        trusted_proxies("10.0.0.1/8")


async def test_the_application_sees_the_client_and_not_the_proxy() -> None:
    seen: list[Any] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        asked: Any = scope
        seen.append(asked["client"])

    async def nothing(*_: Any) -> Any: ...

    scope: Any = {
        "type": "http", "client": ("10.1.1.1", 4711), "headers": [(b"x-forwarded-for", b"192.0.2.1")],
    }  # fmt: skip
    await BehindProxies(inner, PROXIES)(scope, nothing, nothing)
    assert seen == [("192.0.2.1", 4711)]
