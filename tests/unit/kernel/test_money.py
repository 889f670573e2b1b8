"""Amounts are exact, or refused with a word about what to write."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.kernel.errors import Invalid
from matinee.kernel.money import CREDIT, LARGEST_MINOR, Money, exponent_of, tax_included


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("4.99", "EUR", 499),
        ("4,99", "EUR", 499),
        (" 4.9 ", "EUR", 490),
        ("5", "EUR", 500),
        ("500", "JPY", 500),
        ("1.250", "KWD", 1250),
        ("12", CREDIT, 12),
        ("0", "EUR", 0),
    ],
)
def test_amounts_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1,000", "JPY"),
        ("1,500", "EUR"),
        ("1,250", "KWD"),
        ("1,000.00", "EUR"),
        ("1.234", "EUR"),
        ("4.990", "EUR"),
        ("4.5", "JPY"),
        ("-1", "EUR"),
        ("1e2", "EUR"),
        ("1e999999", "EUR"),
        ("1_000", "EUR"),
        ("\u0664", "EUR"),
        ("", "EUR"),
        ("free", "EUR"),
        ("NaN", "EUR"),
        (".99", "EUR"),
        ("9999999999999", "EUR"),
    ],
)
def test_what_could_be_misread_is_refused_with_the_fields_name(text: str, currency: str) -> None:
    with pytest.raises(Invalid) as refused:
        Money.parse(text, currency, field="price_eur")
    assert list(refused.value.fields) == ["price_eur"]


@given(st.text(max_size=20))
def test_no_text_is_anything_but_an_amount_or_refused(text: str) -> None:
    try:
        money = Money.parse(text, "EUR")
    except Invalid:
        return
    assert Decimal(text.strip().replace(",", ".")) * 100 == money.minor


@given(st.integers(0, LARGEST_MINOR), st.sampled_from(["EUR", "JPY", "KWD", CREDIT]))
def test_what_a_form_shows_is_read_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    if exponent_of(currency) <= 3 and len(money.plain().partition(".")[0]) <= 13:
        assert Money.parse(money.plain(), currency) == money


def test_an_unknown_currency_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        exponent_of("EURO")
    assert list(refused.value.fields) == ["currency"]


@pytest.mark.parametrize(
    ("gross", "rate", "tax"), [(499, 2100, 87), (500, 0, 0), (121, 2100, 21), (1, 2100, 0), (3, 2000, 1)]
)
def test_tax_is_contained_in_the_price(gross: int, rate: int, tax: int) -> None:
    assert tax_included(gross, rate) == tax


@given(st.integers(1, 10**9), st.integers(0, 10_000))
def test_tax_is_never_more_than_the_price(gross: int, rate: int) -> None:
    assert 0 <= tax_included(gross, rate) <= gross
