"""References: what billing knows a charge or a refund by, and whom one names. Pure."""

import base64
import re
from urllib.parse import unquote
from uuid import UUID

from matinee.kernel.digests import keyed_digest

_REFERENCE = re.compile(r"[mr](?P<customer>[a-z2-7]{26})-[a-z2-7]{32}")


def charge_reference(
    key: bytes, *, operator_id: UUID, customer_id: UUID, item_kind: str, item_id: UUID, generation: int
) -> str:
    """Return what billing will know this charge by: the customer, and a keyed hash of slot and generation, never
    of a device.

    If the database forgets, the same purchase gets the same reference again. The customer stands in it so that a
    callback or a line of a settlement file leads to where that customer's purchases are (`customer_of`).
    """
    digest = keyed_digest(key, "charge", operator_id, customer_id, item_kind, item_id, generation)
    return _reference("m", customer_id, digest)


def refund_reference(key: bytes, *, customer_id: UUID, charge_reference: str, charge_id: str | None) -> str:
    """Return the reference of a refund: of the whole purchase, or of one duplicate `charge_id`."""
    return _reference("r", customer_id, keyed_digest(key, "refund", charge_reference, charge_id or ""))


def customer_of(reference: str) -> UUID | None:
    """Return whose charge or refund a reference names; None for a text that is no reference of ours.

    It proves nothing: whoever knows how references are written can write one for any customer.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return None
    raw = base64.b32decode(found["customer"].upper() + "=" * 6)
    return UUID(bytes=raw) if _base32(raw) == found["customer"] else None


def names_purchase(text: str) -> bool:
    """Say whether a reference of ours, of a charge or a refund, stands anywhere in a text, percent-encoded or not."""
    return _REFERENCE.search(unquote(text).lower()) is not None


def _reference(prefix: str, customer_id: UUID, digest: bytes) -> str:
    return f"{prefix}{_base32(customer_id.bytes)}-{_base32(digest[:20])}"


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
