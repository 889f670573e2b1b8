"""What an answer means. Only a clear answer counts; everything else is unknown, never a failure."""

from collections.abc import Mapping
from typing import Any

from matinee.platform.http.messages import NOTHING_SENT, Failure
from matinee.provisions.rules.fields import agrees, compared_echoes, decline, identifier
from matinee.provisions.rules.reading import Reading, holds, never_certain
from matinee.provisions.types import (
    Answer,
    AnswerRule,
    CallConfig,
    CallName,
    CancelCall,
    CancelKind,
    CancelOutcome,
    ChargeKind,
    ChargeOutcome,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    RefundKind,
    RefundOutcome,
    StatusCall,
    StatusKind,
    StatusOutcome,
    Values,
)

RULES: Mapping[str, tuple[str, ...]] = {
    "charge": ("success", "no_success"),
    "status": ("charged", "declined", "not_found"),
    "refund": ("success", "no_success"),
    "cancel": ("acknowledged", "refused"),
}
"""The rules that the answer to each call is judged by."""


def judge_charge(config: ProvisionConfig, answer: Answer, values: Values) -> ChargeOutcome:
    """Return what the answer to a charge means; `values` are those that were sent."""
    unclear = never_certain(answer)
    if unclear:
        return ChargeOutcome(kind=ChargeKind.UNKNOWN, cause=unclear)
    reading = Reading(answer)
    success, refusal = holds(config.charge.success, reading), holds(config.charge.no_success, reading)
    if success and refusal:
        return ChargeOutcome(kind=ChargeKind.REVIEW, cause="both_rules_match")
    if not success and not refusal:
        return ChargeOutcome(kind=ChargeKind.UNKNOWN, cause="no_rule_matches")
    echoes = compared_echoes(config.answer, reading, values)
    for name, same in echoes.items():
        if same is False:
            return ChargeOutcome(kind=ChargeKind.REVIEW, cause=f"echo_{name}_disagrees")
    if refusal:
        reason, code = decline(config, reading)
        return ChargeOutcome(
            kind=ChargeKind.DECLINED, cause="no_success", decline_reason=reason, decline_code=code
        )
    for name, same in echoes.items():
        if same is None:
            return ChargeOutcome(kind=ChargeKind.UNKNOWN, cause=f"echo_{name}_missing")
    transaction_id = identifier(reading.found(config.answer.transaction_id))
    return ChargeOutcome(kind=ChargeKind.SUCCESS, cause="success", transaction_id=transaction_id)


def judge_status(call: StatusCall, answer: Answer, values: Values) -> StatusOutcome:
    """Return what stands under the reference. An answer that contradicts itself is no answer.

    The list of charges decides between `charged` and a refusal that both match, so that `charged` may be as
    wide as `200 OK`; an empty list under `charged` means that nothing stands, for example after a refund.
    """
    unclear = never_certain(answer)
    if unclear:
        return _no_answer(unclear)
    reading = Reading(answer)
    charged = holds(call.charged, reading)
    refusals = {StatusKind.DECLINED: call.declined, StatusKind.NOT_FOUND: call.not_found}
    refused = [kind for kind, rule in refusals.items() if holds(rule, reading)]
    if len(refused) > 1:
        return _no_answer("several_rules_match")
    if not charged and not refused:
        return _no_answer("no_rule_matches")
    listed = reading.texts_of(call.charges, call.charge_id)
    if refused:
        if listed:
            return _no_answer("charges_listed_all_the_same")
        wrong = _other_reference(call, reading, values, required=False)
        return _no_answer(wrong) if wrong else StatusOutcome(kind=refused[0], cause=refused[0].value)
    wrong = _other_reference(call, reading, values, required=True)
    return _no_answer(wrong) if wrong else _standing(listed)


def judge_refund(call: RefundCall, answer: Answer) -> RefundOutcome:
    """Return what the answer to a refund means."""
    unclear = never_certain(answer)
    if unclear:
        return RefundOutcome(kind=RefundKind.UNCLEAR, cause=unclear)
    reading = Reading(answer)
    success, refusal = holds(call.success, reading), holds(call.no_success, reading)
    if success and refusal:
        return RefundOutcome(kind=RefundKind.UNCLEAR, cause="both_rules_match")
    if success:
        return RefundOutcome(kind=RefundKind.REFUNDED, cause="success")
    if refusal:
        return RefundOutcome(kind=RefundKind.REFUSED, cause="no_success")
    return RefundOutcome(kind=RefundKind.UNCLEAR, cause="no_rule_matches")


def judge_cancel(call: CancelCall, answer: Answer) -> CancelOutcome:
    """Return what the answer to a cancel means."""
    unclear = never_certain(answer)
    if unclear:
        return CancelOutcome(kind=CancelKind.UNCLEAR, cause=unclear)
    reading = Reading(answer)
    acknowledged, refused = holds(call.acknowledged, reading), holds(call.refused, reading)
    if acknowledged and refused:
        return CancelOutcome(kind=CancelKind.UNCLEAR, cause="both_rules_match")
    if acknowledged:
        return CancelOutcome(kind=CancelKind.CANCELLED, cause="acknowledged")
    if refused:
        return CancelOutcome(kind=CancelKind.REFUSED, cause="refused")
    return CancelOutcome(kind=CancelKind.UNCLEAR, cause="no_rule_matches")


def matched_rules(config: ProvisionConfig, call: CallName, answer: Answer) -> str:
    """Return the names of the rules of a call that the answer fits, for people to read: `success`, or none."""
    settings: CallConfig | StatusCall | RefundCall | CancelCall | None = getattr(config, call)
    if settings is None or never_certain(answer):
        return ""
    reading = Reading(answer)
    rules = {name: rule for name in RULES[call] if isinstance(rule := getattr(settings, name), AnswerRule)}
    return ", ".join(name for name, rule in rules.items() if holds(rule, reading))


def unanswered_charge(failure: Failure) -> ChargeOutcome:
    """Return the outcome without a usable answer: only if nothing was sent is it certain that nobody paid."""
    kind = ChargeKind.NOT_SENT if failure in NOTHING_SENT else ChargeKind.UNKNOWN
    return ChargeOutcome(kind=kind, cause=failure.value)


def unanswered_status(failure: Failure) -> StatusOutcome:
    """Return the outcome of a question that was not answered."""
    return StatusOutcome(kind=StatusKind.NO_ANSWER, cause=failure.value)


def unanswered_refund(failure: Failure) -> RefundOutcome:
    """Return the outcome without a usable answer, as for a charge."""
    kind = RefundKind.NOT_SENT if failure in NOTHING_SENT else RefundKind.UNCLEAR
    return RefundOutcome(kind=kind, cause=failure.value)


def unanswered_cancel(failure: Failure) -> CancelOutcome:
    """Return the outcome without a usable answer, as for a charge."""
    kind = CancelKind.NOT_SENT if failure in NOTHING_SENT else CancelKind.UNCLEAR
    return CancelOutcome(kind=kind, cause=failure.value)


def _no_answer(cause: str) -> StatusOutcome:
    return StatusOutcome(kind=StatusKind.NO_ANSWER, cause=cause)


def _other_reference(call: StatusCall, reading: Reading, values: Values, *, required: bool) -> str:
    """Return what is wrong with the reference that the answer is about, if that is mapped; else nothing."""
    if call.reference is None:
        return ""
    same = agrees(reading.found(call.reference), values[PlatformValue.REFERENCE])
    if same is None:
        return "echo_reference_missing" if required else ""
    return "" if same else "echo_reference_disagrees"


def _standing(listed: list[Any] | None) -> StatusOutcome:
    if listed is None:
        return _no_answer("no_list_of_charges")
    known = [found for one in listed if (found := identifier(one)) is not None]
    if len(known) != len(listed):
        return _no_answer("charge_without_id")
    if not known:
        return StatusOutcome(kind=StatusKind.NOT_FOUND, cause="no_charge_stands")
    return StatusOutcome(
        kind=StatusKind.CHARGED, cause=StatusKind.CHARGED.value, charge_ids=tuple(dict.fromkeys(known))
    )
