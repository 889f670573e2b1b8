"""What may be saved of methods, headers, rules, decline texts, authentication and the cancel call."""

from typing import Any

import msgspec
import pytest
from tests.unit.provisions.examples import FULL, PLAIN, keys

from matinee.kernel.errors import Invalid
from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.rules import provable_capabilities, same_calls, validated_config
from matinee.provisions.types import (
    AmountFormat,
    AnswerFields,
    AnswerPart,
    AnswerRule,
    Auth,
    BasicAuth,
    BearerAuth,
    CallConfig,
    CancelCall,
    Capability,
    Comparison,
    Condition,
    DeclineText,
    HeaderAuth,
    HeaderMapping,
    HmacAuth,
    KeyMapping,
    Method,
    OAuth2Auth,
    Place,
    PlatformValue,
    ProvisionConfig,
    ValueFormat,
    answer_rule,
    json_place,
)

POLICY = EgressPolicy.parse("")
OK = answer_rule("200 OK")
assert FULL.status is not None
STATUS = FULL.status


def errors_of(config: ProvisionConfig) -> set[str]:
    try:
        validated_config(config, policy=POLICY)
    except Invalid as invalid:
        return set(invalid.fields)
    return set()


def changed(config: ProvisionConfig, **changes: Any) -> ProvisionConfig:
    result: ProvisionConfig = msgspec.structs.replace(config, **changes)
    return result


def charge(**changes: Any) -> ProvisionConfig:
    call = msgspec.structs.replace(CallConfig(key_map=keys("userid")), **changes)
    return changed(PLAIN, charge=call)


def named(*names: str, **mapping: Any) -> tuple[KeyMapping, ...]:
    source = mapping or {"constant": "1"}
    return tuple(KeyMapping(parameter=name, **source) for name in names)


def on(part: str, comparison: str, text: str = "", at: str = "") -> Condition:
    return Condition(part=AnswerPart(part), comparison=Comparison(comparison), at=at, text=text)


def rule(*conditions: Condition, combine: Any = "all") -> AnswerRule:
    return AnswerRule(conditions=conditions, combine=combine)


CANCEL = CancelCall(url="/rentals/cancel", key_map=keys("reference"), method=Method.POST_JSON)
COMPLETE = changed(
    FULL,
    charge=CallConfig(
        method=Method.POST_JSON,
        key_map=(
            *named("order.reference", platform_value=PlatformValue.REFERENCE),
            *named("order.user", platform_value=PlatformValue.USERID),
            KeyMapping(
                parameter="order.amount",
                platform_value=PlatformValue.CONTENT_PRICE,
                format=ValueFormat(amount=AmountFormat.MINOR, as_number=True),
            ),
            *named("currency", platform_value=PlatformValue.CURRENCY),
            *named("key", secret="shop_key"),
        ),
        headers=(HeaderMapping(name="X-Shop", constant="7"),),
        success=rule(on("json", "is", "paid", "/state"), on("status", "is", "200 OK")),
        no_success=rule(on("json", "matches", "^(refused|blocked)$", "/state")),
    ),
    cancel=CANCEL,
    decline_texts=(DeclineText(code="51", text="Your limit is reached."),),
    auth=HmacAuth(key_secret="signing_key"),
    callback_secret="callbacks",
    most_at_once=20,
)


def test_everything_at_once_passes_and_stays_as_it_is() -> None:
    assert validated_config(COMPLETE, policy=POLICY) == COMPLETE
    assert msgspec.json.decode(msgspec.json.encode(COMPLETE), type=ProvisionConfig) == COMPLETE


@pytest.mark.parametrize(
    ("method", "names", "row"),
    [
        (Method.POST_JSON, ("a", "a.b"), 1),
        (Method.POST_JSON, ("a.b.c", "a.b"), 1),
        (Method.POST_JSON, ("a.b", "c", "a"), 2),
        (Method.POST_JSON, ("a.b", "a.b"), 1),
        (Method.POST_JSON, ("a.",), 0),
        (Method.POST_JSON, ("a..b",), 0),
        (Method.POST_FORM, ("a", "a"), 1),
        (Method.GET, (".a",), 0),
    ],
)
def test_names_that_cannot_stand_together(method: Method, names: tuple[str, ...], row: int) -> None:
    assert errors_of(charge(method=method, key_map=named(*names))) == {f"charge.key_map.{row}.parameter"}


@pytest.mark.parametrize(
    ("method", "names"),
    [
        (Method.POST_JSON, ("a.b", "a.c", "ab", "b.a")),
        (Method.POST_FORM, ("a", "a.b", "a..b")),
        (Method.GET, ("a", "a.b", "a[b]")),
    ],
)
def test_names_that_can(method: Method, names: tuple[str, ...]) -> None:
    assert errors_of(charge(method=method, key_map=named(*names))) == set()


def test_the_query_of_the_address_only_collides_with_a_query() -> None:
    for method, expected in ((Method.GET, {"charge.key_map.0.parameter"}), (Method.POST_FORM, set())):
        config = changed(
            charge(method=method, key_map=named("shop")), base_url="https://a.operator.com/?shop=7"
        )
        assert errors_of(config) == expected


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ({"constant": "1", "secret": "key"}, "platform_value"),
        ({"platform_value": PlatformValue.CITY, "secret": "key"}, "platform_value"),
        ({"secret": "Key 1"}, "secret"),
        ({"secret": ""}, "secret"),
        ({"constant": "1", "format": ValueFormat(digits=2)}, "format"),
        ({"platform_value": PlatformValue.CITY, "format": ValueFormat(as_number=True)}, "format.as_number"),
    ],
)
def test_what_a_row_carries(mapping: dict[str, Any], path: str) -> None:
    found = errors_of(charge(method=Method.POST_JSON, key_map=named("a", **mapping)))
    assert f"charge.key_map.0.{path}" in found


@pytest.mark.parametrize(
    ("header", "path"),
    [
        (HeaderMapping(name="Host", constant="a"), "name"),
        (HeaderMapping(name="Authorization", secret="key"), "name"),
        (HeaderMapping(name="webhook-id", constant="a"), "name"),
        (HeaderMapping(name="Content-Type", constant="a"), "name"),
        (HeaderMapping(name="X-A\r\nX-B", constant="a"), "name"),
        (HeaderMapping(name="X-A", constant="a\r\nX-B: c"), "constant"),
        (HeaderMapping(name="X-A", constant="é"), "constant"),
        (HeaderMapping(name="X-A", constant="4111111111111111"), "constant"),
        (HeaderMapping(name="X-A"), "platform_value"),
        (HeaderMapping(name="X-A", platform_value=PlatformValue.CHARGE_ID), "platform_value"),
    ],
)
def test_headers_are_checked_at_their_row(header: HeaderMapping, path: str) -> None:
    assert errors_of(charge(headers=(header,))) == {f"charge.headers.0.{path}"}


def test_a_header_stands_once() -> None:
    headers = (HeaderMapping(name="X-A", constant="1"), HeaderMapping(name="x-a", constant="2"))
    assert errors_of(charge(headers=headers)) == {"charge.headers.1.name"}
    many = tuple(HeaderMapping(name=f"X-{number}", constant="1") for number in range(21))
    assert errors_of(charge(headers=many)) == {"charge.headers"}


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        (on("status", "contains", "200"), "comparison"),
        (on("status", "is", "200", "/a"), "at"),
        (on("status", "is", "302"), "text"),
        (on("body", "exists"), "comparison"),
        (on("body", "is", "a", "/a"), "at"),
        (on("body", "matches", "("), "text"),
        (on("body", "matches", "a*"), "text"),
        (on("body", "matches", "(a?){900}b"), "text"),
        (on("json", "is", "a", "a"), "at"),
        (on("json", "is", "", "/a"), "text"),
        (on("json", "exists", "a", "/a"), "text"),
        (on("xml", "is", "a", "a/b"), "at"),
        (on("header", "is", "a", "a b"), "at"),
        (on("header", "is", "a"), "at"),
    ],
)
def test_a_condition_is_checked_at_its_part(condition: Condition, part: str) -> None:
    found = errors_of(charge(success=rule(on("status", "is", "200"), condition)))
    assert found == {f"charge.success.conditions.1.{part}"}


def test_a_rule_has_one_to_ten_conditions_and_an_answer_one_status() -> None:
    assert errors_of(charge(success=rule())) == {"charge.success.conditions"}
    many = [on("body", "contains", f"word {number}") for number in range(11)]
    assert errors_of(charge(success=rule(*many))) == {"charge.success.conditions"}
    two = (on("status", "is", "200"), on("status", "is", "201"))
    assert errors_of(charge(success=rule(*two))) == {"charge.success.conditions"}
    assert errors_of(charge(success=rule(*two, combine="any"))) == set()


A, B = on("body", "contains", "a"), on("json", "is", "b", "/x")


@pytest.mark.parametrize(
    ("success", "no_success"),
    [
        (rule(A), rule(A)),
        (rule(A), rule(A, B)),
        (rule(A, B), rule(B)),
        (rule(A, B, combine="any"), rule(B)),
        (rule(A), rule(A, B, combine="any")),
        (rule(A, on("status", "is", "200"), combine="any"), rule(B, on("status", "is", "200 OK"))),
        (rule(on("json", "exists", at="/x")), rule(B)),
        (rule(on("json", "matches", "^b", "/x")), rule(B)),
        (rule(on("header", "is", "a", "X-A")), rule(on("header", "contains", "a", "x-a"))),
    ],
)
def test_rules_of_which_one_includes_the_other_are_refused(
    success: AnswerRule, no_success: AnswerRule
) -> None:
    for one, other in ((success, no_success), (no_success, success)):
        assert errors_of(charge(success=one, no_success=other)) == {"charge.no_success.conditions"}


@pytest.mark.parametrize(
    ("success", "no_success"),
    [
        (rule(A), rule(B)),  # one answer may show both: a review then
        (rule(A, B), rule(A, on("json", "is", "c", "/x"))),
        (rule(on("json", "is", "b", "/x")), rule(on("json", "is", "b", "/y"))),
        (rule(on("json", "is", "b", "/x")), rule(on("xml", "is", "b", "/x"))),
        (rule(on("body", "matches", "a.c")), rule(on("body", "contains", "abc"))),
        (rule(on("body", "contains", " a")), rule(on("body", "is", " a"))),  # `is` ignores the blank
        (
            rule(on("body", "contains", "ab"), on("body", "contains", "xy")),
            rule(on("body", "contains", "abc"), on("body", "contains", "xyz"), combine="any"),
        ),
    ],
)
def test_rules_that_only_an_answer_can_tell_apart_pass(success: AnswerRule, no_success: AnswerRule) -> None:
    assert errors_of(charge(success=success, no_success=no_success)) == set()


def test_charged_may_be_wider_than_a_refusal_but_not_inside_it() -> None:
    wide, narrow = answer_rule("200"), answer_rule("200", contains="x")
    for charged, declined, expected in (
        (wide, narrow, set()),
        (narrow, wide, {"status.charged.conditions"}),
    ):
        status = msgspec.structs.replace(STATUS, charged=charged, declined=declined)
        assert errors_of(changed(FULL, status=status)) == expected


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        (AnswerFields(amount=Place(part="xml", at="amount")), "answer.amount.at"),
        (AnswerFields(currency=Place(part="header", at="")), "answer.currency.at"),
        (AnswerFields(amount_format=AmountFormat.MINOR), "answer.amount_format"),
    ],
)
def test_fields_of_the_answer(fields: AnswerFields, path: str) -> None:
    assert errors_of(changed(PLAIN, answer=fields)) == {path}


@pytest.mark.parametrize(
    ("charges", "charge_id", "path"),
    [
        (Place(part="header", at="X-Charges"), "/id", "charges.part"),
        (json_place("/charges"), "id", "charge_id"),
        (Place(part="xml", at="/charges"), "id", "charges.at"),
        (Place(part="xml", at="/a/@b"), "id", "charges.at"),
        (Place(part="xml", at="/a/b"), "/id", "charge_id"),
    ],
)
def test_where_charges_are_listed(charges: Place, charge_id: str, path: str) -> None:
    status = msgspec.structs.replace(STATUS, charges=charges, charge_id=charge_id)
    assert errors_of(changed(FULL, status=status)) == {f"status.{path}"}


@pytest.mark.parametrize(
    ("texts", "path"),
    [
        ((DeclineText(code="", text="No."),), "decline_texts.0.code"),
        ((DeclineText(code="a", text="No."), DeclineText(code=" A ", text="No.")), "decline_texts.1.code"),
        ((DeclineText(code="a", text=" "),), "decline_texts.0.text"),
        ((DeclineText(code="a", text="x" * 201),), "decline_texts.0.text"),
        ((DeclineText(code="a", text="a\nb"),), "decline_texts.0.text"),
        (tuple(DeclineText(code=f"{n}", text="No.") for n in range(101)), "decline_texts"),
    ],
)
def test_decline_texts(texts: tuple[DeclineText, ...], path: str) -> None:
    assert errors_of(changed(FULL, decline_texts=texts)) == {path}


def test_decline_texts_need_a_place_for_the_code() -> None:
    texts = (DeclineText(code="51", text="No."),)
    assert errors_of(changed(PLAIN, decline_texts=texts)) == {"decline_texts"}


TOKEN_URL = "https://login.operator.com/token"


@pytest.mark.parametrize(
    ("auth", "path"),
    [
        (BasicAuth(username="", password_secret="a"), "username"),
        (BasicAuth(username="a:b", password_secret="a"), "username"),
        (BasicAuth(username="shop", password_secret="A b"), "password_secret"),
        (BearerAuth(token_secret=""), "token_secret"),
        (HeaderAuth(header="Host", value_secret="a"), "header"),
        (HeaderAuth(header="X-Key", value_secret="-"), "value_secret"),
        (HmacAuth(key_secret="1"), "key_secret"),
        (OAuth2Auth(token_url="http://a.operator.com", client_id="a", client_secret="a"), "token_url"),
        (OAuth2Auth(token_url="", client_id="a", client_secret="a"), "token_url"),
        (OAuth2Auth(token_url="https://10.0.0.1/", client_id="a", client_secret="a"), "token_url"),
        (OAuth2Auth(token_url=TOKEN_URL, client_id=" a", client_secret="a"), "client_id"),
        (OAuth2Auth(token_url=TOKEN_URL, client_id="a", client_secret="!"), "client_secret"),
        (OAuth2Auth(token_url=TOKEN_URL, client_id="a", client_secret="a", scope="a\nb"), "scope"),
    ],
)
def test_authentication(auth: Auth, path: str) -> None:
    assert errors_of(changed(PLAIN, auth=auth)) == {f"auth.{path}"}


def test_a_secret_header_is_no_header_that_a_call_sends() -> None:
    config = charge(headers=(HeaderMapping(name="X-Key", constant="1"),))
    assert errors_of(changed(config, auth=HeaderAuth(header="x-key", value_secret="a"))) == {"auth.header"}


def test_the_address_of_tokens_gets_a_scheme() -> None:
    auth = OAuth2Auth(token_url=" login.operator.com/token ", client_id="a", client_secret="a")
    normal = validated_config(changed(PLAIN, auth=auth), policy=POLICY)
    assert normal.auth == msgspec.structs.replace(auth, token_url=TOKEN_URL)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"callback_secret": "No name"}, "callback_secret"),
        ({"most_at_once": 0}, "most_at_once"),
        ({"most_at_once": 1001}, "most_at_once"),
        ({"cancel": msgspec.structs.replace(CANCEL, url="")}, "cancel.url"),
        ({"cancel": msgspec.structs.replace(CANCEL, key_map=keys("userid"))}, "cancel.key_map"),
        ({"cancel": msgspec.structs.replace(CANCEL, refused=OK)}, "cancel.refused.conditions"),
        (
            {"cancel": msgspec.structs.replace(CANCEL, key_map=keys("reference", "charge_id"))},
            "cancel.key_map.1.platform_value",
        ),
    ],
)
def test_callbacks_the_limit_and_the_cancel_call(changes: dict[str, Any], path: str) -> None:
    assert errors_of(changed(FULL, **changes)) == {path}


def test_a_cancel_call_needs_a_charge_that_sends_the_reference() -> None:
    assert errors_of(changed(PLAIN, cancel=CANCEL)) == {"charge.key_map"}


def test_a_reference_in_a_header_counts() -> None:
    headers = (HeaderMapping(name="Idempotency-Key", platform_value=PlatformValue.REFERENCE),)
    config = changed(charge(headers=headers), cancel=CANCEL)
    assert errors_of(config) == set()
    assert provable_capabilities(config) == {Capability.CANCEL}


def test_what_could_be_proved_with_each_call() -> None:
    assert provable_capabilities(PLAIN) == frozenset()
    assert provable_capabilities(changed(PLAIN, cancel=CANCEL)) == frozenset()
    assert provable_capabilities(COMPLETE) == set(Capability)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"name": "Other", "timeout_seconds": 20, "most_at_once": 1}, True),
        ({"decline_texts": (), "callback_secret": None}, True),
        ({"cancel": None}, False),
        ({"auth": HmacAuth(key_secret="other")}, False),
        ({"cancel": msgspec.structs.replace(CANCEL, method=Method.GET)}, False),
        ({"charge": msgspec.structs.replace(COMPLETE.charge, headers=())}, False),
        ({"charge": msgspec.structs.replace(COMPLETE.charge, method=Method.POST_FORM)}, False),
        ({"answer": msgspec.structs.replace(COMPLETE.answer, amount_format=AmountFormat.MINOR)}, False),
    ],
)
def test_a_proof_holds_for_the_calls_that_were_probed(changes: dict[str, Any], same: bool) -> None:
    assert same_calls(COMPLETE, changed(COMPLETE, **changes)) is same
