"""Why staff did something: asked for at every action that matters, kept with their name in the activity log."""

import re

from matinee.kernel.cards import NO_CARDS, contains_card_number
from matinee.kernel.errors import Invalid

LONGEST_REASON = 500
NO_REASON = "Say why; it is kept with your name in the activity log."

_BAD_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def checked_reason(text: str) -> str:
    """Return why staff did something, as it is kept. Raises Invalid (`reason`)."""
    stripped = text.strip()
    if not stripped:
        raise Invalid({"reason": NO_REASON})
    if len(stripped) > LONGEST_REASON:
        raise Invalid({"reason": f"Use at most {LONGEST_REASON} characters."})
    if _BAD_IN_TEXT.search(stripped):
        raise Invalid({"reason": "Write ordinary characters."})
    if contains_card_number(stripped):
        raise Invalid({"reason": NO_CARDS})
    return stripped
