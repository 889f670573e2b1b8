"""One HTTP call in words: the request, what came back, and why nothing usable did."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request ready to be sent, byte for byte.

    `method` is GET or POST. `shown` is the whole request as text, with constants, secrets and personal values
    masked: request line, headers, a blank line, body. `secrets` are the texts that were masked, so that an
    answer repeating them can be masked as well.
    """

    method: str = "GET"
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    shown: str
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show what may be shown, whatever logs or tracebacks do with a request."""
        return f"HttpRequest({self.shown!r})"


class Failure(StrEnum):
    """Why a call has no usable answer. The first group proves that nothing was sent."""

    NOT_BUILT = "not_built"
    EGRESS = "egress_refused"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TOKEN = "token"
    TIMEOUT = "timeout"
    BROKEN = "broken"
    TOO_LARGE = "too_large"
    ENCODED = "encoded"


NOTHING_SENT = frozenset(
    {Failure.NOT_BUILT, Failure.EGRESS, Failure.DNS, Failure.CONNECT, Failure.TLS, Failure.TOKEN}
)


class Reply(msgspec.Struct, frozen=True):
    """What came back: a whole answer, or a failure with whatever was seen of an answer.

    Header names are in lower case.
    """

    status: int | None = None
    body: bytes = b""
    failure: Failure | None = None
    headers: Mapping[str, str] = {}
