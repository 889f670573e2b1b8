"""Rules of offers, without I/O."""

from matinee.kernel.cards import contains_card_number
from matinee.kernel.errors import Invalid
from matinee.kernel.periods import LARGEST_QUANTITY, WindowUnit
from matinee.offers.types import PpvRuleDraft

LONGEST_RULE_NAME = 100
LARGEST_FINISH_WINDOW_HOURS = 87_600


def check_ppv_rule(draft: PpvRuleDraft) -> None:
    """Raise Invalid (name, quantity, finish_window_hours) for a rule that cannot be."""
    problems = {}
    if not draft.name.strip():
        problems["name"] = "Give the rule the name that viewers will read, such as “48 hours”."
    elif len(draft.name) > LONGEST_RULE_NAME:
        problems["name"] = f"Use at most {LONGEST_RULE_NAME} characters."
    elif contains_card_number(draft.name):
        problems["name"] = "This looks like a card number. Never write one here."
    largest = LARGEST_QUANTITY[draft.unit]
    if not 1 <= draft.quantity <= largest:
        problems["quantity"] = f"Use a whole number from 1 to {largest:,} {draft.unit.value}."
    finish = draft.finish_window_hours
    if finish is not None and not 1 <= finish <= LARGEST_FINISH_WINDOW_HOURS:
        problems["finish_window_hours"] = (
            f"Use a whole number from 1 to {LARGEST_FINISH_WINDOW_HOURS:,} hours, or leave it empty."
        )
    if problems:
        raise Invalid(problems)


def amount_in_words(unit: WindowUnit, quantity: int) -> str:
    """Return for example `48 hours` or `1 month`."""
    return f"{quantity:,} {unit.value.removesuffix('s') if quantity == 1 else unit.value}"


def terms_in_words(
    *, unit: WindowUnit, quantity: int, finish_window_hours: int | None, ends_by_itself: bool = False
) -> str:
    """Return the terms as viewers read them, without a full stop at the end.

    `ends_by_itself`: what is sold has an end of its own, as a live event has, and nobody watches it beyond.
    """
    start = f"Start within {amount_in_words(unit, quantity)} of buying"
    if ends_by_itself:
        return start
    if finish_window_hours is None:
        return f"{start}; once started, watch to the end"
    finish = amount_in_words(WindowUnit.HOURS, finish_window_hours)
    return f"{start}, finish within {finish} of the first play"
