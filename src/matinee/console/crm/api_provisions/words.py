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


_MATCHED: Final[dict[str, str]] = {
    "success": "the success rule",
    "no_success": "the no-success rule",
    "charged": "the rule “it was charged”",
    "declined": "the rule “it was refused”",
    "not_found": "the rule “billing does not know the reference”",
    "acknowledged": "the rule “closed”",
    "refused": "the rule “too late”",
}


def matched_words(matched: str) -> str:
    """Return which rules of a call an answer fits, in words."""
    names = [name.strip() for name in matched.split(",") if name.strip()]
    return " and ".join(_MATCHED.get(name, name.replace("_", " ")) for name in names)


def outcome_word(outcome: str) -> Word:
    """Return an outcome in words."""
    return OUTCOME.get(outcome, Word(outcome.replace("_", " ").capitalize()))
