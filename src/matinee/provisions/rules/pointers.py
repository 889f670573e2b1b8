"""JSON pointers (RFC 6901) into an answer, and a JSON reader that keeps amounts exact."""

import re
from decimal import Decimal
from typing import Any, Final

import msgspec

_POINTER = re.compile(r"(?:/(?:[^~/\x00-\x1f\x7f]|~[01])*)*\Z")
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")
LONGEST_POINTER = 200

_decoder = msgspec.json.Decoder(float_hook=Decimal)


class Missing:
    """The one value that says that a pointer leads nowhere; None is a value of its own in JSON."""


MISSING: Final = Missing()


def is_pointer(text: str) -> bool:
    """Whether `text` is a JSON pointer of at most 200 characters; the empty one is the whole document."""
    return len(text) <= LONGEST_POINTER and _POINTER.match(text) is not None


def parse_json(body: bytes) -> Any:
    """Return what `body` says, numbers with a fraction as Decimal; MISSING when it is not JSON."""
    try:
        return _decoder.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, ArithmeticError, RecursionError):
        return MISSING


def resolve(document: Any, pointer: str) -> Any:
    """Return what `pointer` leads to in `document`, or MISSING."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key, MISSING)
        elif isinstance(document, list) and _INDEX.match(key) and int(key) < len(document):
            document = document[int(key)]
        else:
            return MISSING
    return document
