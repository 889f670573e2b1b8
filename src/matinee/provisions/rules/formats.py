"""How a value of ours is written for billing: prices, times, letter case. Nothing is ever rounded."""

import re
from datetime import UTC, datetime
from decimal import Decimal

from matinee.kernel.errors import Invalid
from matinee.kernel.money import exponent_of
from matinee.provisions.types import (
    AmountFormat,
    LetterCase,
    Method,
    PlatformValue,
    TimeFormat,
    ValueFormat,
    Values,
)

MOST_DIGITS = 6

EXACT = frozenset(
    {
        PlatformValue.REFERENCE, PlatformValue.REFUND_REFERENCE, PlatformValue.CHARGE_ID,
        PlatformValue.CALLBACK_URL, PlatformValue.CONTENT_PRICE, PlatformValue.REQUESTED_AT,
    }
)  # fmt: skip
"""Values whose letters stay as they are: billing compares them, calls them, or they have none."""

_PRICE = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?\Z")


class NotWritten(ValueError):
    """The value cannot be written in the format that was asked for; the message says why."""


def written(value: PlatformValue, values: Values, how: ValueFormat) -> str:
    """Return the value as text in its format; empty when there is none. Raises NotWritten."""
    text = values.get(value, "")
    if not text:
        return ""
    if value is PlatformValue.CONTENT_PRICE:
        return _price(text, values.get(PlatformValue.CURRENCY, ""), how)
    if value is PlatformValue.REQUESTED_AT:
        return _time(text, how.time)
    match how.letter_case:
        case LetterCase.UPPER:
            return text.upper()
        case LetterCase.LOWER:
            return text.lower()
        case LetterCase.AS_IS:
            return text


def minor_units(price: str, currency: str) -> int:
    """Return a price in major units (`4.99`) as minor ones (499). Raises NotWritten."""
    if not _PRICE.match(price):
        raise NotWritten("The content_price is not an amount such as 4.99.")
    try:
        minor = Decimal(price).scaleb(exponent_of(currency))
    except Invalid as error:
        raise NotWritten("Minor units need the currency, as its ISO 4217 code.") from error
    if minor != minor.to_integral_value():
        raise NotWritten(f"{price} is not a whole number of {currency}'s minor units.")
    return int(minor)


def check_format(
    value: PlatformValue | None, how: ValueFormat, *, method: Method | None, path: str, errors: dict[str, str]
) -> None:
    """Note at `<path>.<part>` each part of a format that does not fit its value; `method` None: a header."""
    is_price, is_time = value is PlatformValue.CONTENT_PRICE, value is PlatformValue.REQUESTED_AT
    if how.amount is not AmountFormat.DECIMAL and not is_price:
        errors[f"{path}.amount"] = "Only a price has minor units."
    if how.digits is not None:
        if not is_price or how.amount is not AmountFormat.DECIMAL:
            errors[f"{path}.digits"] = "Only a decimal price has a number of digits."
        elif not 0 <= how.digits <= MOST_DIGITS:
            errors[f"{path}.digits"] = f"Choose 0 to {MOST_DIGITS} digits, or as many as the currency has."
    if how.time is not TimeFormat.ISO_8601 and not is_time:
        errors[f"{path}.time"] = "Only a time can be written in this way."
    if how.letter_case is not LetterCase.AS_IS and (value is None or value in EXACT):
        errors[f"{path}.letter_case"] = "This must be sent exactly as it is."
    if how.as_number:
        if method is not Method.POST_JSON:
            errors[f"{path}.as_number"] = "Only JSON has numbers."
        elif not is_price and (not is_time or how.time is TimeFormat.ISO_8601):
            errors[f"{path}.as_number"] = "Only a price, or a time as epoch, can be a number."


def _price(text: str, currency: str, how: ValueFormat) -> str:
    if not _PRICE.match(text):
        raise NotWritten("The content_price is not an amount such as 4.99.")
    if how.amount is AmountFormat.MINOR:
        return str(minor_units(text, currency))
    if how.digits is None:
        return text
    exact, step = Decimal(text), Decimal(1).scaleb(-how.digits)
    written_out = exact.quantize(step)
    if written_out != exact:
        raise NotWritten(f"{text} cannot be written with {how.digits} decimal digits.")
    return f"{written_out:f}"


def _time(text: str, how: TimeFormat) -> str:
    if how is TimeFormat.ISO_8601:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotWritten("The requested_at is not a time in ISO 8601.") from error
    if moment.tzinfo is None:
        raise NotWritten("The requested_at has no offset from UTC.")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    seconds, microseconds = since.days * 86_400 + since.seconds, since.microseconds
    return str(seconds if how is TimeFormat.EPOCH_SECONDS else seconds * 1000 + microseconds // 1000)
