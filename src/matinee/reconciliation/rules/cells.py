"""From the cells of one row to a charge or a refund, or to the reason why that cannot be."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from matinee.kernel.cards import contains_card_number, mask_card_numbers
from matinee.kernel.errors import Invalid
from matinee.kernel.money import LARGEST_MINOR, Money, exponent_of
from matinee.kernel.periods import instant_of
from matinee.purchases.rules.references import customer_of
from matinee.reconciliation.types import AmountUnit, DateOrder, KindBy, Mapping, ReadRow, RowKind

LONGEST_REFERENCE = 64
LONGEST_TRANSACTION = 200

_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}")
_MINOR = re.compile(r"[0-9]{1,13}")
# The three ways in which books write what was given back; any other sign is refused as part of the amount.
_NEGATIVE = re.compile(r"-([^-()]+)|([^-()]+)-|\(([^-()]+)\)")
# Databases print 4.9900. With three digits behind the mark it could be meant as thousands.
_LONG_DECIMALS = re.compile(r"(?P<amount>[0-9]+[.,](?=[0-9]{4,}$)[0-9]{2,}?)0+")
_TIME = re.compile(
    r"(?P<one>\d{1,2})[./-](?P<two>\d{1,2})[./-](?P<year>\d{4})(?:[ T]+(?P<time>\d{1,2}:\d{2}(?::\d{2})?))?"
)
# What a spreadsheet makes of a number of many digits. The true one in the next file would be another charge.
_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{2}|[0-9]{16}\.0")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f]")


class _BadCellError(Exception):
    """Says what is wrong with a row."""


def read_row(cells: Sequence[str], *, line: int, mapping: Mapping, zone: ZoneInfo) -> ReadRow:
    """Return what a row says; where it cannot be read, `problem` says why and the rest is what could be."""
    reference = ""
    try:
        reference = _reference(_cell(cells, mapping.reference, "reference"))
        currency = _currency(cells, mapping)
        text = _cell(cells, mapping.amount, "amount")
        negative = _NEGATIVE.fullmatch(text)
        kind = _kind(cells, mapping, negative=negative is not None)
        size = next(filter(None, negative.groups())) if negative else text
        amount = _amount(size.strip(), currency, mapping.amount_unit)
        return ReadRow(
            line=line, reference=reference, kind=kind, amount_minor=amount, currency=currency,
            transaction_id=_transaction(cells, mapping), charged_at=_time(cells, mapping, zone),
        )  # fmt: skip
    except _BadCellError as bad:
        return ReadRow(line=line, reference=reference, problem=str(bad))


def _cell(cells: Sequence[str], place: int, name: str) -> str:
    text = cells[place].strip() if place < len(cells) else ""
    if not text:
        raise _BadCellError(f"There is no {name}.")
    return text


def _optional(cells: Sequence[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _shown(text: str) -> str:
    """Return a cell as a reason may quote it."""
    return repr(_UNWRITABLE.sub("?", mask_card_numbers(text))[:40])


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise _BadCellError(f"{_shown(text)} is not a reference.")
    if contains_card_number(text):
        raise _BadCellError("The reference looks like a payment card number.")
    # Ours are in lower case; some systems print capitals.
    return text.lower() if customer_of(text) is None and customer_of(text.lower()) else text


def _currency(cells: Sequence[str], mapping: Mapping) -> str:
    if mapping.currency_column is None:
        return mapping.currency
    text = _cell(cells, mapping.currency_column, "currency").upper()
    try:
        exponent_of(text)
    except Invalid:
        raise _BadCellError(f"{_shown(text)} is not a currency code.") from None
    return text


def _kind(cells: Sequence[str], mapping: Mapping, *, negative: bool) -> RowKind:
    if mapping.kind_by is KindBy.SIGN:
        return RowKind.REFUND if negative else RowKind.CHARGE
    if mapping.kind_by is KindBy.ALL_CHARGES or mapping.kind_column is None:
        if negative:
            raise _BadCellError("The amount is negative, although all rows are charges.")
        return RowKind.CHARGE
    word = _cell(cells, mapping.kind_column, "kind").casefold()
    if word in mapping.refund_words:
        return RowKind.REFUND
    if word not in mapping.charge_words:
        raise _BadCellError(f"{_shown(word)} is neither a word for a charge nor for a refund.")
    if negative:
        raise _BadCellError("A charge has a negative amount.")
    return RowKind.CHARGE


def _amount(text: str, currency: str, unit: AmountUnit) -> int:
    if unit is AmountUnit.MINOR:
        if not _MINOR.fullmatch(text) or int(text) > LARGEST_MINOR:
            raise _BadCellError(f"{_shown(text)} is not an amount in minor units.")
        minor = int(text)
    else:
        long = _LONG_DECIMALS.fullmatch(text)
        plain = long["amount"] if long else text
        try:
            minor = Money.parse(plain, currency, field="amount").minor
        except Invalid as error:
            raise _BadCellError(error.fields["amount"]) from None
    if minor == 0:
        raise _BadCellError("The amount is 0.")
    return minor


def _transaction(cells: Sequence[str], mapping: Mapping) -> str | None:
    text = _optional(cells, mapping.transaction)
    if len(text) > LONGEST_TRANSACTION or _UNWRITABLE.search(text):
        raise _BadCellError("The transaction id is too long or holds signs that cannot be stored.")
    if _SHORTENED.fullmatch(text):
        raise _BadCellError(
            f"{_shown(text)} was shortened by a spreadsheet. Write the transaction id as a text."
        )
    # One plain number in ten passes a card's check digit by chance; written in groups it is no transaction id.
    if contains_card_number(text) and not text.isdigit():
        raise _BadCellError("The transaction id looks like a payment card number.")
    return text or None


def _time(cells: Sequence[str], mapping: Mapping, zone: ZoneInfo) -> datetime | None:
    text = _optional(cells, mapping.charged_at)
    if not text:
        return None
    try:
        moment = _from_parts(text, mapping.date_order) or datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else instant_of(moment, zone)
    except (ValueError, OverflowError):
        raise _BadCellError(f"{_shown(text)} is not a time as this file writes them.") from None


def _from_parts(text: str, order: DateOrder) -> datetime | None:
    """Return a time written with day or month first; None where it is not."""
    found = _TIME.fullmatch(text)
    if found is None or order is DateOrder.ISO:
        return None
    day, month = (
        (found["one"], found["two"]) if order is DateOrder.DAY_FIRST else (found["two"], found["one"])
    )
    time = found["time"] or "00:00"
    padded = time if time[1] != ":" else f"0{time}"
    return datetime.fromisoformat(f"{found['year']}-{int(month):02}-{int(day):02}T{padded}")
