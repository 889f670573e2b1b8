"""How values are written: exact, or not at all."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.kernel.money import Money
from matinee.provisions.rules.formats import NotWritten, check_format, minor_units, written
from matinee.provisions.types import (
    AmountFormat,
    LetterCase,
    Method,
    PlatformValue,
    TimeFormat,
    ValueFormat,
)

PRICE, TIME, TITLE = PlatformValue.CONTENT_PRICE, PlatformValue.REQUESTED_AT, PlatformValue.CONTENT_NAME


@pytest.mark.parametrize(
    ("price", "currency", "how", "expected"),
    [
        ("4.99", "EUR", ValueFormat(), "4.99"),
        ("4.99", "EUR", ValueFormat(digits=2), "4.99"),
        ("4.99", "EUR", ValueFormat(digits=4), "4.9900"),
        ("5.00", "EUR", ValueFormat(digits=0), "5"),
        ("100000000000", "JPY", ValueFormat(digits=2), "100000000000.00"),
        ("4.99", "EUR", ValueFormat(amount=AmountFormat.MINOR), "499"),
        ("0.05", "EUR", ValueFormat(amount=AmountFormat.MINOR), "5"),
        ("499", "JPY", ValueFormat(amount=AmountFormat.MINOR), "499"),
        ("1.234", "KWD", ValueFormat(amount=AmountFormat.MINOR), "1234"),
        ("5", "CREDIT", ValueFormat(amount=AmountFormat.MINOR), "5"),
    ],
)
def test_a_price(price: str, currency: str, how: ValueFormat, expected: str) -> None:
    assert written(PRICE, {PRICE: price, PlatformValue.CURRENCY: currency}, how) == expected


@pytest.mark.parametrize(
    ("price", "currency", "how"),
    [
        ("4.99", "EUR", ValueFormat(digits=1)),
        ("4.99", "JPY", ValueFormat(amount=AmountFormat.MINOR)),
        ("4.999", "EUR", ValueFormat(amount=AmountFormat.MINOR)),
        ("4.99", "", ValueFormat(amount=AmountFormat.MINOR)),
        ("4.99", "XQX", ValueFormat(amount=AmountFormat.MINOR)),
        ("4,99", "EUR", ValueFormat()),
        ("-1", "EUR", ValueFormat()),
        ("1e3", "EUR", ValueFormat()),
    ],
)
def test_a_price_that_would_have_to_be_rounded_or_guessed_is_not_written(
    price: str, currency: str, how: ValueFormat
) -> None:
    with pytest.raises(NotWritten):
        written(PRICE, {PRICE: price, PlatformValue.CURRENCY: currency}, how)


@given(st.integers(0, 10**12), st.sampled_from(["EUR", "JPY", "KWD", "CREDIT"]), st.integers(3, 6))
def test_every_price_says_the_same_in_every_format(minor: int, currency: str, digits: int) -> None:
    money = Money(minor, currency)
    values = {PRICE: money.plain(), PlatformValue.CURRENCY: currency}
    assert minor_units(money.plain(), currency) == minor
    assert Decimal(written(PRICE, values, ValueFormat(digits=digits))) == money.decimal()


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        ("2026-11-23T19:00:00+00:00", TimeFormat.ISO_8601, "2026-11-23T19:00:00+00:00"),
        ("1970-01-01T00:00:00Z", TimeFormat.EPOCH_SECONDS, "0"),
        ("2026-11-23T19:00:00Z", TimeFormat.EPOCH_SECONDS, "1795460400"),
        ("2026-11-23T20:00:00.250999+01:00", TimeFormat.EPOCH_SECONDS, "1795460400"),
        ("2026-11-23T20:00:00.250999+01:00", TimeFormat.EPOCH_MILLISECONDS, "1795460400250"),
    ],
)
def test_a_time(text: str, how: TimeFormat, expected: str) -> None:
    assert written(TIME, {TIME: text}, ValueFormat(time=how)) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-11-23T19:00:00"])
def test_a_time_that_could_mean_several_moments_is_not_written(text: str) -> None:
    with pytest.raises(NotWritten):
        written(TIME, {TIME: text}, ValueFormat(time=TimeFormat.EPOCH_SECONDS))


def test_letter_case_and_nothing() -> None:
    values = {TITLE: "Tom & Éva"}
    assert written(TITLE, values, ValueFormat(letter_case=LetterCase.UPPER)) == "TOM & ÉVA"
    assert written(TITLE, values, ValueFormat(letter_case=LetterCase.LOWER)) == "tom & éva"
    assert written(PlatformValue.CITY, values, ValueFormat(letter_case=LetterCase.UPPER)) == ""


@pytest.mark.parametrize(
    ("value", "how", "method", "part"),
    [
        (TITLE, ValueFormat(amount=AmountFormat.MINOR), Method.GET, "amount"),
        (TITLE, ValueFormat(digits=2), Method.GET, "digits"),
        (PRICE, ValueFormat(digits=7), Method.GET, "digits"),
        (PRICE, ValueFormat(digits=-1), Method.GET, "digits"),
        (PRICE, ValueFormat(digits=2, amount=AmountFormat.MINOR), Method.GET, "digits"),
        (PRICE, ValueFormat(time=TimeFormat.EPOCH_SECONDS), Method.GET, "time"),
        (PRICE, ValueFormat(letter_case=LetterCase.UPPER), Method.GET, "letter_case"),
        (PlatformValue.REFERENCE, ValueFormat(letter_case=LetterCase.UPPER), Method.GET, "letter_case"),
        (PRICE, ValueFormat(as_number=True), Method.GET, "as_number"),
        (PRICE, ValueFormat(as_number=True), Method.POST_FORM, "as_number"),
        (PRICE, ValueFormat(as_number=True), None, "as_number"),
        (TIME, ValueFormat(as_number=True), Method.POST_JSON, "as_number"),
        (TITLE, ValueFormat(as_number=True), Method.POST_JSON, "as_number"),
    ],
)
def test_a_format_that_does_not_fit_is_refused(
    value: PlatformValue, how: ValueFormat, method: Method | None, part: str
) -> None:
    errors: dict[str, str] = {}
    check_format(value, how, method=method, path="f", errors=errors)
    assert list(errors) == [f"f.{part}"]


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (PRICE, {"digits": 0, "as_number": True}),
        (PRICE, {"amount": AmountFormat.MINOR, "as_number": True}),
        (TIME, {"time": TimeFormat.EPOCH_MILLISECONDS, "as_number": True}),
        (TITLE, {"letter_case": LetterCase.LOWER}),
    ],
)
def test_a_format_that_fits(value: PlatformValue, changes: dict[str, Any]) -> None:
    errors: dict[str, str] = {}
    check_format(value, ValueFormat(**changes), method=Method.POST_JSON, path="f", errors=errors)
    assert errors == {}
