"""How the parts of a request are written down: in a query, in a form, or as one JSON object."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from matinee.provisions.rules.parts import Part

LONGEST_BODY = 64 * 1024


def encoded_query(parts: Iterable[Part], *, safe: str = "") -> str:
    """Return the parts as a query: everything but letters, digits, `_.-~` and `safe` is percent-encoded UTF-8."""
    return "&".join(
        f"{quote(part.name, safe='')}={quote(part.text, safe=safe, errors='replace')}" for part in parts
    )


def form_body(parts: Iterable[Part], *, safe: str = "") -> bytes:
    """Return the parts as application/x-www-form-urlencoded: as a query, but a blank is a plus sign."""
    return "&".join(
        f"{quote_plus(part.name)}={quote_plus(part.text, safe=safe, errors='replace')}" for part in parts
    ).encode("ascii")


def json_body(parts: Iterable[Part]) -> bytes:
    """Return the parts as one JSON object in UTF-8; `order.id` is the `id` in the object `order`.

    Raises ValueError when one name is both a value and an object.
    """
    root: dict[str, Any] = {}
    for part in parts:
        *path, last = part.name.split(".")
        place = root
        for name in path:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise ValueError(f"{part.name} cannot be inside a value.")
        if last in place:
            raise ValueError(f"{part.name} is there already.")
        place[last] = _json_value(part)
    return msgspec.json.encode(root)


def name_conflict(name: str, others: Mapping[str, int]) -> int | None:
    """Return which of the `others` (places by dotted name) cannot be in one JSON object with `name`, if one."""
    for other, place in others.items():
        if other == name or other.startswith(f"{name}.") or name.startswith(f"{other}."):
            return place
    return None


def _json_value(part: Part) -> Any:
    """Return a text, or a number written out digit by digit: a float would change some prices."""
    if not part.is_number:
        return part.text.encode("utf-8", "replace").decode()
    return msgspec.Raw(f"{Decimal(part.text):f}".encode()) if part.text else None
