"""One part of a request, a name and its text, and which values of ours need what care."""

import re

import msgspec

from matinee.provisions.types import PlatformValue

_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}\Z")

REFERENCES = frozenset({PlatformValue.REFERENCE, PlatformValue.REFUND_REFERENCE})

INDISPENSABLE = REFERENCES | {
    PlatformValue.USERID, PlatformValue.CONTENT_ID, PlatformValue.CONTENT_PRICE, PlatformValue.CURRENCY,
    PlatformValue.CHARGE_ID,
}  # fmt: skip
"""A call that maps one of these and has no value for it is not sent: it would charge something else."""

PERSONAL = frozenset(
    {
        PlatformValue.USERID, PlatformValue.CUSTOMER_MAPPING_ID, PlatformValue.UUID,
        PlatformValue.CITY, PlatformValue.STATE, PlatformValue.COUNTRY,
    }
)  # fmt: skip
"""Masked in the attempt log, which outlives an erasure request."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter or a header with its text as it is written; `plain` is a value of ours before its format.

    `hidden`: masked wherever the request is shown. `is_number`: in JSON without quotation marks.
    """

    name: str
    text: str
    plain: str = ""
    hidden: bool = False
    is_number: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Return what an answer may repeat of it."""
        return (self.text,) if self.plain in ("", self.text) else (self.text, self.plain)

    def masked(self, mask: str) -> "Part":
        """Return the part as it may be shown."""
        if not (self.hidden and self.text):
            return self
        return msgspec.structs.replace(self, text=mask, is_number=False)


def is_reference(text: str) -> bool:
    """Whether `text` is 1 to 64 letters, digits and hyphens."""
    return _REFERENCE.match(text) is not None
