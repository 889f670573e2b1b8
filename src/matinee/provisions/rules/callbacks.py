"""Callbacks: where billing may tell us that something happened, and what such a message must be like."""

import re
from uuid import UUID

import msgspec

from matinee.kernel.errors import Invalid

CALLBACK_PATH = "/api/billing/callbacks"
LONGEST_REFERENCE = 64
LONGEST_SIGNATURES = 1024

# A dot would let what is signed, `id.timestamp.body`, be cut in two ways.
_ID = re.compile(r"[!-\-/-~]{1,256}")
_SECONDS = re.compile(r"[0-9]{1,10}")


class SignedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A callback as it came, with its three headers; nothing of it is to be believed before it is verified."""

    message_id: str
    timestamp: str
    signatures: str
    body: bytes

    @property
    def is_whole(self) -> bool:
        """Whether the headers have the form that the standard gives them."""
        return bool(
            _ID.fullmatch(self.message_id)
            and _SECONDS.fullmatch(self.timestamp)
            and 0 < len(self.signatures) <= LONGEST_SIGNATURES
        )


class _Data(msgspec.Struct, frozen=True):
    reference: str | None = None


class _Body(msgspec.Struct, frozen=True):
    reference: str | None = None
    data: _Data | None = None


def callback_url(host: str, provision_id: UUID) -> str:
    """Return where the billing behind a provision sends its callbacks, on the operator's public host."""
    return f"https://{host}{CALLBACK_PATH}/{provision_id}"


def reference_in(body: bytes) -> str:
    """Return the reference that a callback is about: `reference`, or that in `data`. Raises Invalid (`reference`).

    Whatever else it says does not count, and may be there.
    """
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        read = _Body()
    reference = read.reference or (read.data and read.data.reference)
    if not reference or len(reference) > LONGEST_REFERENCE:
        raise Invalid({"reference": "Send a JSON object with the reference of the charge, as a text."})
    return reference
