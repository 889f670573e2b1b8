"""A billing system in memory, behind the same port as the real one: for simulations and property tests.

It keeps a ledger of its own, which is the truth that a test compares with, and misbehaves on request in
the ways that real billing systems do. Requests are built and answers judged by the same rules as on the
wire; only the wire is missing.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from matinee.platform.http.messages import Failure
from matinee.provisions import rules
from matinee.provisions.types import (
    Answer,
    AnswerPart,
    AnswerRule,
    BillingTarget,
    CallName,
    CancelResult,
    Capabilities,
    Capability,
    ChargeResult,
    ExchangeRecord,
    PlatformValue,
    ProvisionConfig,
    RefundResult,
    StatusResult,
    Values,
)


class Fault(StrEnum):
    """How one call goes. `OK` is an honest, prompt answer; the rest name what goes wrong."""

    OK = "ok"
    DECLINED = "declined"
    NOTHING_SENT = "nothing_sent"
    REQUEST_LOST = "request_lost"
    ANSWER_LOST = "answer_lost"
    LATE = "late"
    LATE_SUCCESS = "late_success"
    ERROR_CHARGED = "error_charged"
    ERROR_UNCHARGED = "error_uncharged"
    GARBAGE = "garbage"
    REPEATED = "repeated"
    REPEATED_LATE = "repeated_late"
    BOTH_RULES_MATCH = "both_rules_match"
    BOTH_RULES_UNCHARGED = "both_rules_uncharged"
    DECLINED_BUT_CHARGED = "declined_but_charged"
    SUCCESS_BUT_UNCHARGED = "success_but_uncharged"
    NO_ANSWER = "no_answer"
    FORGETS = "forgets"
    REFUSED = "refused"
    LIES_REFUNDED = "lies_refunded"
    TAKES_BACK = "takes_back"


LIES = frozenset(
    {Fault.REPEATED, Fault.REPEATED_LATE, Fault.DECLINED_BUT_CHARGED, Fault.SUCCESS_BUT_UNCHARGED}
)
"""Faults that a billing system without a status call cannot be caught at."""

_LANDS = frozenset(
    {
        Fault.OK, Fault.ANSWER_LOST, Fault.ERROR_CHARGED, Fault.GARBAGE, Fault.REPEATED, Fault.REPEATED_LATE,
        Fault.DECLINED_BUT_CHARGED, Fault.BOTH_RULES_MATCH,
    }
)  # fmt: skip
_LANDS_LATER = frozenset({Fault.LATE, Fault.LATE_SUCCESS, Fault.REPEATED_LATE})
_SAYS_SUCCESS = frozenset(
    {Fault.OK, Fault.REPEATED, Fault.REPEATED_LATE, Fault.LATE_SUCCESS, Fault.SUCCESS_BUT_UNCHARGED}
)
_SAYS_DECLINED = frozenset({Fault.DECLINED, Fault.DECLINED_BUT_CHARGED})
_SILENT = frozenset({Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.LATE})


class Charge(msgspec.Struct, kw_only=True):
    """One charge in the ledger."""

    charge_id: str
    reference: str
    amount: str
    currency: str
    at: datetime
    reversed: bool = False


class SimulatedBilling:
    """The ledger and the gateway in one. `choose` says how the next call of a kind goes; `now` is its clock."""

    def __init__(
        self,
        capabilities: Capabilities,
        *,
        now: Callable[[], datetime],
        choose: Callable[[CallName], Fault] = lambda call: Fault.OK,
        late_after: Callable[[], timedelta] = lambda: timedelta(minutes=5),
    ) -> None:
        self.capabilities = capabilities
        self.choose = choose
        self.charges: dict[str, list[Charge]] = defaultdict(list)
        self.lied_about: set[str] = set()
        self.requests: list[tuple[CallName, str]] = []
        self._now = now
        self._late_after = late_after
        self._declined: set[str] = set()
        self._accepted: set[str] = set()
        self._refunds: set[str] = set()
        self._cancelled: set[str] = set()
        self._landing: list[tuple[datetime, str, str, str]] = []

    # -- the ledger

    def standing(self, reference: str) -> list[Charge]:
        """Return the charges under a reference that were not given back."""
        return [charge for charge in self.charges[reference] if not charge.reversed]

    def land_due(self) -> None:
        """Book the late charges whose time has come."""
        due = [late for late in self._landing if late[0] <= self._now()]
        self._landing = [late for late in self._landing if late[0] > self._now()]
        for _, reference, amount, currency in due:
            self._land(reference, amount, currency)

    def next_landing(self) -> datetime | None:
        """Return when the next late charge is booked, if one is under way."""
        return min((late[0] for late in self._landing), default=None)

    def _land(self, reference: str, amount: str, currency: str) -> None:
        if reference in self._cancelled:
            return
        idempotent = Capability.IDEMPOTENT in self.capabilities
        if idempotent and (self.charges[reference] or reference in self._declined):
            return
        number = sum(len(charges) for charges in self.charges.values()) + 1
        self.charges[reference].append(
            Charge(
                charge_id=f"tx-{number}",
                reference=reference,
                amount=amount,
                currency=currency,
                at=self._now(),
            )
        )

    # -- the gateway

    async def charge(self, target: BillingTarget, values: Values) -> ChargeResult:
        config = target.config
        request = rules.build_charge(config, values)
        reference = values[PlatformValue.REFERENCE]
        amount, currency = values[PlatformValue.CONTENT_PRICE], values[PlatformValue.CURRENCY]
        fault = self._fault_for(reference)
        if fault is Fault.NOTHING_SENT:
            outcome = rules.unanswered_charge(Failure.CONNECT)
            return ChargeResult(outcome, _record("charge", request.shown, outcome.kind.value, outcome.cause))
        self.requests.append(("charge", reference))
        if fault in LIES - self._found_out():
            self.lied_about.add(reference)
        for _ in range((fault in _LANDS) + (fault is Fault.REPEATED)):
            self._land(reference, amount, currency)
        if fault in _LANDS_LATER:
            self._landing.append((self._now() + self._late_after(), reference, amount, currency))
        if fault is Fault.DECLINED:
            self._declined.add(reference)
        if fault is Fault.LATE_SUCCESS:
            self._accepted.add(reference)
        answer = self._charge_answer(config, fault, reference)
        outcome = (
            rules.judge_charge(config, answer, values)
            if isinstance(answer, Answer)
            else rules.unanswered_charge(answer)
        )
        return ChargeResult(
            outcome, _record("charge", request.shown, outcome.kind.value, outcome.cause, answer)
        )

    def _found_out(self) -> frozenset[Fault]:
        """Return the lies that this billing system is caught at without a status call: by its own cancel call."""
        caught = Capability.CANCEL in self.capabilities
        return frozenset({Fault.DECLINED_BUT_CHARGED}) if caught else frozenset()

    def _fault_for(self, reference: str) -> Fault:
        """Return how a charge goes. An idempotent system repeats its first answer; a closed one is refused."""
        fault = self.choose("charge")
        if reference in self._cancelled and fault in _SAYS_SUCCESS:
            return Fault.DECLINED
        if fault is Fault.NOTHING_SENT or Capability.IDEMPOTENT not in self.capabilities:
            return fault
        if reference in self._declined and fault in _SAYS_SUCCESS:
            return Fault.DECLINED
        known = self.standing(reference) or reference in self._accepted
        if known and fault in _SAYS_DECLINED | {Fault.SUCCESS_BUT_UNCHARGED}:
            return Fault.OK
        return fault

    def _charge_answer(self, config: ProvisionConfig, fault: Fault, reference: str) -> Answer | Failure:
        if fault in _SILENT:
            return Failure.TIMEOUT
        if fault in _SAYS_SUCCESS:
            newest = self.charges[reference][-1].charge_id if self.charges[reference] else "tx-0"
            return _json(200, {"status": "charged", "reference": reference, "transaction": newest})
        if fault in _SAYS_DECLINED:
            return _json(
                _code(config.charge.no_success), {"status": "declined", "reason": "insufficient_funds"}
            )
        if fault in (Fault.BOTH_RULES_MATCH, Fault.BOTH_RULES_UNCHARGED):
            return _json(200, {"status": "charged", "note": "declined"})
        if fault is Fault.GARBAGE:
            return Answer(status=200, body=b"<html>gateway</html>")
        return Answer(status=502, body=b"bad gateway")

    async def status(self, target: BillingTarget, values: Values) -> StatusResult:
        config = target.config
        request = rules.build_status(config, values)
        reference = values[PlatformValue.REFERENCE]
        fault = self.choose("status")
        answer = self._status_answer(fault, reference)
        outcome = (
            rules.judge_status(config.status, answer, values)
            if isinstance(answer, Answer) and config.status is not None
            else rules.unanswered_status(Failure.TIMEOUT)
        )
        return StatusResult(
            outcome, _record("status", request.shown, outcome.kind.value, outcome.cause, answer)
        )

    def _status_answer(self, fault: Fault, reference: str) -> Answer | Failure:
        if fault is Fault.NO_ANSWER:
            return Failure.TIMEOUT
        listed = [{"transaction": charge.charge_id} for charge in self.standing(reference)]
        if listed and fault is not Fault.FORGETS:
            return _json(200, {"status": "charged", "reference": reference, "charges": listed})
        if reference in self._declined:
            return _json(402, {"status": "declined", "reference": reference, "charges": []})
        return _json(404, {"status": "unknown", "reference": reference, "charges": []})

    async def refund(self, target: BillingTarget, values: Values) -> RefundResult:
        config = target.config
        try:
            request = rules.build_refund(config, values)
        except rules.RequestNotBuilt as error:
            outcome = rules.unanswered_refund(Failure.NOT_BUILT)
            return RefundResult(outcome, _record("refund", str(error), outcome.kind.value, outcome.cause))
        fault = self.choose("refund")
        if fault is Fault.NOTHING_SENT:
            outcome = rules.unanswered_refund(Failure.CONNECT)
            return RefundResult(outcome, _record("refund", request.shown, outcome.kind.value, outcome.cause))
        self.requests.append(("refund", values[PlatformValue.REFUND_REFERENCE]))
        done = False
        if fault is Fault.LIES_REFUNDED:
            done = True
        elif fault not in (Fault.REFUSED, Fault.REQUEST_LOST):
            for _ in range(1 + (fault is Fault.REPEATED)):
                done = self._give_back(values) or done
        answer: Answer | Failure
        if fault in (Fault.REQUEST_LOST, Fault.ANSWER_LOST):
            answer = Failure.TIMEOUT
        else:
            answer = _json(200 if done else 402, {"status": "refunded" if done else "refused"})
        outcome = (
            rules.judge_refund(config.refund, answer)
            if isinstance(answer, Answer) and config.refund is not None
            else rules.unanswered_refund(Failure.TIMEOUT)
        )
        return RefundResult(
            outcome, _record("refund", request.shown, outcome.kind.value, outcome.cause, answer)
        )

    async def cancel(self, target: BillingTarget, values: Values) -> CancelResult:
        call = target.config.cancel
        request = rules.build_cancel(target.config, values)
        reference, fault = values[PlatformValue.REFERENCE], self.choose("cancel")
        if fault is Fault.NOTHING_SENT:
            outcome = rules.unanswered_cancel(Failure.CONNECT)
            return CancelResult(outcome, _record("cancel", request.shown, outcome.kind.value, outcome.cause))
        self.requests.append(("cancel", reference))
        answer = self._cancel_answer(target.config, fault, reference)
        outcome = (
            rules.judge_cancel(call, answer)
            if isinstance(answer, Answer) and call is not None
            else rules.unanswered_cancel(Failure.TIMEOUT)
        )
        return CancelResult(
            outcome, _record("cancel", request.shown, outcome.kind.value, outcome.cause, answer)
        )

    def _cancel_answer(self, config: ProvisionConfig, fault: Fault, reference: str) -> Answer | Failure:
        """Close the reference unless it is charged, and say so; a request that is lost closes nothing.

        TAKES_BACK closes it all the same and gives back what was charged; REFUSED refuses without a reason.
        """
        if fault in (Fault.REQUEST_LOST, Fault.NO_ANSWER):
            return Failure.TIMEOUT
        if fault is Fault.ERROR_UNCHARGED:
            return Answer(status=502, body=b"bad gateway")
        if fault is Fault.TAKES_BACK:
            for charge in self.standing(reference):
                charge.reversed = True
        refused = fault is Fault.REFUSED or bool(self.standing(reference))
        if not refused:
            self._cancelled.add(reference)
        if fault is Fault.ANSWER_LOST:
            return Failure.TIMEOUT
        if config.cancel is not None and refused:
            return _json(_code(config.cancel.refused), {"status": "charged", "reference": reference})
        return _json(200, {"status": "cancelled", "reference": reference})

    def _give_back(self, values: Values) -> bool:
        """Reverse the named charge, or the newest one; True if there was one, or this refund was made before."""
        refund_reference = values[PlatformValue.REFUND_REFERENCE]
        if Capability.IDEMPOTENT in self.capabilities and refund_reference in self._refunds:
            return True
        named = values.get(PlatformValue.CHARGE_ID)
        found = [
            charge
            for charge in self.standing(values[PlatformValue.REFERENCE])
            if named in (None, "", charge.charge_id)
        ]
        if found:
            found[-1].reversed = True
            self._refunds.add(refund_reference)
        return bool(found)


def _code(rule: AnswerRule) -> int:
    """Return the status that a rule asks for."""
    return next(int(part.text[:3]) for part in rule.conditions if part.part is AnswerPart.STATUS)


def _json(status: int, document: object) -> Answer:
    return Answer(status=status, body=msgspec.json.encode(document))


def _record(
    call: CallName, shown: str, verdict: str, cause: str, answer: Answer | Failure | None = None
) -> ExchangeRecord:
    replied = answer if isinstance(answer, Answer) else None
    return ExchangeRecord(
        call=call,
        request=shown,
        elapsed_ms=0,
        verdict=verdict,
        cause=cause,
        status=replied.status if replied else None,
        body=replied.body.decode() if replied else "",
    )
