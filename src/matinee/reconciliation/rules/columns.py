"""Which column is which: what staff chose, checked, and what is proposed from the last file or from the headings."""

from collections.abc import Iterable, Sequence

import msgspec

from matinee.kernel.errors import Invalid
from matinee.kernel.money import known_currencies
from matinee.reconciliation.types import KindBy, Layout, Mapping

CHARGE_WORDS = ("charge", "sale", "debit")
REFUND_WORDS = ("refund", "reversal", "credit", "cancel")

_KNOWN_HEADINGS = {
    "reference": ("reference", "ref", "order reference", "merchant reference", "order", "external id"),
    "amount": ("amount", "gross", "gross amount", "price", "value", "total"),
    "currency_column": ("currency", "ccy", "currency code"),
    "kind_column": ("kind", "type", "transaction type", "operation"),
    "transaction": ("transaction", "transaction id", "txn id", "charge id", "id"),
    "charged_at": ("charged at", "date", "time", "created at", "booked at", "timestamp"),
}
_PLACES = ("reference", "amount", "currency_column", "kind_column", "transaction", "charged_at")


def check_mapping(mapping: Mapping, layout: Layout) -> Mapping:
    """Return the mapping. Raises Invalid naming every column that is wrong (by the mapping's field names)."""
    problems: dict[str, str] = {}
    for name in _PLACES:
        place = getattr(mapping, name)
        if place is not None and not 0 <= place < layout.column_count:
            problems[name] = "The file has no such column."
    used = [place for name in _PLACES if (place := getattr(mapping, name)) is not None]
    for name in _PLACES:
        place = getattr(mapping, name)
        if place is not None and used.count(place) > 1 and name not in problems:
            problems[name] = "Another value is read from this column as well."
    if mapping.currency_column is None and mapping.currency not in known_currencies():
        problems["currency"] = "Choose a column, or write the code that holds for all rows, such as EUR."
    problems |= _check_kinds(mapping)
    if problems:
        raise Invalid(problems)
    return mapping


def _check_kinds(mapping: Mapping) -> dict[str, str]:
    if mapping.kind_by is not KindBy.COLUMN:
        return {}
    if mapping.kind_column is None:
        return {"kind_column": "Choose the column that tells charges from refunds."}
    if not mapping.charge_words:
        return {"charge_words": "Write the word for a charge, such as charge."}
    if set(mapping.charge_words) & set(mapping.refund_words):
        return {"refund_words": "A word cannot mean both a charge and a refund."}
    return {}


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a list such as `Refund, reversal`, as they are compared."""
    return tuple(dict.fromkeys(word for part in text.split(",") if (word := part.strip().casefold())))


def proposed(layout: Layout, *, last: Mapping | None, currency: str) -> Mapping:
    """Return the mapping that staff are shown first: that of the last file, its columns found by their headings."""
    first = tuple(cell.strip() for cell in layout.sample[0]) if layout.sample else ()
    if last is not None and (moved := _moved(last, first, layout.column_count)) is not None:
        return moved
    headings = first if looks_like_headings(first) else ()
    found: dict[str, int | None] = {}
    for name, known in _KNOWN_HEADINGS.items():
        found[name] = _first_place(headings, known, taken=found.values())
    kind_by = KindBy.COLUMN if found["kind_column"] is not None else KindBy.ALL_CHARGES
    return Mapping(
        headings=headings, reference=found["reference"] or 0,
        amount=1 if found["amount"] is None else found["amount"],
        currency_column=found["currency_column"], currency=currency, kind_by=kind_by,
        kind_column=found["kind_column"], charge_words=CHARGE_WORDS, refund_words=REFUND_WORDS,
        transaction=found["transaction"], charged_at=found["charged_at"],
    )  # fmt: skip


def looks_like_headings(cells: Sequence[str]) -> bool:
    """Say whether a first row holds names: texts in all of its columns, none of which has a digit."""
    return bool(cells) and all(cell and not any(sign.isdigit() for sign in cell) for cell in cells)


def _first_place(headings: Sequence[str], known: Sequence[str], *, taken: Iterable[int | None]) -> int | None:
    plain = [heading.casefold().replace("_", " ").replace("-", " ").strip() for heading in headings]
    used = set(taken)
    return next(
        (plain.index(name) for name in known if name in plain and plain.index(name) not in used), None
    )


def _moved(last: Mapping, first: Sequence[str], column_count: int) -> Mapping | None:
    """Return the last mapping for a file whose columns may stand elsewhere; None: it does not fit this file."""
    if not last.headings:
        places = [place for name in _PLACES if (place := getattr(last, name)) is not None]
        return last if max(places) < column_count and not looks_like_headings(first) else None
    changes: dict[str, int] = {}
    for name in _PLACES:
        place = getattr(last, name)
        if place is None:
            continue
        if last.headings[place] not in first:
            return None
        changes[name] = list(first).index(last.headings[place])
    return msgspec.structs.replace(last, headings=tuple(first), **changes)
