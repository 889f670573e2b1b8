"""What the probe works with: the calls it makes, each noted as a line of the report when it has ended."""

from collections.abc import Awaitable, Callable

import msgspec

from matinee.platform.http.messages import NOTHING_SENT
from matinee.provisions.ports import BillingGateway
from matinee.provisions.types import (
    BillingTarget,
    CancelOutcome,
    Capabilities,
    ChargeOutcome,
    ExchangeRecord,
    PlatformValue,
    ProbeReport,
    ProbeStep,
    RefundKind,
    RefundOutcome,
    StatusKind,
    StatusOutcome,
    Values,
    Verdict,
)

LONGEST_WAIT_SECONDS = 60
"""The probe waits for billing's processing time, but not longer than this."""

Pause = Callable[[float], Awaitable[None]]
OnStep = Callable[[ProbeStep], None]

_NOTHING_SENT = {failure.value for failure in NOTHING_SENT}


class ProbeAccounts(msgspec.Struct, frozen=True):
    """What the probe may charge: values as for a real charge, without references.

    `declined` belongs to an account that billing refuses; without it, refusals are not tried.
    """

    good: Values
    declined: Values | None = None


class Bench:
    """The calls of one probe, and its report so far."""

    def __init__(
        self,
        gateway: BillingGateway,
        target: BillingTarget,
        accounts: ProbeAccounts,
        *,
        pause: Pause,
        new_reference: Callable[[], str],
        on_step: OnStep | None,
    ) -> None:
        self.config = target.config
        self.accounts = accounts
        self.new_reference = new_reference
        self.slowest: ExchangeRecord | None = None
        self._gateway = gateway
        self._target = target
        self._pause = pause
        self._on_step = on_step
        self._steps: list[ProbeStep] = []
        self._reached = False

    @property
    def unreached(self) -> bool:
        """Whether calls were made and not one of them left this machine."""
        return self.slowest is not None and not self._reached

    def report(self, capabilities: Capabilities) -> ProbeReport:
        return ProbeReport(steps=tuple(self._steps), capabilities=capabilities, reached=not self.unreached)

    async def charge(self, account: Values, reference: str) -> tuple[ChargeOutcome, ExchangeRecord]:
        result = await self._gateway.charge(self._target, {**account, PlatformValue.REFERENCE: reference})
        return result.outcome, self._seen(result.record)

    async def ask(self, reference: str) -> tuple[StatusOutcome, ExchangeRecord]:
        values = {**self.accounts.good, PlatformValue.REFERENCE: reference}
        result = await self._gateway.status(self._target, values)
        return result.outcome, self._seen(result.record)

    async def cancel(self, reference: str) -> tuple[CancelOutcome, ExchangeRecord]:
        values = {**self.accounts.good, PlatformValue.REFERENCE: reference}
        result = await self._gateway.cancel(self._target, values)
        return result.outcome, self._seen(result.record)

    async def refund(
        self, reference: str, charge_id: str, refund_reference: str
    ) -> tuple[RefundOutcome, ExchangeRecord]:
        values = {
            **self.accounts.good,
            PlatformValue.REFERENCE: reference,
            PlatformValue.CHARGE_ID: charge_id,
            PlatformValue.REFUND_REFERENCE: refund_reference,
        }
        result = await self._gateway.refund(self._target, values)
        return result.outcome, self._seen(result.record)

    async def give_back(self, reference: str, charge_id: str, refund_reference: str | None = None) -> bool:
        """Refund one charge; what cannot be given back is named in the report, for a person to do it."""
        title = f"Give back the charge {charge_id or f'of {reference}'}"
        if self.config.refund is None:
            why = "The provision has no refund call. Give it back by hand."
            self.note("refund", title, Verdict.NOT_CHECKED, why)
            return False
        outcome, record = await self.refund(reference, charge_id, refund_reference or self.new_reference())
        return self.check(
            "refund",
            title,
            outcome.kind is RefundKind.REFUNDED,
            right="Given back.",
            wrong=f"Expected: a refund. Understood: {understood(outcome)}. Give it back by hand.",
            record=record,
        )

    async def wait(self) -> None:
        """Give billing the time that it takes to process, so that a second charge shows."""
        await self._pause(min(max(1, self.config.longest_processing_seconds), LONGEST_WAIT_SECONDS))

    def check(
        self, name: str, title: str, passed: bool, *, right: str, wrong: str, record: ExchangeRecord
    ) -> bool:
        verdict = Verdict.PASSED if passed else Verdict.FAILED
        self.note(name, title, verdict, right if passed else wrong, record)
        return passed

    def note(
        self, name: str, title: str, verdict: Verdict, detail: str, record: ExchangeRecord | None = None
    ) -> None:
        step = ProbeStep(
            name=name,
            title=title,
            verdict=verdict,
            detail=detail,
            request=record.request if record else "",
            answer=_answer(record) if record else "",
        )
        self._steps.append(step)
        if self._on_step is not None:
            self._on_step(step)

    def _seen(self, record: ExchangeRecord) -> ExchangeRecord:
        if record.status is not None or record.cause not in _NOTHING_SENT:
            self._reached = True
        if self.slowest is None or record.elapsed_ms > self.slowest.elapsed_ms:
            self.slowest = record
        return record


def understood(
    outcome: ChargeOutcome | StatusOutcome | RefundOutcome | CancelOutcome,
) -> str:
    """Return what an answer was taken for, in a few words."""
    if isinstance(outcome, StatusOutcome) and outcome.kind is StatusKind.CHARGED:
        return f"{len(outcome.charge_ids)} charges ({', '.join(outcome.charge_ids)})"
    return f"{outcome.kind} ({outcome.cause})"


def _answer(record: ExchangeRecord) -> str:
    if record.status is None:
        return f"No answer ({record.cause}) after {record.elapsed_ms} ms."
    return f"{record.status} after {record.elapsed_ms} ms\n{record.body}"
