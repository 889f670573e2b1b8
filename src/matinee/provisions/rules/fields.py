"""What is read out of the answer to a charge: echoes that must agree, their transaction, why they declined."""

import re
from decimal import Decimal
from typing import Any

from matinee.kernel.cards import mask_card_numbers
from matinee.provisions.rules.formats import minor_units
from matinee.provisions.rules.pointers import MISSING
from matinee.provisions.rules.reading import Reading
from matinee.provisions.types import AmountFormat, AnswerFields, PlatformValue, ProvisionConfig, Values

LONGEST_REASON = 200
LONGEST_ID = 128

_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def compared_echoes(fields: AnswerFields, reading: Reading, values: Values) -> dict[str, bool | None]:
    """Return, for each mapped echo, whether it agrees; None when the answer does not have it."""
    results: dict[str, bool | None] = {}
    if fields.reference is not None:
        results["reference"] = agrees(reading.found(fields.reference), values[PlatformValue.REFERENCE])
    if fields.amount is not None:
        price, currency = values[PlatformValue.CONTENT_PRICE], values.get(PlatformValue.CURRENCY, "")
        in_minor = fields.amount_format is AmountFormat.MINOR
        sent = Decimal(minor_units(price, currency)) if in_minor else Decimal(price)
        results["amount"] = _same_amount(reading.found(fields.amount), sent)
    if fields.currency is not None:
        currency = reading.found(fields.currency)
        currency = currency.upper() if isinstance(currency, str) else currency
        results["currency"] = agrees(currency, values[PlatformValue.CURRENCY].upper())
    return results


def agrees(echoed: Any, sent: str) -> bool | None:
    """Whether an echo is what was sent, to the letter; None when there is none."""
    return None if echoed is MISSING or echoed is None else bool(echoed == sent)


def identifier(found: Any) -> str | None:
    """Return an id exactly as billing wrote it, since a changed one would name another charge; None if unfit."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    text = str(found)
    fits = text.strip() == text and 0 < len(text) <= LONGEST_ID and not _UNPRINTABLE.search(text)
    return text if fits else None


def decline(config: ProvisionConfig, reading: Reading) -> tuple[str | None, str | None]:
    """Return what the subscriber reads of a refusal, and what billing itself said, for staff.

    A provision with texts of its own shows only those: an unknown code leaves the subscriber's text to the app.
    Both are one line without card numbers, at most 200 characters.
    """
    code = _line(reading.found(config.answer.decline_reason))
    if code is None or not config.decline_texts:
        return code, code
    texts = {known.code.strip().casefold(): known.text for known in config.decline_texts}
    return texts.get(code.casefold()), code


def _line(found: Any) -> str | None:
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return mask_card_numbers(_UNPRINTABLE.sub(" ", str(found)).strip())[:LONGEST_REASON] or None


def _same_amount(echoed: Any, sent: Decimal) -> bool | None:
    """Compare amounts as numbers, so that 5, "5.0" and 5.00 are one."""
    if echoed is MISSING or echoed is None:
        return None
    if isinstance(echoed, bool) or not isinstance(echoed, int | str | Decimal):
        return False
    if isinstance(echoed, str):
        if not _AMOUNT.match(echoed):
            return False
        echoed = Decimal(echoed)
    return bool(echoed == sent)
