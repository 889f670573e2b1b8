"""From the cells of a row to a charge or a refund, or to the reason why not."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from matinee.reconciliation.rules.cells import read_row
from matinee.reconciliation.types import AmountUnit, DateOrder, KindBy, Mapping, ReadRow, RowKind

ZONE = ZoneInfo("Europe/Amsterdam")
PLAIN = Mapping(reference=0, amount=1, currency="EUR")


def read(*cells: str, **changes: object) -> ReadRow:
    return read_row(cells, line=7, mapping=msgspec.structs.replace(PLAIN, **changes), zone=ZONE)


@pytest.mark.parametrize(
    ("text", "unit", "currency", "minor"),
    [
        ("4.99", "decimal", "EUR", 499), ("4,99", "decimal", "EUR", 499), ("5", "decimal", "EUR", 500),
        ("4.9900", "decimal", "EUR", 499), ("4,50000", "decimal", "EUR", 450), ("499", "minor", "EUR", 499),
        ("500", "decimal", "JPY", 500), ("1.234", "decimal", "KWD", 1234),
    ],
)  # fmt: skip
def test_amounts(text: str, unit: str, currency: str, minor: int) -> None:
    row = read("m-1", text, amount_unit=AmountUnit(unit), currency=currency)
    assert (row.amount_minor, row.problem) == (minor, "")


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (("", "4.99"), "There is no reference."),
        (("m-1",), "There is no amount."),
        (("m 1", "4.99"), "'m 1' is not a reference."),
        (("4111111111111111", "4.99"), "The reference looks like a payment card number."),
        (("m-1", "0.00"), "The amount is 0."),
        (("m-1", "-4.99"), "The amount is negative, although all rows are charges."),
        (("m-1", "1,234"), "'1,234' is not an amount. Write it like 4.99, without thousands marks."),
        (("m-1", "4.999"), "EUR has 2 decimal digits: '4.999' is not an exact amount."),
        (("m-1", "4.9999"), "'4.9999' is not an amount. Write it like 4.99, without thousands marks."),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_says_why(cells: tuple[str, ...], problem: str) -> None:
    row = read(*cells)
    assert (row.line, row.problem, row.amount_minor) == (7, problem, None)


def test_the_reference_of_an_unreadable_row_is_kept() -> None:
    assert read("m-1", "much").reference == "m-1"


@pytest.mark.parametrize("text", ["1.23457E+17", "1,23457E+17", "1.2345678901234568e+17", "1E+17"])
def test_a_transaction_that_a_spreadsheet_cut_short_is_none(text: str) -> None:
    """It is another one in the next file, so that one charge would count as two."""
    row = read("m-1", "4.99", text, transaction=2)
    assert (row.transaction_id, row.problem) == (
        None, f"{text!r} was shortened by a spreadsheet. Write the transaction id as a text.",
    )  # fmt: skip
    assert read("m-1", "4.99", "12E4-77", transaction=2).transaction_id == "12E4-77"


@pytest.mark.parametrize("text", ["-4.99", "4.99-", "(4.99)", "- 4,99", "4,99 -"])
def test_what_is_negative_in_any_spelling_is_no_charge(text: str) -> None:
    refund = read("m-1", text, kind_by=KindBy.SIGN)
    assert (refund.kind, refund.amount_minor, refund.problem) == (RowKind.REFUND, 499, "")
    assert read("m-1", text).problem == "The amount is negative, although all rows are charges."


@pytest.mark.parametrize("text", ["(4.99", "4.99)", "-4.99-", "--4.99", "-(4.99)", "(-4.99)", "4.99-)"])
def test_signs_that_could_mean_either_are_not_read(text: str) -> None:
    row = read("m-1", text, kind_by=KindBy.SIGN)
    assert (row.amount_minor, row.problem != "") == (None, True)


def test_kinds_by_word_and_by_sign() -> None:
    by_word = {
        "kind_by": KindBy.COLUMN, "kind_column": 2, "charge_words": ("sale",), "refund_words": ("refund",),
    }  # fmt: skip
    assert read("m-1", "4.99", "SALE", **by_word).kind is RowKind.CHARGE
    assert read("m-1", "-4.99", "Refund", **by_word).kind is RowKind.REFUND
    assert read("m-1", "-4.99", "sale", **by_word).problem == "A charge has a negative amount."
    assert "neither a word" in read("m-1", "4.99", "fee", **by_word).problem
    refund = read("m-1", "-4.99", kind_by=KindBy.SIGN)
    assert (refund.kind, refund.amount_minor) == (RowKind.REFUND, 499)
    assert read("m-1", "(4.99)", kind_by=KindBy.SIGN).kind is RowKind.REFUND


def test_currencies() -> None:
    assert read("m-1", "4.99", "usd", currency_column=2).currency == "USD"
    assert read("m-1", "4.99", "QQQ", currency_column=2).problem == "'QQQ' is not a currency code."


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("2026-03-02T20:15:00+01:00", "iso"), ("2026-03-02 20:15", "iso"), ("02.03.2026 20:15", "dmy"),
        ("2-3-2026 20:15:00", "dmy"), ("3/2/2026 20:15", "mdy"), ("2026-03-02T19:15:00Z", "mdy"),
    ],
)  # fmt: skip
def test_times_are_the_operators_where_they_say_nothing_else(text: str, order: str) -> None:
    row = read("m-1", "4.99", text, charged_at=2, date_order=DateOrder(order))
    assert (row.charged_at, row.problem) == (datetime(2026, 3, 2, 19, 15, tzinfo=UTC), "")


def test_a_time_that_is_there_twice_in_autumn_is_the_second() -> None:
    row = read("m-1", "4.99", "2026-10-25 02:30", charged_at=2)
    assert row.charged_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["02.03.2026", "yesterday", "2026-13-01", "0000-00-00"])
def test_what_is_no_time_is_said(text: str) -> None:
    assert "is not a time" in read("m-1", "4.99", text, charged_at=2).problem


def test_a_cell_is_quoted_without_the_card_number_in_it() -> None:
    assert read("no 4111 1111 1111 1111", "4.99").problem == "'no ****' is not a reference."


def test_a_card_number_in_the_place_of_a_transaction_is_refused() -> None:
    assert read("m-1", "4.99", "4111-1111-1111-1111", transaction=2).problem == (
        "The transaction id looks like a payment card number."
    )
    assert read("m-1", "4.99", "T-1", transaction=2).transaction_id == "T-1"
