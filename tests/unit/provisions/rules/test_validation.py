"""What may be saved: each complaint stands beside the field that it is about."""

from typing import Any

import msgspec
import pytest
from tests.unit.provisions.examples import FULL, PLAIN, keys

from matinee.kernel.errors import Invalid
from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.rules import validated_config
from matinee.provisions.types import (
    AnswerFields,
    AnswerRule,
    CallConfig,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
    answer_rule,
    json_place,
)

POLICY = EgressPolicy()


def changed(struct: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(struct, **changes)


def errors_of(config: ProvisionConfig) -> dict[str, str]:
    try:
        validated_config(config, policy=POLICY)
    except Invalid as invalid:
        return invalid.fields
    return {}


def charge(*key_map: KeyMapping, **rules: Any) -> ProvisionConfig:
    result: ProvisionConfig = changed(PLAIN, charge=CallConfig(key_map=key_map or keys("userid"), **rules))
    return result


def test_good_ones_pass() -> None:
    assert validated_config(PLAIN, policy=POLICY) == PLAIN
    assert validated_config(FULL, policy=POLICY) == FULL


def test_the_defaults_are_those_of_the_form() -> None:
    assert PLAIN.charge.success == answer_rule("200 OK")
    assert PLAIN.charge.no_success == answer_rule("402 Payment Required")
    assert (PLAIN.api_type, PLAIN.timeout_seconds, PLAIN.longest_processing_seconds) == ("movie", 10, 0)


def test_the_normal_form_has_a_scheme_and_no_blanks_around() -> None:
    config = changed(PLAIN, name=" Main ", base_url=" www.operator.com/rentals ")
    normal = validated_config(config, policy=POLICY)
    assert (normal.name, normal.base_url) == ("Main", "https://www.operator.com/rentals")
    second = changed(FULL, status=changed(FULL.status, url="status.operator.com/ask"))
    assert validated_config(second, policy=POLICY).status == changed(
        FULL.status, url="https://status.operator.com/ask"
    )


def test_everything_wrong_is_said_at_once() -> None:
    config = ProvisionConfig(
        name="",
        api_type="series",
        base_url="https://10.0.0.1/",
        charge=CallConfig(key_map=(), success=answer_rule("OK"), no_success=answer_rule("")),
        timeout_seconds=2,
        longest_processing_seconds=-1,
    )
    assert set(errors_of(config)) == {
        "name", "api_type", "base_url", "charge.key_map", "charge.success.conditions.0.text",
        "charge.no_success.conditions.0.text", "timeout_seconds", "longest_processing_seconds",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "4111 1111 1111 1111"}, "name"),
        ({"base_url": ""}, "base_url"),
        ({"base_url": "http://www.operator.com/"}, "base_url"),
        ({"base_url": "https://www.operator.com/?card=4111111111111111"}, "base_url"),
        ({"timeout_seconds": 31}, "timeout_seconds"),
        ({"longest_processing_seconds": 86_401}, "longest_processing_seconds"),
        ({"answer": AnswerFields(amount=json_place("amount"))}, "answer.amount.at"),
        ({"answer": AnswerFields(amount=json_place("/a~2"))}, "answer.amount.at"),
        ({"answer": AnswerFields(reference=json_place("/reference"))}, "answer.reference"),
    ],
)
def test_general_fields(changes: dict[str, Any], field: str) -> None:
    assert set(errors_of(changed(PLAIN, **changes))) == {field}


@pytest.mark.parametrize(
    "parameter",
    [
        "",
        "1st",
        "a b",
        "a&b",
        "a=b",
        "a%20",
        "a\r\nHost: x",
        "a\n",
        "é",
        "x" * 65,
        "a#",
        "{{x}}",
        "${x}",
        "$ref",
    ],
)
def test_a_parameter_keeps_to_its_grammar(parameter: str) -> None:
    mapping = KeyMapping(parameter=parameter, constant="1")
    assert set(errors_of(charge(mapping))) == {"charge.key_map.0.parameter"}


@pytest.mark.parametrize("parameter", ["a", "_a", "order[id]", "a.b-c_d", "x" * 64])
def test_good_parameters(parameter: str) -> None:
    assert errors_of(charge(KeyMapping(parameter=parameter, constant="1"))) == {}


def test_a_parameter_may_appear_once() -> None:
    twice = charge(*keys("userid"), KeyMapping(parameter="userid", constant="1"))
    assert set(errors_of(twice)) == {"charge.key_map.1.parameter"}
    in_the_address = changed(PLAIN, base_url="https://www.operator.com/r?userid=1")
    assert set(errors_of(in_the_address)) == {"charge.key_map.0.parameter"}


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        (KeyMapping(parameter="a"), "platform_value"),
        (KeyMapping(parameter="a", platform_value=PlatformValue.CITY, constant="x"), "platform_value"),
        (KeyMapping(parameter="a", platform_value=PlatformValue.CHARGE_ID), "platform_value"),
        (KeyMapping(parameter="a", platform_value=PlatformValue.REFUND_REFERENCE), "platform_value"),
        (KeyMapping(parameter="a", constant="4111-1111-1111-1111"), "constant"),
        (KeyMapping(parameter="a", constant="378282246310005"), "constant"),
        (KeyMapping(parameter="a", constant="a\r\nHost: x"), "constant"),
        (KeyMapping(parameter="a", constant="x" * 501), "constant"),
    ],
)
def test_each_row_has_one_good_value(mapping: KeyMapping, field: str) -> None:
    assert set(errors_of(charge(mapping))) == {f"charge.key_map.0.{field}"}


def test_a_key_table_has_a_largest_size() -> None:
    rows = [KeyMapping(parameter=f"p{number}", constant="") for number in range(41)]
    assert set(errors_of(charge(*rows))) == {"charge.key_map"}
    assert errors_of(charge(*rows[:40])) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OK",
        "20",
        "2000",
        "200OK",
        "099",
        "100 Continue",
        "302 Found",
        "500 Error",
        "503",
        "200 OK\r\nX: y",
    ],
)
def test_a_status_text_begins_with_a_status_that_can_be_an_answer(text: str) -> None:
    assert set(errors_of(charge(success=answer_rule(text)))) == {"charge.success.conditions.0.text"}


OK = "200 OK"


@pytest.mark.parametrize(
    ("success", "no_success"),
    [
        (answer_rule(OK), answer_rule("200")),
        (answer_rule(OK), answer_rule(OK, contains="no")),
        (answer_rule(OK, equals="no"), answer_rule(OK)),
        (answer_rule(OK, contains="OK"), answer_rule(OK, contains="NOT OK")),
        (answer_rule(OK, contains="OK"), answer_rule(OK, equals="NOT OK")),
        (answer_rule(OK, equals="OK"), answer_rule(OK, equals=" OK\n")),
    ],
)
def test_answers_that_cannot_be_told_apart_are_refused(success: AnswerRule, no_success: AnswerRule) -> None:
    assert set(errors_of(charge(success=success, no_success=no_success))) == {"charge.no_success.conditions"}


@pytest.mark.parametrize(
    ("success", "no_success"),
    [
        (answer_rule(OK), answer_rule("201 Created")),
        (answer_rule(OK, contains="yes"), answer_rule(OK, contains="no")),
        (answer_rule(OK, equals="OK"), answer_rule(OK, equals="NOT OK")),
    ],
)
def test_answers_that_can_be_told_apart_pass(success: AnswerRule, no_success: AnswerRule) -> None:
    assert errors_of(charge(success=success, no_success=no_success)) == {}


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (answer_rule(OK, contains=" "), "text"),
        (answer_rule(OK, contains="x" * 501), "text"),
        (answer_rule(OK, equals="\x00"), "text"),
        (answer_rule(OK, equals="5555 5555 5555 4444"), "text"),
    ],
)
def test_conditions_on_the_body(rule: AnswerRule, field: str) -> None:
    assert set(errors_of(charge(success=rule))) == {f"charge.success.conditions.1.{field}"}


def full(**changes: Any) -> ProvisionConfig:
    result: ProvisionConfig = changed(FULL, **changes)
    return result


def status(**changes: Any) -> StatusCall:
    result: StatusCall = changed(FULL.status, **changes)
    return result


def refund(**changes: Any) -> RefundCall:
    result: RefundCall = changed(FULL.refund, **changes)
    return result


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (full(status=status(url="")), "status.url"),
        (full(status=status(url="//10.0.0.1/")), "status.url"),
        (full(status=status(url="/a b")), "status.url"),
        (full(status=status(url="https://127.0.0.1/")), "status.url"),
        (full(status=status(key_map=keys("userid"))), "status.key_map"),
        (full(status=status(key_map=keys("reference", "charge_id"))), "status.key_map.1.platform_value"),
        (full(status=status(charges=json_place("charges"))), "status.charges.at"),
        (full(status=status(charge_id="id")), "status.charge_id"),
        (full(status=status(reference=json_place("id"))), "status.reference.at"),
        (full(status=status(charged=answer_rule("302 Found"))), "status.charged.conditions.0.text"),
        (full(status=status(charged=answer_rule("404 Not Found"))), "status.charged.conditions"),
        (full(status=status(declined=answer_rule("404"))), "status.not_found.conditions"),
        (full(refund=refund(url=" ")), "refund.url"),
        (full(refund=refund(key_map=keys("reference", "charge_id"))), "refund.key_map"),
        (full(refund=refund(key_map=keys("reference", "refund_reference"))), "refund.key_map"),
        (full(refund=refund(success=answer_rule("500"))), "refund.success.conditions.0.text"),
        (full(status=None, answer=AnswerFields()), "refund.key_map"),
        (full(status=None, refund=refund(key_map=keys("refund_reference"))), "refund.key_map"),
    ],
)
def test_the_second_calls(config: ProvisionConfig, field: str) -> None:
    assert set(errors_of(config)) == {field}


def test_a_status_call_needs_a_charge_that_sends_the_reference() -> None:
    config = full(charge=CallConfig(key_map=keys("userid")), answer=AnswerFields())
    assert set(errors_of(config)) == {"charge.key_map"}


def test_a_bad_base_url_is_not_blamed_on_the_paths_below_it() -> None:
    assert set(errors_of(full(base_url="https://10.0.0.1/rentals"))) == {"base_url"}


def test_a_refund_without_status_may_name_the_reference_alone() -> None:
    config = full(status=None, refund=refund(key_map=keys("reference", "refund_reference")))
    assert errors_of(config) == {}
