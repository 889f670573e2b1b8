"""What an answer means: only a clear one counts, and "unclear" is never "failed"."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.provisions.examples import FULL, PLAIN, VALUES

from matinee.platform.http.messages import Failure
from matinee.provisions.rules import (
    judge_charge,
    judge_refund,
    judge_status,
    unanswered_charge,
    unanswered_refund,
    unanswered_status,
)
from matinee.provisions.types import (
    Answer,
    AnswerFields,
    AnswerRule,
    CallConfig,
    ChargeKind,
    ChargeOutcome,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    RefundKind,
    StatusCall,
    StatusKind,
    answer_rule,
    json_place,
)

ECHO = {"reference": "ref-1", "amount": 499, "currency": "EUR", "transaction": "tx-1"}


def answer(status: int, body: Any = b"") -> Answer:
    return Answer(status=status, body=body if isinstance(body, bytes) else msgspec.json.encode(body))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ECHO.items() if key != name}


CHARGES: dict[str, tuple[Answer, ChargeKind, str]] = {
    "charged": (answer(200, ECHO), ChargeKind.SUCCESS, "success"),
    "amount as text": (answer(200, ECHO | {"amount": "499.00"}), ChargeKind.SUCCESS, "success"),
    "amount as fraction": (answer(200, ECHO | {"amount": 499.0}), ChargeKind.SUCCESS, "success"),
    "currency in small letters": (answer(200, ECHO | {"currency": "eur"}), ChargeKind.SUCCESS, "success"),
    "byte order mark": (
        answer(200, b"\xef\xbb\xbf" + msgspec.json.encode(ECHO)),
        ChargeKind.SUCCESS,
        "success",
    ),
    "declined": (answer(402, {"reason": "no credit"}), ChargeKind.DECLINED, "no_success"),
    "declined with echo": (answer(402, ECHO), ChargeKind.DECLINED, "no_success"),
    "other reference": (
        answer(200, ECHO | {"reference": "ref-2"}),
        ChargeKind.REVIEW,
        "echo_reference_disagrees",
    ),
    "reference in capitals": (
        answer(200, ECHO | {"reference": "REF-1"}),
        ChargeKind.REVIEW,
        "echo_reference_disagrees",
    ),
    "wrong amount": (answer(200, ECHO | {"amount": 4990}), ChargeKind.REVIEW, "echo_amount_disagrees"),
    "almost the amount": (
        answer(200, ECHO | {"amount": 499.000001}),
        ChargeKind.REVIEW,
        "echo_amount_disagrees",
    ),
    "amount true": (answer(200, ECHO | {"amount": True}), ChargeKind.REVIEW, "echo_amount_disagrees"),
    "amount in words": (answer(200, ECHO | {"amount": "NaN"}), ChargeKind.REVIEW, "echo_amount_disagrees"),
    "wrong currency": (answer(200, ECHO | {"currency": "USD"}), ChargeKind.REVIEW, "echo_currency_disagrees"),
    "declined for somebody else": (
        answer(402, {"reference": "ref-2"}),
        ChargeKind.REVIEW,
        "echo_reference_disagrees",
    ),
    "no reference": (answer(200, without("reference")), ChargeKind.UNKNOWN, "echo_reference_missing"),
    "no amount": (answer(200, ECHO | {"amount": None}), ChargeKind.UNKNOWN, "echo_amount_missing"),
    "not json": (
        answer(200, b"<html>Welcome to our hotspot</html>"),
        ChargeKind.UNKNOWN,
        "echo_reference_missing",
    ),
    "json too deep": (answer(200, b"[" * 65_536), ChargeKind.UNKNOWN, "echo_reference_missing"),
    "empty": (answer(200), ChargeKind.UNKNOWN, "echo_reference_missing"),
    "accepted": (answer(202, ECHO), ChargeKind.UNKNOWN, "no_rule_matches"),
    "not found": (answer(404), ChargeKind.UNKNOWN, "no_rule_matches"),
    "redirect": (answer(302), ChargeKind.UNKNOWN, "redirect"),
    "server error": (answer(500), ChargeKind.UNKNOWN, "server_error"),
    "gateway timeout": (answer(504), ChargeKind.UNKNOWN, "server_error"),
    "beyond the standard": (answer(999), ChargeKind.UNKNOWN, "server_error"),
}


@pytest.mark.parametrize("name", CHARGES)
def test_a_charge_is_judged(name: str) -> None:
    given_answer, kind, cause = CHARGES[name]
    outcome = judge_charge(FULL, given_answer, VALUES)
    assert (outcome.kind, outcome.cause) == (kind, cause)


def test_what_is_kept_of_a_success_and_of_a_refusal() -> None:
    assert judge_charge(FULL, answer(200, ECHO), VALUES).transaction_id == "tx-1"
    assert judge_charge(FULL, answer(200, ECHO | {"transaction": 17}), VALUES).transaction_id == "17"
    assert judge_charge(FULL, answer(200, ECHO | {"transaction": " tx"}), VALUES).transaction_id is None
    declined = judge_charge(FULL, answer(402, {"reason": " card\r\n4111111111111111 " + "x" * 300}), VALUES)
    assert declined.decline_reason is not None
    assert declined.decline_reason.startswith("card **** xxx")
    assert len(declined.decline_reason) == 200


def with_rules(success: AnswerRule, no_success: AnswerRule) -> ProvisionConfig:
    charge = CallConfig(key_map=PLAIN.charge.key_map, success=success, no_success=no_success)
    return msgspec.structs.replace(PLAIN, charge=charge)


BODY_RULES = with_rules(answer_rule("200 OK", contains="OK"), answer_rule("200", equals="DECLINED"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"OK", ChargeKind.SUCCESS),
        (b"It is OK.", ChargeKind.SUCCESS),
        (b"DECLINED", ChargeKind.DECLINED),
        (b" DECLINED\r\n", ChargeKind.DECLINED),
        (b"DECLINED: no credit", ChargeKind.UNKNOWN),
        (b"ok", ChargeKind.UNKNOWN),
        (b"", ChargeKind.UNKNOWN),
        (b"\xff\xfe", ChargeKind.UNKNOWN),
    ],
)
def test_the_body_decides_where_it_is_asked_for(body: bytes, kind: ChargeKind) -> None:
    assert judge_charge(BODY_RULES, answer(200, body), VALUES).kind is kind


def test_both_rules_match() -> None:
    config = with_rules(answer_rule("200", contains="paid"), answer_rule("200", contains="refused"))
    outcome = judge_charge(config, answer(200, b"paid? refused!"), VALUES)
    assert outcome == ChargeOutcome(kind=ChargeKind.REVIEW, cause="both_rules_match")


def test_a_rule_for_a_server_error_would_not_count() -> None:
    """Saving such a rule is refused; judging does not rely on that."""
    config = with_rules(answer_rule("200 OK"), answer_rule("500 Internal Server Error"))
    assert judge_charge(config, answer(500), VALUES).kind is ChargeKind.UNKNOWN


@pytest.mark.parametrize("text", ["200", "200 OK", "200 Alles gut"])
def test_a_status_text_is_compared_by_its_number(text: str) -> None:
    config = with_rules(answer_rule(text), answer_rule("402"))
    assert judge_charge(config, answer(200), VALUES).kind is ChargeKind.SUCCESS
    assert judge_charge(config, answer(201), VALUES).kind is ChargeKind.UNKNOWN


@given(st.integers(100, 999), st.binary(max_size=200))
def test_whatever_billing_says_money_is_only_sure_when_exactly_one_rule_matches(
    status: int, body: bytes
) -> None:
    kind = judge_charge(BODY_RULES, answer(status, body), VALUES).kind
    text = body.decode("utf-8-sig", "replace")
    success, refusal = status == 200 and "OK" in text, status == 200 and text.strip() == "DECLINED"
    expected = {(True, False): ChargeKind.SUCCESS, (False, True): ChargeKind.DECLINED}
    assert kind == expected.get((success, refusal), ChargeKind.UNKNOWN)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries(dict.fromkeys(("reference", "amount", "currency"), json_values)))
def test_an_echo_of_any_shape_never_grants_by_accident(echo: dict[str, Any]) -> None:
    outcome = judge_charge(FULL, answer(200, echo), VALUES)
    agrees = (
        echo["reference"] == "ref-1"
        and not isinstance(echo["amount"], bool)
        and echo["amount"] in (499, "499", "499.0")
        and echo["currency"] in ("EUR", "eur", "Eur", "EUr", "eUR", "euR", "eUr", "EuR")
    )
    assert (outcome.kind is ChargeKind.SUCCESS) == agrees


def test_the_exact_amount_is_compared_not_a_rounded_one() -> None:
    config = msgspec.structs.replace(FULL, answer=AnswerFields(amount=json_place("/amount")))
    values = {**VALUES, PlatformValue.CONTENT_PRICE: "9007199254740993"}
    assert (
        judge_charge(config, answer(200, b'{"amount": 9007199254740992.0}'), values).kind is ChargeKind.REVIEW
    )
    assert (
        judge_charge(config, answer(200, b'{"amount": 9007199254740993.0}'), values).kind
        is ChargeKind.SUCCESS
    )


# Status.

STATUS = StatusCall(
    url="/status",
    key_map=(),
    declined=answer_rule("200 OK", contains='"declined"'),
    reference=json_place("/reference"),
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "cause", "ids"),
    [
        (200, {"reference": "ref-1", "charges": [{"id": "a"}]}, StatusKind.CHARGED, "charged", ("a",)),
        (
            200,
            {"reference": "ref-1", "charges": [{"id": 1}, {"id": 2}]},
            StatusKind.CHARGED,
            "charged",
            ("1", "2"),
        ),
        (
            200,
            {"reference": "ref-1", "charges": [{"id": "a"}, {"id": "a"}]},
            StatusKind.CHARGED,
            "charged",
            ("a",),
        ),
        (200, {"reference": "ref-1", "charges": []}, StatusKind.NOT_FOUND, "no_charge_stands", ()),
        (
            200,
            {"reference": "ref-1", "state": "declined", "charges": []},
            StatusKind.DECLINED,
            "declined",
            (),
        ),
        (200, {"state": "declined"}, StatusKind.DECLINED, "declined", ()),
        (404, b"", StatusKind.NOT_FOUND, "not_found", ()),
        (404, {"reference": "ref-2"}, StatusKind.NO_ANSWER, "echo_reference_disagrees", ()),
        (404, {"charges": [{"id": "a"}]}, StatusKind.NO_ANSWER, "charges_listed_all_the_same", ()),
        (
            200,
            {"state": "declined", "charges": [{"id": "a"}]},
            StatusKind.NO_ANSWER,
            "charges_listed_all_the_same",
            (),
        ),
        (
            200,
            {"reference": "ref-2", "charges": [{"id": "a"}]},
            StatusKind.NO_ANSWER,
            "echo_reference_disagrees",
            (),
        ),
        (200, {"charges": [{"id": "a"}]}, StatusKind.NO_ANSWER, "echo_reference_missing", ()),
        (200, {"reference": "ref-1", "charges": {"id": "a"}}, StatusKind.NO_ANSWER, "no_list_of_charges", ()),
        (200, {"reference": "ref-1"}, StatusKind.NO_ANSWER, "no_list_of_charges", ()),
        (
            200,
            {"reference": "ref-1", "charges": [{"id": "a"}, {}]},
            StatusKind.NO_ANSWER,
            "charge_without_id",
            (),
        ),
        (200, {"reference": "ref-1", "charges": [{"id": ""}]}, StatusKind.NO_ANSWER, "charge_without_id", ()),
        (
            200,
            {"reference": "ref-1", "charges": [{"id": "x" * 129}]},
            StatusKind.NO_ANSWER,
            "charge_without_id",
            (),
        ),
        (500, b"", StatusKind.NO_ANSWER, "server_error", ()),
        (301, b"", StatusKind.NO_ANSWER, "redirect", ()),
        (400, b"", StatusKind.NO_ANSWER, "no_rule_matches", ()),
    ],
)
def test_a_status_is_judged(
    status: int, body: Any, kind: StatusKind, cause: str, ids: tuple[str, ...]
) -> None:
    outcome = judge_status(STATUS, answer(status, body), VALUES)
    assert (outcome.kind, outcome.cause, outcome.charge_ids) == (kind, cause, ids)


def test_the_list_may_be_the_whole_document_and_its_elements_the_ids() -> None:
    call = StatusCall(url="/status", key_map=(), charges=json_place(""), charge_id="")
    assert judge_status(call, answer(200, ["a", "b"]), VALUES).charge_ids == ("a", "b")


# Refund.


@pytest.mark.parametrize(
    ("status", "body", "kind", "cause"),
    [
        (200, b"done", RefundKind.REFUNDED, "success"),
        (409, b"", RefundKind.REFUSED, "no_success"),
        (200, b"", RefundKind.UNCLEAR, "no_rule_matches"),
        (503, b"done", RefundKind.UNCLEAR, "server_error"),
        (302, b"done", RefundKind.UNCLEAR, "redirect"),
    ],
)
def test_a_refund_is_judged(status: int, body: bytes, kind: RefundKind, cause: str) -> None:
    call = RefundCall(
        url="/refund",
        key_map=(),
        success=answer_rule("200", contains="done"),
        no_success=answer_rule("409"),
    )
    outcome = judge_refund(call, answer(status, body))
    assert (outcome.kind, outcome.cause) == (kind, cause)


@pytest.mark.parametrize("failure", Failure)
def test_without_an_answer_only_what_was_not_sent_is_certain(failure: Failure) -> None:
    sent = failure in {Failure.TIMEOUT, Failure.BROKEN, Failure.TOO_LARGE, Failure.ENCODED}
    assert unanswered_charge(failure).kind is (ChargeKind.UNKNOWN if sent else ChargeKind.NOT_SENT)
    assert unanswered_refund(failure).kind is (RefundKind.UNCLEAR if sent else RefundKind.NOT_SENT)
    assert unanswered_status(failure).kind is StatusKind.NO_ANSWER
