"""The one URL that is sent: encoded by position, in the order of the key table."""

from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.provisions.examples import FULL, PLAIN, VALUES

from matinee.provisions.rules import RequestNotBuilt, build_charge, build_refund, build_status
from matinee.provisions.types import CallConfig, KeyMapping, PlatformValue, ProvisionConfig


def config(base_url: str, *key_map: KeyMapping) -> ProvisionConfig:
    return ProvisionConfig(name="X", base_url=base_url, charge=CallConfig(key_map=key_map))


def test_the_order_of_the_table_is_the_order_of_the_parameters() -> None:
    assert build_charge(PLAIN, VALUES).url == (
        "https://www.operator.com/rentals?userid=anna&content_id=film-1&content_price=499&currency=EUR"
    )


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://a.example", "https://a.example?c=1"),
        ("https://a.example/", "https://a.example/?c=1"),
        ("https://a.example/x?", "https://a.example/x?c=1"),
        ("https://a.example/x?y=%20z&w", "https://a.example/x?y=%20z&w&c=1"),
        ("https://a.example/%C3%A9;p?a+b=c", "https://a.example/%C3%A9;p?a+b=c&c=1"),
    ],
)
def test_what_the_base_url_has_is_kept_byte_for_byte(base_url: str, expected: str) -> None:
    assert build_charge(config(base_url, KeyMapping(parameter="c", constant="1")), VALUES).url == expected


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_any_value_arrives_as_it_was_and_adds_nothing(name: str, city: str, constant: str) -> None:
    request = build_charge(
        config(
            "https://a.example/x?shop=7",
            KeyMapping(parameter="title", platform_value=PlatformValue.CONTENT_NAME),
            KeyMapping(parameter="order[city]", platform_value=PlatformValue.CITY),
            KeyMapping(parameter="key", constant=constant),
        ),
        {PlatformValue.CONTENT_NAME: name, PlatformValue.CITY: city},
    )
    assert request.url.isascii()
    assert not set(request.url) & set(' \r\n\t"<>\\#')
    pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True, encoding="utf-8")
    assert pairs == [("shop", "7"), ("title", name), ("order[city]", city), ("key", constant)]


def test_constants_and_personal_values_are_masked_where_they_are_shown() -> None:
    request = build_charge(
        config(
            "https://a.example/x?token=canary&flag",
            KeyMapping(parameter="user", platform_value=PlatformValue.USERID),
            KeyMapping(parameter="price", platform_value=PlatformValue.CONTENT_PRICE),
            KeyMapping(parameter="key", constant="canary 2"),
            KeyMapping(parameter="city", platform_value=PlatformValue.CITY),
        ),
        VALUES,
    )
    assert request.shown == "GET https://a.example/x?token=***&flag&user=***&price=499&key=***&city="
    assert set(request.secrets) == {"canary", "anna", "canary 2", ""}


@pytest.mark.parametrize("value", ["userid", "content_id", "content_price", "currency", "reference"])
def test_a_charge_without_an_indispensable_value_is_not_built(value: str) -> None:
    with pytest.raises(RequestNotBuilt, match=value):
        build_charge(FULL, {**VALUES, PlatformValue(value): ""})


def test_other_values_may_be_empty() -> None:
    assert (
        build_charge(
            config("https://a.example/x", KeyMapping(parameter="city", platform_value=PlatformValue.CITY)),
            VALUES,
        ).url
        == "https://a.example/x?city="
    )


@pytest.mark.parametrize("reference", ["", "a b", "x" * 65, "é", "a\n", "a/b"])
def test_a_reference_keeps_to_its_grammar(reference: str) -> None:
    with pytest.raises(RequestNotBuilt):
        build_status(FULL, {PlatformValue.REFERENCE: reference})


def test_an_echo_that_could_not_be_compared_sends_nothing() -> None:
    no_currency = CallConfig(key_map=FULL.charge.key_map[:4])
    with pytest.raises(RequestNotBuilt, match="currency"):
        build_charge(
            msgspec.structs.replace(FULL, charge=no_currency), {**VALUES, PlatformValue.CURRENCY: ""}
        )
    with pytest.raises(RequestNotBuilt, match="content_price"):
        build_charge(FULL, {**VALUES, PlatformValue.CONTENT_PRICE: "4,99"})


def test_status_and_refund_have_addresses_of_their_own() -> None:
    values = {
        **VALUES, PlatformValue.REFUND_REFERENCE: "refund-1", PlatformValue.CHARGE_ID: "tx/1",
    }  # fmt: skip
    assert build_status(FULL, values).url == "https://www.operator.com/rentals/status?reference=ref-1"
    assert build_refund(FULL, values).url == (
        "https://www.operator.com/rentals/refund?reference=ref-1&refund_reference=refund-1&charge_id=tx%2F1"
    )
    with pytest.raises(RequestNotBuilt, match="charge_id"):
        build_refund(FULL, {**values, PlatformValue.CHARGE_ID: ""})


def test_calls_that_do_not_exist_are_not_built() -> None:
    with pytest.raises(RequestNotBuilt):
        build_status(PLAIN, VALUES)
    with pytest.raises(RequestNotBuilt):
        build_refund(PLAIN, VALUES)


def test_a_request_has_a_largest_size() -> None:
    with pytest.raises(RequestNotBuilt, match="8000"):
        build_charge(
            config("https://a.example", KeyMapping(parameter="n", platform_value=PlatformValue.CONTENT_NAME)),
            {PlatformValue.CONTENT_NAME: "x" * 8000},
        )
