"""What is read out of an answer, from JSON, XML or headers; and the answers to a cancel."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.provisions.examples import FULL, VALUES, keys

from matinee.platform.http.messages import NOTHING_SENT, Failure
from matinee.provisions.rules import (
    judge_cancel,
    judge_charge,
    judge_status,
    matched_rules,
    unanswered_cancel,
)
from matinee.provisions.types import (
    AmountFormat,
    Answer,
    AnswerFields,
    AnswerPart,
    AnswerRule,
    CancelCall,
    CancelKind,
    ChargeKind,
    Comparison,
    Condition,
    DeclineText,
    Place,
    PlatformValue,
    ProvisionConfig,
    StatusCall,
    StatusKind,
    answer_rule,
    json_place,
)

VALUES_499 = {**VALUES, PlatformValue.CONTENT_PRICE: "4.99"}


def xml(at: str) -> Place:
    return Place(part="xml", at=at)


XML_FIELDS = AnswerFields(
    reference=xml("/answer/reference"),
    amount=xml("/answer/amount"),
    currency=xml("/answer/amount/@currency"),
    transaction_id=Place(part="header", at="X-Transaction"),
)


def with_fields(fields: AnswerFields, **changes: Any) -> ProvisionConfig:
    result: ProvisionConfig = msgspec.structs.replace(FULL, answer=fields, **changes)
    return result


def xml_answer(reference: str = "ref-1", amount: str = "4.99", currency: str = "eur") -> Answer:
    body = (
        f'<answer><reference>{reference}</reference><amount currency="{currency}">{amount}</amount></answer>'
    )
    return Answer(status=200, headers={"x-transaction": "tx-9"}, body=body.encode())


def test_echoes_and_the_transaction_may_stand_in_xml_and_headers() -> None:
    outcome = judge_charge(with_fields(XML_FIELDS), xml_answer(), VALUES_499)
    assert (outcome.kind, outcome.transaction_id) == (ChargeKind.SUCCESS, "tx-9")


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (xml_answer(reference="ref-2"), ChargeKind.REVIEW, "echo_reference_disagrees"),
        (xml_answer(amount="4.98"), ChargeKind.REVIEW, "echo_amount_disagrees"),
        (xml_answer(currency="USD"), ChargeKind.REVIEW, "echo_currency_disagrees"),
        (Answer(status=200, body=b"<answer/>"), ChargeKind.UNKNOWN, "echo_reference_missing"),
        (Answer(status=200, body=b"<!DOCTYPE a><answer/>"), ChargeKind.UNKNOWN, "echo_reference_missing"),
    ],
)
def test_another_answer_than_ours_opens_nothing(answer: Answer, kind: ChargeKind, cause: str) -> None:
    outcome = judge_charge(with_fields(XML_FIELDS), answer, VALUES_499)
    assert (outcome.kind, outcome.cause) == (kind, cause)


@pytest.mark.parametrize(
    ("echoed", "kind"),
    [
        (499, ChargeKind.SUCCESS),
        ("499", ChargeKind.SUCCESS),
        ("499.0", ChargeKind.SUCCESS),
        (4.99, ChargeKind.REVIEW),
        ("4.99", ChargeKind.REVIEW),
        (49900, ChargeKind.REVIEW),
        (True, ChargeKind.REVIEW),
        (None, ChargeKind.UNKNOWN),
    ],
)
def test_an_amount_in_minor_units(echoed: Any, kind: ChargeKind) -> None:
    fields = AnswerFields(amount=json_place("/amount"), amount_format=AmountFormat.MINOR)
    answer = Answer(status=200, body=msgspec.json.encode({"amount": echoed}))
    assert judge_charge(with_fields(fields), answer, VALUES_499).kind is kind


TEXTS = (
    DeclineText(code="INSUFFICIENT_FUNDS", text="Your limit is reached."),
    DeclineText(code="51", text="Your card was refused."),
)


@pytest.mark.parametrize(
    ("reason", "texts", "shown", "code"),
    [
        ("insufficient_funds", TEXTS, "Your limit is reached.", "insufficient_funds"),
        (" Insufficient_Funds\n", TEXTS, "Your limit is reached.", "Insufficient_Funds"),
        (51, TEXTS, "Your card was refused.", "51"),
        ("internal: row 7 <b>", TEXTS, None, "internal: row 7 <b>"),
        ("insufficient_funds", (), "insufficient_funds", "insufficient_funds"),
        ("card 4111 1111 1111 1111", (), "card ************1111", "card ************1111"),
        (None, TEXTS, None, None),
        ([1], TEXTS, None, None),
        ("", TEXTS, None, None),
    ],
)
def test_why_billing_refused(
    reason: Any, texts: tuple[DeclineText, ...], shown: str | None, code: str | None
) -> None:
    config = with_fields(AnswerFields(decline_reason=json_place("/reason")), decline_texts=texts)
    outcome = judge_charge(
        config, Answer(status=402, body=msgspec.json.encode({"reason": reason})), VALUES_499
    )
    assert outcome.kind is ChargeKind.DECLINED
    if reason != "card 4111 1111 1111 1111":
        assert (outcome.decline_reason, outcome.decline_code) == (shown, code)
    else:
        assert "4111 1111" not in f"{outcome.decline_reason}{outcome.decline_code}"


XML_STATUS = StatusCall(
    url="/status",
    key_map=keys("reference"),
    declined=AnswerRule(conditions=(Condition(part=AnswerPart.XML, at="/answer/state", text="declined"),)),
    charges=xml("/answer/charges/charge"),
    charge_id="@id",
    reference=xml("/answer/@reference"),
)


@pytest.mark.parametrize(
    ("body", "kind", "cause", "ids"),
    [
        ('<charges><charge id="1"/><charge id="2"/></charges>', "charged", "charged", ("1", "2")),
        ("<charges/>", "not_found", "no_charge_stands", ()),
        ("", "no_answer", "no_list_of_charges", ()),
        ('<charges><charge id="1"/><charge/></charges>', "no_answer", "charge_without_id", ()),
        ("<state>declined</state>", "declined", "declined", ()),
        (
            '<state>declined</state><charges><charge id="1"/></charges>',
            "no_answer", "charges_listed_all_the_same", (),
        ),
    ],
)  # fmt: skip
def test_a_status_in_xml(body: str, kind: str, cause: str, ids: tuple[str, ...]) -> None:
    answer = Answer(status=200, body=f'<answer reference="ref-1">{body}</answer>'.encode())
    outcome = judge_status(XML_STATUS, answer, VALUES)
    assert (outcome.kind, outcome.cause, outcome.charge_ids) == (StatusKind(kind), cause, ids)


def test_a_status_about_another_reference_is_no_answer() -> None:
    answer = Answer(status=200, body=b'<answer reference="ref-2"><charges/></answer>')
    assert judge_status(XML_STATUS, answer, VALUES).cause == "echo_reference_disagrees"


CANCEL = CancelCall(
    url="/cancel",
    key_map=keys("reference"),
    acknowledged=answer_rule("200 OK", contains="closed"),
    refused=answer_rule("200 OK", contains="charged"),
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "cause"),
    [
        (200, b"closed", CancelKind.CANCELLED, "acknowledged"),
        (200, b"charged", CancelKind.REFUSED, "refused"),
        (200, b"closed, charged", CancelKind.UNCLEAR, "both_rules_match"),
        (200, b"", CancelKind.UNCLEAR, "no_rule_matches"),
        (404, b"closed", CancelKind.UNCLEAR, "no_rule_matches"),
        (302, b"closed", CancelKind.UNCLEAR, "redirect"),
        (500, b"closed", CancelKind.UNCLEAR, "server_error"),
    ],
)
def test_a_cancel_is_judged(status: int, body: bytes, kind: CancelKind, cause: str) -> None:
    outcome = judge_cancel(CANCEL, Answer(status=status, body=body))
    assert (outcome.kind, outcome.cause) == (kind, cause)


@pytest.mark.parametrize("failure", list(Failure))
def test_a_cancel_without_an_answer_has_closed_nothing_for_sure(failure: Failure) -> None:
    expected = CancelKind.NOT_SENT if failure in NOTHING_SENT else CancelKind.UNCLEAR
    assert unanswered_cancel(failure).kind is expected


@given(st.integers(100, 599), st.binary(max_size=40))
def test_a_reference_is_only_closed_by_a_clear_answer(status: int, body: bytes) -> None:
    outcome = judge_cancel(CANCEL, Answer(status=status, body=body))
    clear = status == 200 and b"closed" in body and b"charged" not in body
    assert (outcome.kind is CancelKind.CANCELLED) == clear


def test_which_rules_an_answer_fits_is_said_in_words() -> None:
    config = msgspec.structs.replace(FULL, cancel=CANCEL)
    found = Answer(status=200, body=b'closed, charged, "declined"')
    assert matched_rules(config, "charge", found) == "success"
    assert matched_rules(config, "status", found) == "charged, declined"
    assert matched_rules(config, "cancel", found) == "acknowledged, refused"
    assert matched_rules(config, "refund", Answer(status=418, body=b"")) == ""
    assert matched_rules(FULL, "cancel", found) == ""
    assert matched_rules(config, "charge", Answer(status=500, body=b"")) == ""


@pytest.mark.parametrize("status", [302, 500, 503])
def test_no_rule_of_any_kind_counts_for_a_redirect_or_a_server_error(status: int) -> None:
    paid = Condition(part=AnswerPart.JSON, comparison=Comparison.EXISTS, at="/paid")
    charge = msgspec.structs.replace(FULL.charge, success=AnswerRule(conditions=(paid,)))
    config = msgspec.structs.replace(FULL, charge=charge, answer=AnswerFields())
    outcome = judge_charge(config, Answer(status=status, body=b'{"paid": 1}'), VALUES)
    assert outcome.kind is ChargeKind.UNKNOWN
