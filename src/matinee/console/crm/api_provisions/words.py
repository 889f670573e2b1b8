"""What calls to billing and their outcomes are called."""

from typing import Final

from matinee.console.crm.words import Word

CALL: Final[dict[str, str]] = {
    "charge": "Charge",
    "status": "Status",
    "refund": "Refund",
    "cancel": "Cancel",
}

OUTCOME: Final[dict[str, Word]] = {
    "success": Word("Charged", "good"),
    "declined": Word("Refused", "neutral"),
    "charged": Word("A charge stands", "good"),
    "not_found": Word("No charge known", "neutral"),
    "refunded": Word("Given back", "good"),
    "refused": Word("Would not", "warn"),
    "cancelled": Word("Cancelled", "good"),
    "not_sent": Word("Not sent", "warn"),
    "review": Word("Contradiction", "bad"),
    "unknown": Word("Unclear", "bad"),
    "no_answer": Word("No clear answer", "bad"),
    "unclear": Word("Unclear refund", "bad"),
}


def outcome_word(outcome: str) -> Word:
    """Return an outcome in words."""
    return OUTCOME.get(outcome, Word(outcome.replace("_", " ").capitalize()))
