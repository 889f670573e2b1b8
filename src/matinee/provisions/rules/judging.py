"""What an answer means. Only a clear answer counts; everything else is unknown, never a failure."""

import re
from decimal import Decimal
from typing import Any

from matinee.kernel.cards import mask_card_numbers
from matinee.provisions.rules.pointers import MISSING, parse_json, resolve
from matinee.provisions.types import (
    NOTHING_SENT,
    Answer,
    ChargeKind,
    ChargeOutcome,
    EchoPointers,
    Failure,
    Match,
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
    unclear = _never_certain(answer)
    if unclear:
        return ChargeOutcome(kind=ChargeKind.UNKNOWN, cause=unclear)
    success, refusal = matches(config.charge.success, answer), matches(config.charge.no_success, answer)
    if success and refusal:
        return ChargeOutcome(kind=ChargeKind.REVIEW, cause="both_rules_match")
    if not success and not refusal:
        return ChargeOutcome(kind=ChargeKind.UNKNOWN, cause="no_rule_matches")
    document = parse_json(answer.body) if config.echo != EchoPointers() else MISSING
    echoes = _echoes(config.echo, document, values)
    for name, agrees in echoes.items():
        if agrees is False:
            return ChargeOutcome(kind=ChargeKind.REVIEW, cause=f"echo_{name}_disagrees")
    if refusal:
        reason = _reason(document, config.echo.decline_reason)
        return ChargeOutcome(kind=ChargeKind.DECLINED, cause="no_success", decline_reason=reason)
    for name, agrees in echoes.items():
        if agrees is None:
            return ChargeOutcome(kind=ChargeKind.UNKNOWN, cause=f"echo_{name}_missing")
    transaction_id = _identifier(document, config.echo.transaction_id)
    return ChargeOutcome(kind=ChargeKind.SUCCESS, cause="success", transaction_id=transaction_id)


def judge_status(call: StatusCall, answer: Answer, values: Values) -> StatusOutcome:
    """Return what stands under the reference. An answer that contradicts itself is no answer.

    The list of charges decides between `charged` and a refusal that both match, so that `charged` may be as
    wide as `200 OK`; an empty list under `charged` means that nothing stands, for example after a refund.
    """
    unclear = _never_certain(answer)
    if unclear:
        return _no_answer(unclear)
    charged = matches(call.charged, answer)
    refusals = {StatusKind.DECLINED: call.declined, StatusKind.NOT_FOUND: call.not_found}
    refused = [kind for kind, rule in refusals.items() if matches(rule, answer)]
    if len(refused) > 1:
        return _no_answer("several_rules_match")
    if not charged and not refused:
        return _no_answer("no_rule_matches")
    document = parse_json(answer.body)
    listed = resolve(document, call.charges)
    if refused:
        if isinstance(listed, list) and listed:
            return _no_answer("charges_listed_all_the_same")
        wrong = _other_reference(call, document, values, required=False)
        return _no_answer(wrong) if wrong else StatusOutcome(kind=refused[0], cause=refused[0].value)
    wrong = _other_reference(call, document, values, required=True)
    return _no_answer(wrong) if wrong else _standing(call, listed)


def judge_refund(call: RefundCall, answer: Answer) -> RefundOutcome:
    """Return what the answer to a refund means."""
    unclear = _never_certain(answer)
    if unclear:
        return RefundOutcome(kind=RefundKind.UNCLEAR, cause=unclear)
    success, refusal = matches(call.success, answer), matches(call.no_success, answer)
    if success and refusal:
        return RefundOutcome(kind=RefundKind.UNCLEAR, cause="both_rules_match")
    if success:
        return RefundOutcome(kind=RefundKind.REFUNDED, cause="success")
    if refusal:
        return RefundOutcome(kind=RefundKind.REFUSED, cause="no_success")
    return RefundOutcome(kind=RefundKind.UNCLEAR, cause="no_rule_matches")


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


def matches(match: Match, answer: Answer) -> bool:
    """Whether every condition of `match` holds for `answer`."""
    if answer.status != int(match.status_text[:3]):
        return False
    if match.body_contains is None and match.body_equals is None:
        return True
    body = answer.body.decode("utf-8-sig", "replace")
    if match.body_contains is not None and match.body_contains not in body:
        return False
    return match.body_equals is None or match.body_equals.strip() == body.strip()


def _never_certain(answer: Answer) -> str:
    """Return why no rule may judge this status: redirects are not followed, server errors say nothing."""
    if 300 <= answer.status < 400:
        return "redirect"
    return "server_error" if answer.status >= 500 else ""


def _no_answer(cause: str) -> StatusOutcome:
    return StatusOutcome(kind=StatusKind.NO_ANSWER, cause=cause)


def _other_reference(call: StatusCall, document: Any, values: Values, *, required: bool) -> str:
    """Return what is wrong with the reference that the answer is about, if that is mapped; else nothing."""
    if call.reference is None:
        return ""
    agrees = _agrees(resolve(document, call.reference), values[PlatformValue.REFERENCE])
    if agrees is None:
        return "echo_reference_missing" if required else ""
    return "" if agrees else "echo_reference_disagrees"


def _standing(call: StatusCall, listed: Any) -> StatusOutcome:
    if not isinstance(listed, list):
        return _no_answer("no_list_of_charges")
    known = [found for element in listed if (found := _identifier(element, call.charge_id)) is not None]
    if len(known) != len(listed):
        return _no_answer("charge_without_id")
    if not known:
        return StatusOutcome(kind=StatusKind.NOT_FOUND, cause="no_charge_stands")
    return StatusOutcome(
        kind=StatusKind.CHARGED, cause=StatusKind.CHARGED.value, charge_ids=tuple(dict.fromkeys(known))
    )


def _echoes(echo: EchoPointers, document: Any, values: Values) -> dict[str, bool | None]:
    """Return, for each mapped echo, whether it agrees; None when the answer does not have it."""
    results: dict[str, bool | None] = {}
    if echo.reference is not None:
        results["reference"] = _agrees(resolve(document, echo.reference), values[PlatformValue.REFERENCE])
    if echo.amount is not None:
        results["amount"] = _same_amount(resolve(document, echo.amount), values[PlatformValue.CONTENT_PRICE])
    if echo.currency is not None:
        currency = resolve(document, echo.currency)
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


def _identifier(document: Any, pointer: str | None) -> str | None:
    """Return the id at `pointer` exactly as billing wrote it: a changed id would name another charge."""
    found = MISSING if pointer is None else resolve(document, pointer)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    text = str(found)
    return (
        text
        if text.strip() == text and 0 < len(text) <= LONGEST_ID and not _UNPRINTABLE.search(text)
        else None
    )


def _reason(document: Any, pointer: str | None) -> str | None:
    """Return the text at `pointer`, fit to be shown: one line, no card numbers, at most 200 characters."""
    found = MISSING if pointer is None else resolve(document, pointer)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return mask_card_numbers(_UNPRINTABLE.sub(" ", str(found)).strip())[:LONGEST_REASON] or None
