"""What of an answer may be kept: a short piece, with everything masked that was masked in the request."""

import html
import json
import re
from urllib.parse import quote, quote_plus

from matinee.kernel.cards import mask_card_numbers

LONGEST_EXCERPT_BYTES = 2048
MASK = "***"

_SHORTEST_SECRET = 3
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def excerpt(body: bytes, *, secrets: tuple[str, ...] = ()) -> str:
    """Return at most 2 KiB (UTF-8) of `body`, card numbers and `secrets` masked in any usual spelling."""
    text = body.decode("utf-8", "replace")
    for secret in sorted(_spellings(secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", mask_card_numbers(text))
    return text.encode()[:LONGEST_EXCERPT_BYTES].decode(errors="ignore")


def _spellings(secrets: tuple[str, ...]) -> set[str]:
    """Return each secret as it is, and as URLs, JSON and HTML would write it."""
    plain = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
    return plain.union(
        *(
            (quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1], html.escape(text))
            for text in plain
        )
    )
