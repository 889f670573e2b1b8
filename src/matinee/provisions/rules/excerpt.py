"""What of an answer may be kept: a short piece, with everything masked that was masked in the request."""

import html
import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

from matinee.kernel.cards import mask_card_numbers

LONGEST_EXCERPT_BYTES = 2048
MASK = "***"

_SHORTEST_SECRET = 3
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def excerpt(body: bytes, *, secrets: tuple[str, ...] = ()) -> str:
    """Return at most 2 KiB (UTF-8) of `body`, card numbers and `secrets` masked in any usual spelling."""
    text = masked(body.decode("utf-8", "replace"), secrets)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", mask_card_numbers(text))
    return text.encode()[:LONGEST_EXCERPT_BYTES].decode(errors="ignore")


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret of three signs and more masked, however it is written."""
    for spelling in sorted(_spellings(secrets), key=len, reverse=True):
        text = text.replace(spelling, MASK)
    return text


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Return each secret as it is, as URLs, JSON and HTML write it, and once more so: JSON within JSON is common."""
    found = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
    for _ in range(2):
        found |= {write(text) for text in found for write in _WRITERS}
    return found


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _lower_percent(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(text, safe=""))


def _json_for_pages(text: str) -> str:
    return _json(text).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


_WRITERS: tuple[Callable[[str], str], ...] = (
    lambda text: quote(text, safe=""),
    quote_plus,
    _lower_percent,
    _json,
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: _json(text).replace("/", "\\/"),
    _json_for_pages,
    html.escape,
    lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
)
"""How the usual languages write a text in an address, in JSON and in a page."""
