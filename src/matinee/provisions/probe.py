"""The go-live probe: real calls with the operator's test account show what their billing can really do.

A capability counts only when it was seen at work. What was charged for the probe is given back at its end,
where billing has a refund call that works; otherwise the report names what is left.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from matinee.kernel.ids import new_id
from matinee.provisions.ports import BillingGateway
from matinee.provisions.rules import provable_capabilities
from matinee.provisions.types import (
    BillingTarget,
    Capabilities,
    Capability,
    ChargeKind,
    ChargeOutcome,
    ExchangeRecord,
    PlatformValue,
    ProbeReport,
    ProbeStep,
    RefundKind,
    StatusKind,
    StatusOutcome,
    Values,
    Verdict,
)

LONGEST_WAIT_SECONDS = 60
"""The probe waits for billing's processing time, but not longer than this."""

Pause = Callable[[float], Awaitable[None]]


class TestAccounts(msgspec.Struct, frozen=True):
    """What the probe may charge: values as for a real charge, without references.

    `declined` belongs to an account that billing refuses; without it, refusals are not tried.
    """

    __test__ = False  # not a test case, whatever pytest makes of the name

    good: Values
    declined: Values | None = None


async def run_probe(
    gateway: BillingGateway,
    target: BillingTarget,
    accounts: TestAccounts,
    *,
    pause: Pause = asyncio.sleep,
    new_reference: Callable[[], str] = lambda: f"probe-{new_id()}",
    steps: list[ProbeStep] | None = None,
) -> ProbeReport:
    """Call billing about ten times and say what it proved. Takes seconds to minutes; hold no transaction.

    Each step is added to `steps` as soon as it is done, for whoever watches.
    """
    probe = _Probe(gateway, target, accounts, pause, new_reference, [] if steps is None else steps)
    provable = provable_capabilities(target.config)
    if Capability.STATUS not in provable:
        probe.note(
            "provable",
            "What can be proved",
            Verdict.FAILED,
            "Nothing: that needs the reference in the key table, and a status call that counts its charges. "
            "No test charge was made.",
        )
        return probe.report(frozenset())
    return probe.report(await probe.run() & provable)


class _Probe:
    """One run: the steps so far, and the calls that add to them."""

    def __init__(
        self,
        gateway: BillingGateway,
        target: BillingTarget,
        accounts: TestAccounts,
        pause: Pause,
        new_reference: Callable[[], str],
        steps: list[ProbeStep],
    ) -> None:
        self._gateway = gateway
        self._target = target
        self._accounts = accounts
        self._pause = pause
        self._new_reference = new_reference
        self._steps = steps

    def report(self, capabilities: Capabilities) -> ProbeReport:
        return ProbeReport(steps=tuple(self._steps), capabilities=capabilities)

    async def run(self) -> Capabilities:
        reference, refused = self._new_reference(), self._new_reference()
        unknown_right = await self._unknown_reference()
        charged = await self._first_charge(reference)
        known_right, standing = await self._known_reference(reference)
        proved = set[Capability]()
        if unknown_right and charged and known_right:
            proved.add(Capability.STATUS)
            repeated = await self._repeat(reference)
            refused_again = await self._refuse(refused)
            await self._wait()  # once for all: a second charge may take its time to show
            counted, standing = await self._count(reference)
            nothing_under = await self._nothing_under(refused)
            if repeated and counted and refused_again and nothing_under:
                proved.add(Capability.IDEMPOTENT)
        else:
            why = "Without a charge and a status that can be relied on, nothing else can be seen."
            self.note("same_reference", "Charge the same reference again", Verdict.NOT_CHECKED, why)
        if await self._refund(reference, standing) and Capability.STATUS in proved:
            proved.add(Capability.REFUND)
        return frozenset(proved)

    async def _unknown_reference(self) -> bool:
        outcome, record = await self._ask(self._new_reference())
        return self._check(
            "unknown_reference",
            "Status of a reference that was never used",
            outcome.kind is StatusKind.NOT_FOUND,
            right="Billing does not know it.",
            wrong=f"Expected: not found. Understood: {outcome.kind} ({outcome.cause}).",
            record=record,
        )

    async def _first_charge(self, reference: str) -> bool:
        outcome, record = await self._charge(self._accounts.good, reference)
        return self._check(
            "first_charge",
            "Charge the test account",
            outcome.kind is ChargeKind.SUCCESS,
            right="Charged.",
            wrong=f"Expected: success. Understood: {outcome.kind} ({outcome.cause}).",
            record=record,
        )

    async def _known_reference(self, reference: str) -> tuple[bool, tuple[str, ...]]:
        """Return whether exactly one charge is listed for what was charged once, and what is listed."""
        outcome, record = await self._ask(reference)
        if outcome.kind is not StatusKind.CHARGED and self._target.config.longest_processing_seconds:
            await self._wait()
            outcome, record = await self._ask(reference)
        right = outcome.kind is StatusKind.CHARGED and len(outcome.charge_ids) == 1
        self._check(
            "known_reference",
            "Status of the reference that was charged",
            right,
            right="One charge stands under it.",
            wrong=f"Expected: one charge. Understood: {_told(outcome)}.",
            record=record,
        )
        return right, outcome.charge_ids

    async def _repeat(self, reference: str) -> bool:
        outcome, record = await self._charge(self._accounts.good, reference)
        return self._check(
            "same_reference",
            "Charge the same reference again",
            outcome.kind is ChargeKind.SUCCESS,
            right="The answer is the same success.",
            wrong=f"Expected: the same success. Understood: {outcome.kind} ({outcome.cause}).",
            record=record,
        )

    async def _count(self, reference: str) -> tuple[bool, tuple[str, ...]]:
        """Return whether the reference still has one charge, and the charges that stand."""
        status, record = await self._ask(reference)
        counted = self._check(
            "one_charge",
            "Count the charges after that",
            status.kind is StatusKind.CHARGED and len(status.charge_ids) == 1,
            right="Still one charge: the same reference twice is one charge.",
            wrong=f"Expected: one charge. Understood: {_told(status)}.",
            record=record,
        )
        return counted, status.charge_ids

    async def _refuse(self, reference: str) -> bool:
        """Whether a refused reference stays refused; True where it cannot be tried for want of an account."""
        if self._accounts.declined is None:
            why = "There is no test account that billing refuses."
            self.note("refused", "A refused reference stays refused", Verdict.NOT_CHECKED, why)
            return True
        results = []
        for name, title in (
            ("refused", "Charge the test account that is refused"),
            ("refused_again", "Charge the refused reference again"),
        ):
            outcome, record = await self._charge(self._accounts.declined, reference)
            passed = self._check(
                name,
                title,
                outcome.kind is ChargeKind.DECLINED,
                right="Refused.",
                wrong=f"Expected: a refusal. Understood: {outcome.kind} ({outcome.cause}).",
                record=record,
            )
            results.append(passed)
        outcome, record = await self._charge(self._accounts.good, reference)
        held = self._check(
            "refused_for_good",
            "Charge the refused reference to the account that could pay",
            outcome.kind is not ChargeKind.SUCCESS,
            right="Not charged.",
            wrong="It was charged: a refused reference does not stay refused.",
            record=record,
        )
        return all(results) and held

    async def _nothing_under(self, reference: str) -> bool:
        """Whether no charge stands under the refused reference; one that does is given back."""
        if self._accounts.declined is None:
            return True
        status, record = await self._ask(reference)
        nothing = self._check(
            "refused_status",
            "Status of the refused reference",
            status.kind in {StatusKind.DECLINED, StatusKind.NOT_FOUND},
            right="No charge stands under it.",
            wrong=f"Expected: no charge. Understood: {_told(status)}.",
            record=record,
        )
        for charge_id in status.charge_ids:
            await self._give_back(reference, charge_id)
        return nothing

    async def _refund(self, reference: str, standing: tuple[str, ...]) -> bool:
        """Give back what the probe charged; return whether refunds do what they say."""
        if self._target.config.refund is None:
            left = f" Give back by hand: {', '.join(standing)}." if standing else ""
            self.note("refund", "Refund", Verdict.NOT_CHECKED, f"The provision has no refund call.{left}")
            return False
        if not standing:
            why = "No charge can be seen; if the test account was charged, give it back by hand."
            self.note("refund", "Refund", Verdict.NOT_CHECKED, why)
            return False
        charge_id, *others = standing
        refund_reference = self._new_reference()
        refunded = await self._give_back(reference, charge_id, refund_reference)
        gone = await self._still_stand("refund_status", "Status after the refund", reference, others)
        kind, record = await self._send_refund(reference, charge_id, refund_reference)
        self.note(
            "refund_again",
            "Send the same refund again",
            Verdict.NOT_CHECKED if kind is RefundKind.NOT_SENT else Verdict.PASSED,
            f"Understood: {kind}.",
            record,
        )
        title = "Status after the repeated refund"
        harmless = await self._still_stand("refund_again_status", title, reference, others)
        for other in others:
            await self._give_back(reference, other)
        return refunded and gone and harmless

    async def _still_stand(self, name: str, title: str, reference: str, others: list[str]) -> bool:
        """Whether just the `others` stand after a refund; billing gets time, unless all is well at once."""
        status, record = await self._ask(reference)
        if others or _stands(status) != set(others):
            await self._wait()
            status, record = await self._ask(reference)
        return self._check(
            name,
            title,
            _stands(status) == set(others),
            right="The charge is gone, and nothing else.",
            wrong=f"Expected: {_listed(others)}. Understood: {_told(status)}.",
            record=record,
        )

    async def _give_back(self, reference: str, charge_id: str, refund_reference: str | None = None) -> bool:
        title = f"Give back the charge {charge_id}"
        if self._target.config.refund is None:
            why = "The provision has no refund call. Give it back by hand."
            self.note("refund", title, Verdict.NOT_CHECKED, why)
            return False
        kind, record = await self._send_refund(
            reference, charge_id, refund_reference or self._new_reference()
        )
        return self._check(
            "refund",
            title,
            kind is RefundKind.REFUNDED,
            right="Given back.",
            wrong=f"Expected: a refund. Understood: {kind} ({record.cause}). Give it back by hand.",
            record=record,
        )

    async def _charge(self, account: Values, reference: str) -> tuple[ChargeOutcome, ExchangeRecord]:
        result = await self._gateway.charge(self._target, {**account, PlatformValue.REFERENCE: reference})
        return result.outcome, result.record

    async def _ask(self, reference: str) -> tuple[StatusOutcome, ExchangeRecord]:
        values = {**self._accounts.good, PlatformValue.REFERENCE: reference}
        result = await self._gateway.status(self._target, values)
        return result.outcome, result.record

    async def _send_refund(
        self, reference: str, charge_id: str, refund_reference: str
    ) -> tuple[RefundKind, ExchangeRecord]:
        values = {
            **self._accounts.good,
            PlatformValue.REFERENCE: reference,
            PlatformValue.CHARGE_ID: charge_id,
            PlatformValue.REFUND_REFERENCE: refund_reference,
        }
        result = await self._gateway.refund(self._target, values)
        return result.outcome.kind, result.record

    async def _wait(self) -> None:
        """Give billing the time that it takes to process, so that a second charge shows."""
        await self._pause(min(max(1, self._target.config.longest_processing_seconds), LONGEST_WAIT_SECONDS))

    def _check(
        self, name: str, title: str, passed: bool, *, right: str, wrong: str, record: ExchangeRecord
    ) -> bool:
        self.note(
            name, title, Verdict.PASSED if passed else Verdict.FAILED, right if passed else wrong, record
        )
        return passed

    def note(
        self, name: str, title: str, verdict: Verdict, detail: str, record: ExchangeRecord | None = None
    ) -> None:
        self._steps.append(
            ProbeStep(
                name=name,
                title=title,
                verdict=verdict,
                detail=detail,
                request=record.request if record else "",
                answer=_answer(record) if record else "",
            )
        )


def _answer(record: ExchangeRecord) -> str:
    if record.status is None:
        return f"No answer ({record.cause}) after {record.elapsed_ms} ms."
    return f"{record.status} after {record.elapsed_ms} ms\n{record.body}"


def _stands(status: StatusOutcome) -> set[str] | None:
    """Return the charges that stand; None when that is not known."""
    return None if status.kind is StatusKind.NO_ANSWER else set(status.charge_ids)


def _told(status: StatusOutcome) -> str:
    if status.kind is StatusKind.CHARGED:
        return f"{len(status.charge_ids)} charges ({', '.join(status.charge_ids)})"
    return f"{status.kind} ({status.cause})"


def _listed(charge_ids: list[str]) -> str:
    return f"only {', '.join(charge_ids)}" if charge_ids else "no charge"
