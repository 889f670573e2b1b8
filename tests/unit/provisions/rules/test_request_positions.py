"""Forms, JSON and headers: every value arrives as it was, in its place, and none that is secret is shown."""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.provisions.examples import FULL, VALUES, keys

from matinee.platform.http.messages import HttpRequest
from matinee.provisions.rules import RequestNotBuilt, build_cancel, build_charge
from matinee.provisions.rules.headers import header_problem, header_text, is_header_text
from matinee.provisions.types import (
    AmountFormat,
    AnswerFields,
    CallConfig,
    CancelCall,
    HeaderMapping,
    KeyMapping,
    Method,
    PlatformValue,
    ProvisionConfig,
    TimeFormat,
    ValueFormat,
    json_place,
)

CANARY = "canary-7"


def built(
    method: Method,
    *key_map: KeyMapping,
    headers: tuple[HeaderMapping, ...] = (),
    url: str = "https://a.example/x?shop=7",
    **values: str,
) -> HttpRequest:
    call = CallConfig(method=method, key_map=key_map, headers=headers)
    config = ProvisionConfig(name="X", base_url=url, charge=call)
    given = {**VALUES, PlatformValue.CONTENT_PRICE: "4.90"}
    given |= {PlatformValue(name): value for name, value in values.items()}
    return build_charge(config, given, {"key": CANARY}.__getitem__)


def row(parameter: str, value: str, **how: Any) -> KeyMapping:
    return KeyMapping(parameter=parameter, platform_value=PlatformValue(value), format=ValueFormat(**how))


def test_a_form() -> None:
    request = built(
        Method.POST_FORM, row("who", "userid"), row("title", "content_name"), content_name="Tom & Jérôme + 1"
    )
    assert (request.method, request.url) == ("POST", "https://a.example/x?shop=7")
    assert request.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    assert request.body == b"who=anna&title=Tom+%26+J%C3%A9r%C3%B4me+%2B+1"
    assert request.shown == (
        "POST https://a.example/x?shop=***\nContent-Type: application/x-www-form-urlencoded\n\n"
        "who=***&title=Tom+%26+J%C3%A9r%C3%B4me+%2B+1"
    )


def test_json_nests_at_dots_and_writes_numbers_digit_by_digit() -> None:
    request = built(
        Method.POST_JSON,
        row("order.customer.id", "userid"),
        row("order.amount", "content_price", as_number=True),
        row("order.minor", "content_price", as_number=True, amount=AmountFormat.MINOR),
        row("order.text", "content_price"),
        row("at", "requested_at", as_number=True, time=TimeFormat.EPOCH_SECONDS),
        KeyMapping(parameter="token", secret="key"),
        requested_at="1970-01-01T00:01:00+00:00",
    )
    assert request.body == (
        b'{"order":{"customer":{"id":"anna"},"amount":4.90,"minor":490,"text":"4.90"},"at":60,"token":"canary-7"}'
    )
    assert request.headers == (("Content-Type", "application/json"),)
    assert request.shown.endswith(
        '\n\n{"order":{"customer":{"id":"***"},"amount":4.90,"minor":490,"text":"4.90"},"at":60,"token":"***"}'
    )


def test_a_number_that_is_missing_is_null() -> None:
    at = row("at", "requested_at", as_number=True, time=TimeFormat.EPOCH_SECONDS)
    assert built(Method.POST_JSON, at).body == b'{"at":null}'


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_arrives_as_it_was(name: str, city: str) -> None:
    table = (row("title", "content_name"), row("a.city", "city"), KeyMapping(parameter="k", secret="key"))
    form = built(Method.POST_FORM, *table, content_name=name, city=city)
    assert parse_qsl(form.body.decode(), keep_blank_values=True, strict_parsing=True) == [
        ("title", name), ("a.city", city), ("k", CANARY),
    ]  # fmt: skip
    document = built(Method.POST_JSON, *table, content_name=name, city=city).body
    assert json.loads(document) == {"title": name, "a": {"city": city}, "k": CANARY}


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("broken", ["\ud800", "a\udfffb"])
def test_a_text_that_no_encoding_knows_is_replaced_and_still_sent(method: Method, broken: str) -> None:
    request = built(method, row("title", "content_name"), content_name=broken)
    assert b"?" in request.body + request.url.encode()


@given(st.text(max_size=60))
def test_any_text_becomes_a_header_and_can_be_read_back(text: str) -> None:
    name = HeaderMapping(name="X-Title", platform_value=PlatformValue.CONTENT_NAME)
    (header,) = built(Method.GET, *keys("userid"), headers=(name,), content_name=text).headers
    assert is_header_text(header[1])
    assert unquote(header[1]) == text


def test_headers_stand_in_their_order_and_secrets_are_masked() -> None:
    headers = (
        HeaderMapping(name="X-Shop", constant="seven"),
        HeaderMapping(name="X-Key", secret="key"),
        HeaderMapping(name="Content-Type", constant="application/vnd.shop+json"),
        HeaderMapping(name="Idempotency-Key", platform_value=PlatformValue.REFERENCE),
    )
    request = built(Method.POST_JSON, *keys("userid"), headers=headers)
    assert request.headers == (
        ("X-Shop", "seven"), ("X-Key", CANARY), ("Content-Type", "application/vnd.shop+json"),
        ("Idempotency-Key", "ref-1"),
    )  # fmt: skip
    assert request.shown == (
        "POST https://a.example/x?shop=***\nX-Shop: ***\nX-Key: ***\nContent-Type: ***\n"
        'Idempotency-Key: ref-1\n\n{"userid":"***"}'
    )
    assert {CANARY, "seven", "anna", "7"} <= set(request.secrets)
    assert CANARY not in repr(request)


@pytest.mark.parametrize("method", list(Method))
def test_no_secret_and_nothing_personal_is_shown_in_any_place(method: Method) -> None:
    table = (
        KeyMapping(parameter="k", secret="key"), KeyMapping(parameter="c", constant="constant-9"),
        *(row(value, value) for value in ("userid", "customer_mapping_id", "uuid", "city", "state", "country")),
    )  # fmt: skip
    personal = {
        value: f"{value} of Anna"
        for value in ("userid", "customer_mapping_id", "uuid", "city", "state", "country")
    }
    headers = tuple(
        HeaderMapping(name=f"X-{value}", platform_value=PlatformValue(value)) for value in personal
    )
    request = built(method, *table, headers=headers, **personal)
    assert "Anna" not in request.shown
    assert CANARY not in request.shown
    assert "constant-9" not in request.shown
    assert {*personal.values(), CANARY, "constant-9"} <= set(request.secrets)


def test_a_value_in_another_letter_case_is_masked_in_both() -> None:
    request = built(Method.GET, row("c", "city", letter_case="upper"), city="Delft")
    assert set(request.secrets) >= {"Delft", "DELFT"}


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\nb", "é", "\x00", " a"])
def test_a_secret_that_could_break_out_of_its_header_is_not_sent(text: str) -> None:
    headers = (HeaderMapping(name="X-Key", secret="key"),)
    config = ProvisionConfig(
        name="X", base_url="https://a.example", charge=CallConfig(key_map=keys("userid"), headers=headers)
    )
    with pytest.raises(RequestNotBuilt):
        build_charge(config, VALUES, lambda name: text)


def test_a_secret_that_is_not_there_is_not_sent() -> None:
    call = CallConfig(key_map=(KeyMapping(parameter="k", secret="other"),))
    config = ProvisionConfig(name="X", base_url="https://a.example", charge=call)
    for read in (None, {"key": CANARY}.__getitem__):
        with pytest.raises(RequestNotBuilt, match="other"):
            build_charge(config, VALUES, read)


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(RequestNotBuilt):
        built(Method.POST_FORM, row("t", "content_name"), content_name="x" * 70_000)
    header = HeaderMapping(name="X-User", platform_value=PlatformValue.USERID)
    with pytest.raises(RequestNotBuilt):
        built(Method.GET, *keys("content_id"), headers=(header,), userid="é" * 400)


def test_a_price_that_cannot_be_written_is_not_sent() -> None:
    with pytest.raises(RequestNotBuilt):
        built(Method.GET, row("p", "content_price", digits=0))


def test_an_echoed_amount_in_minor_units_needs_a_whole_number_of_them() -> None:
    fields = AnswerFields(amount=json_place("/amount"), amount_format=AmountFormat.MINOR)
    config = msgspec.structs.replace(FULL, answer=fields)
    with pytest.raises(RequestNotBuilt):
        build_charge(config, {**VALUES, PlatformValue.CONTENT_PRICE: "4.999"})


def test_a_cancel_has_an_address_of_its_own() -> None:
    config = msgspec.structs.replace(
        FULL, cancel=CancelCall(url="/rentals/cancel", method=Method.POST_JSON, key_map=keys("reference"))
    )
    request = build_cancel(config, VALUES)
    assert (request.url, request.body) == (
        "https://www.operator.com/rentals/cancel",
        b'{"reference":"ref-1"}',
    )
    with pytest.raises(RequestNotBuilt):
        build_cancel(FULL, VALUES)


@pytest.mark.parametrize(
    "name",
    [
        "Host", "content-length", "Authorization", "CONNECTION", "Transfer-Encoding", "Cookie", "Webhook-Id",
        "webhook-signature", "Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Authorization", "Expect",
        "Accept-Encoding", "User-Agent", "Content-Encoding", "", "a b", "a:b", "a\r\nb", "é", "x" * 65,
    ],
)  # fmt: skip
def test_headers_that_cannot_be_set(name: str) -> None:
    assert header_problem(name, has_body=True)


def test_headers_that_can_be_set() -> None:
    for name in ("X-Api-Key", "Accept", "Content-Type", "Idempotency-Key", "X.y_z"):
        assert header_problem(name, has_body=True) == ""
    assert header_problem("Content-Type", has_body=False)


def test_a_percent_sign_in_a_header_cannot_be_mistaken_for_an_encoding() -> None:
    assert header_text("100 % é") == "100 %25 %C3%A9"
