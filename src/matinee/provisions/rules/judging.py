"""What an answer means. Only a clear answer counts; everything else is unknown, never a failure."""

import re
from decimal import Decimal
from typing import Any

from matinee.kernel.cards import mask_card_numbers
from matinee.provisions.rules.pointers import MISSING, resolve
from matinee.provisions.rules.reading import Reading, holds, never_certain
from matinee.provisions.types import (
    NOTHING_SENT,
    Answer,
    AnswerFields,
    CancelCall,
    CancelKind,
    CancelOutcome,
    ChargeKind,
    ChargeOutcome,
    Failure,
    Place,
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

LONGEST_REASON = 200
LONGEST_ID = 128

_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


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
    echoes = _echoes(config.answer, reading, values)
    for name, agrees in echoes.items():
        if agrees is False:
            return ChargeOutcome(kind=ChargeKind.REVIEW, cause=f"echo_{name}_disagrees")
    if refusal:
        reason = _reason(_found(reading, config.answer.decline_reason))
        return ChargeOutcome(kind=ChargeKind.DECLINED, cause="no_success", decline_reason=reason)
    for name, agrees in echoes.items():
        if agrees is None:
            return ChargeOutcome(kind=ChargeKind.UNKNOWN, cause=f"echo_{name}_missing")
    transaction_id = _identifier(_found(reading, config.answer.transaction_id))
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
    listed = _found(reading, call.charges)
    if refused:
        if isinstance(listed, list) and listed:
            return _no_answer("charges_listed_all_the_same")
        wrong = _other_reference(call, reading, values, required=False)
        return _no_answer(wrong) if wrong else StatusOutcome(kind=refused[0], cause=refused[0].value)
    wrong = _other_reference(call, reading, values, required=True)
    return _no_answer(wrong) if wrong else _standing(call, listed)


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
    agrees = _agrees(_found(reading, call.reference), values[PlatformValue.REFERENCE])
    if agrees is None:
        return "echo_reference_missing" if required else ""
    return "" if agrees else "echo_reference_disagrees"


def _standing(call: StatusCall, listed: Any) -> StatusOutcome:
    if not isinstance(listed, list):
        return _no_answer("no_list_of_charges")
    ids = (_identifier(resolve(element, call.charge_id)) for element in listed)
    known = [found for found in ids if found is not None]
    if len(known) != len(listed):
        return _no_answer("charge_without_id")
    if not known:
        return StatusOutcome(kind=StatusKind.NOT_FOUND, cause="no_charge_stands")
    return StatusOutcome(
        kind=StatusKind.CHARGED, cause=StatusKind.CHARGED.value, charge_ids=tuple(dict.fromkeys(known))
    )


def _found(reading: Reading, place: Place | None) -> Any:
    return MISSING if place is None else reading.at(place.part, place.at)


def _echoes(fields: AnswerFields, reading: Reading, values: Values) -> dict[str, bool | None]:
    """Return, for each mapped echo, whether it agrees; None when the answer does not have it."""
    results: dict[str, bool | None] = {}
    if fields.reference is not None:
        results["reference"] = _agrees(_found(reading, fields.reference), values[PlatformValue.REFERENCE])
    if fields.amount is not None:
        results["amount"] = _same_amount(_found(reading, fields.amount), values[PlatformValue.CONTENT_PRICE])
    if fields.currency is not None:
        currency = _found(reading, fields.currency)
        currency = currency.upper() if isinstance(currency, str) else currency
        results["currency"] = _agrees(currency, values[PlatformValue.CURRENCY].upper())
    return results


def _agrees(echoed: Any, sent: str) -> bool | None:
    return None if echoed is MISSING or echoed is None else bool(echoed == sent)


def _same_amount(echoed: Any, sent: str) -> bool | None:
    """Compare amounts as numbers, so that 5, "5.0" and 5.00 are one."""
    if echoed is MISSING or echoed is None:
        return None
    if isinstance(echoed, bool) or not isinstance(echoed, int | str | Decimal):
        return False
    if isinstance(echoed, str):
        if not _AMOUNT.match(echoed):
            return False
        echoed = Decimal(echoed)
    return bool(echoed == Decimal(sent))


def _identifier(found: Any) -> str | None:
    """Return an id exactly as billing wrote it: a changed one would name another charge."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    text = str(found)
    return (
        text
        if text.strip() == text and 0 < len(text) <= LONGEST_ID and not _UNPRINTABLE.search(text)
        else None
    )


def _reason(found: Any) -> str | None:
    """Return what was found, fit to be shown: one line, no card numbers, at most 200 characters."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return mask_card_numbers(_UNPRINTABLE.sub(" ", str(found)).strip())[:LONGEST_REASON] or None
