"""Payment card numbers: they must never enter through free text, and never stay in a log."""

import re
from collections.abc import Iterator

NO_CARDS = "This looks like a payment card number, which must not be stored here."
"""What whoever typed one is told."""

_DIGITS = re.compile(r"[0-9]+")
_SHORTEST, _LONGEST = 13, 19
_FIRST_DIGITS = frozenset("23456")


def contains_card_number(text: str) -> bool:
    """Whether `text` holds 13 to 19 digits, at most single blanks and hyphens apart, that pass as a card."""
    return any(True for _ in _card_spans(text))


def mask_card_numbers(text: str) -> str:
    """Return `text` with each card number replaced by asterisks."""
    kept, position = [], 0
    for start, end in _card_spans(text):
        if start >= position:
            kept.append(text[position:start] + "****")
            position = end
    return "".join(kept) + text[position:]


def _card_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where card numbers stand: any run of neighbouring groups of digits may be one."""
    groups = list(_DIGITS.finditer(text))
    for index, first in enumerate(groups):
        digits, end = first.group(), first.end()
        for following in groups[index + 1 : index + 1 + _LONGEST]:
            if len(digits) >= _SHORTEST and _is_card(digits):
                break
            if text[end : following.start()] not in {" ", "-"} or len(digits) >= _LONGEST:
                break
            digits, end = digits + following.group(), following.end()
        if _SHORTEST <= len(digits) <= _LONGEST and _is_card(digits):
            yield first.start(), end


def _is_card(digits: str) -> bool:
    """Whether the digits begin as card numbers do and pass the Luhn check (ISO/IEC 7812-1)."""
    reverse = [int(digit) for digit in reversed(digits)]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in reverse[1::2]]
    return digits[0] in _FIRST_DIGITS and (sum(reverse[::2]) + sum(doubled)) % 10 == 0
