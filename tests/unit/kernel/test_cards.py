"""Card numbers are found in free text; other numbers are left alone."""

import pytest

from matinee.kernel.cards import contains_card_number, mask_card_numbers


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "378282246310005",
        "paid with 5555555555554444, thanks",
        "2 4111 1111 1111 1111",
        "x4111111111111111x",
        "6011000990139424 and more",
    ],
)
def test_card_numbers_are_seen_and_masked(text: str) -> None:
    assert contains_card_number(text)
    assert not contains_card_number(mask_card_numbers(text))
    assert "****" in mask_card_numbers(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111111111111112",
        "411111111111",
        "4111  1111  1111  1111",
        "41111111111111111111",
        "1234567890123",
        "0" * 16,
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert not contains_card_number(text)
    assert mask_card_numbers(text) == text


def test_several_cards_and_what_stands_between() -> None:
    assert mask_card_numbers("a 4111111111111111, b 378282246310005.") == "a ****, b ****."


def test_many_digits_take_no_time() -> None:
    assert not contains_card_number("1 " * 40_000)
    assert not contains_card_number("1" * 80_000)
