"""The headers of a request: which may be set, and how a value is written in one."""

import re
from collections.abc import Iterable
from urllib.parse import quote

from matinee.provisions.rules.formats import NotWritten

LONGEST_HEADER = 1000

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}\Z")
_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

_OURS = frozenset(
    {
        "host", "content-length", "content-encoding", "authorization", "cookie", "cookie2", "accept-encoding",
        "user-agent", "expect", "range",
    }
)  # fmt: skip
"""Set by the exchange itself or by the authentication, or able to change what an answer means."""

_OF_ONE_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    }
)
"""Between two neighbours only (RFC 9110, section 7.6.1): set by whoever speaks the protocol."""

_PREFIXES = ("webhook-", "proxy-")


def header_problem(name: str, *, has_body: bool) -> str:
    """Return why `name` cannot be a header of a provision's request; empty when it can."""
    low = name.lower()
    if not _NAME.match(name):
        return "A header's name has 1 to 64 letters, digits and signs such as -, without blanks."
    if low in _OF_ONE_HOP or low.startswith("proxy-"):
        return "This header belongs to the connection and cannot be set."
    if low == "authorization":
        return "Choose an authentication instead; it keeps its secret sealed."
    if low in _OURS or low.startswith(_PREFIXES):
        return "This header is set by Matinee itself."
    if low == "content-type" and not has_body:
        return "A GET has no body, so it has no content type."
    return ""


def repeated(names: Iterable[str]) -> set[int]:
    """Return the places of names that came before, whatever their letter case."""
    seen: set[str] = set()
    places = set()
    for place, name in enumerate(names):
        if name.lower() in seen:
            places.add(place)
        seen.add(name.lower())
    return places


def is_header_text(text: str) -> bool:
    """Whether `text` can stand in a header as it is: printable ASCII, no line break, no blanks at its ends."""
    return len(text) <= LONGEST_HEADER and text == text.strip() and _PRINTABLE.match(text) is not None


def header_text(value: str) -> str:
    """Return a value of ours for a header: what is not printable ASCII is percent-encoded as UTF-8, so is %.

    Raises NotWritten when that is too long: a cut value would mean something else.
    """
    safe = _PLAIN if value == value.strip() else _PLAIN.replace(" ", "")
    text = quote(value, safe=safe, errors="replace")
    if len(text) > LONGEST_HEADER:
        raise NotWritten(f"A header would be longer than {LONGEST_HEADER} characters.")
    return text
