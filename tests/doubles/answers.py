"""What the billing double says: the answer that its ledger makes true, or the lie that a behaviour tells."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.doubles.ledger import Charge, Ledger, Order
from tests.doubles.misbehaviour import Behaviour, Call


@dataclass(frozen=True)
class Answer:
    """Status code and JSON body, or a text as it is."""

    code: int
    body: dict[str, Any] | str
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


def answer_for(
    ledger: Ledger, call: Call, given: Mapping[str, str], behaviour: Behaviour, result: object
) -> Answer:
    """The answer to `call`, told after its effect on the ledger; `result` is what that effect returned."""
    if behaviour.says == "error":
        return Answer(behaviour.code, {"status": "error"})
    if behaviour.says == "body":
        return Answer(behaviour.code, behaviour.body, "text/html")
    reference = given.get("reference", "")
    if behaviour.says == "truth":
        answer = _TRUTHS[call](ledger, given, result)
    elif behaviour.says == "not_found":
        answer = Answer(404, {"status": "unknown", "reference": reference, "charges": []})
    elif behaviour.says == "declined":
        answer = _declined(reference)
    else:
        answer = _success(ledger, call, given)
        if behaviour.says == "both" and isinstance(answer.body, dict):
            answer = Answer(200, {**answer.body, "message": "declined", "reason": "insufficient_funds"})
    if behaviour.overrides and isinstance(answer.body, dict):
        answer = Answer(answer.code, {**answer.body, **behaviour.overrides})
    return answer


def _charged(charge: Charge) -> dict[str, Any]:
    order = charge.order
    return {
        "reference": order.reference,
        "transaction": charge.transaction,
        "amount": str(order.amount),
        "currency": order.currency,
    }


def _declined(reference: str, reason: str = "insufficient_funds") -> Answer:
    return Answer(402, {"status": "declined", "reason": reason, "reference": reference})


def _success(ledger: Ledger, call: Call, given: Mapping[str, str]) -> Answer:
    """Success for whatever was asked, true or not."""
    reference = given.get("reference", "")
    if call == "charge":
        order = Order.read(given)
        standing = [charge for charge in ledger.standing(reference) if charge.order == order]
        charge = standing[-1] if standing else Charge(serial=0, order=order, at="")
        return Answer(200, {"status": "charged", **_charged(charge)})
    return Answer(200, {"status": {"refund": "refunded", "cancel": "cancelled"}.get(call, "charged")})


def _charge_truth(ledger: Ledger, given: Mapping[str, str], result: object) -> Answer:
    order = Order.read(given)
    first = ledger.earlier(order)
    if first and not first.same_rental(order):
        return Answer(409, {"status": "reference_reused", "reference": order.reference})
    if order.reference in ledger.cancelled:
        return _declined(order.reference, "cancelled")
    if isinstance(result, Charge):
        return Answer(200, {"status": "charged", **_charged(result)})
    if ledger.under(order.reference):
        return Answer(409, {"status": "refunded", "reference": order.reference})
    if order.reference in ledger.declined:
        return _declined(order.reference)
    return Answer(202, {"status": "pending", "reference": order.reference})


def _status_truth(ledger: Ledger, given: Mapping[str, str], result: object) -> Answer:
    reference = given["reference"]
    charges = [_charged(charge) for charge in ledger.standing(reference)]
    state, code = "unknown", 404
    if charges:
        state, code = "charged", 200
    elif ledger.under(reference):
        state, code = "refunded", 200
    elif reference in ledger.declined or reference in ledger.cancelled:
        state, code = "declined", 402
    return Answer(code, {"status": state, "reference": reference, "charges": charges})


def _refund_truth(ledger: Ledger, given: Mapping[str, str], result: object) -> Answer:
    if result is not True:
        return Answer(409, {"status": "not_refundable", "reference": given["reference"]})
    transaction = ledger.refunds[given["refund_reference"]].transaction
    return Answer(200, {"status": "refunded", "reference": given["reference"], "transaction": transaction})


def _cancel_truth(ledger: Ledger, given: Mapping[str, str], result: object) -> Answer:
    if given["reference"] not in ledger.cancelled:
        return Answer(409, {"status": "not_cancelled", "reference": given["reference"]})
    return Answer(200, {"status": "cancelled", "reference": given["reference"]})


_TRUTHS = {"charge": _charge_truth, "status": _status_truth, "refund": _refund_truth, "cancel": _cancel_truth}
