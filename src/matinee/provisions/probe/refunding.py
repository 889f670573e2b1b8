"""Steps of the probe that give back: a refund takes one charge with it, and its repeat takes none."""

from matinee.provisions.probe.bench import Bench, understood
from matinee.provisions.types import RefundKind, StatusKind, StatusOutcome, Verdict


async def refund_counted(bench: Bench, reference: str, standing: tuple[str, ...]) -> bool:
    """Give back what stands under the reference; return whether refunds do what they say."""
    if bench.config.refund is None:
        left = f" Give back by hand: {', '.join(standing)}." if standing else ""
        bench.note("refund", "Refund", Verdict.NOT_CHECKED, f"The provision has no refund call.{left}")
        return False
    if not standing:
        why = "No charge can be seen; if the test account was charged, give it back by hand."
        bench.note("refund", "Refund", Verdict.NOT_CHECKED, why)
        return False
    charge_id, *others = standing
    refund_reference = bench.new_reference()
    refunded = await bench.give_back(reference, charge_id, refund_reference)
    gone = await _still_stand(bench, "refund_status", "Status after the refund", reference, others)
    outcome, record = await bench.refund(reference, charge_id, refund_reference)
    bench.note(
        "refund_again",
        "Send the same refund again",
        Verdict.NOT_CHECKED if outcome.kind is RefundKind.NOT_SENT else Verdict.PASSED,
        f"Understood: {outcome.kind}.",
        record,
    )
    title = "Status after the repeated refund"
    harmless = await _still_stand(bench, "refund_again_status", title, reference, others)
    for other in others:
        await bench.give_back(reference, other)
    return refunded and gone and harmless


async def refund_uncounted(bench: Bench, reference: str, charge_id: str) -> None:
    """Give back what billing said it charged; without a status call that proves nothing."""
    if await bench.give_back(reference, charge_id):
        why = "Without a status call nobody sees whether the charge, and it alone, is gone."
        bench.note("refund_unseen", "What the refund took back", Verdict.NOT_CHECKED, why)


async def _still_stand(bench: Bench, name: str, title: str, reference: str, others: list[str]) -> bool:
    """Whether just the `others` stand after a refund; billing gets time, unless all is well at once."""
    status, record = await bench.ask(reference)
    if others or _stands(status) != set(others):
        await bench.wait()
        status, record = await bench.ask(reference)
    return bench.check(
        name,
        title,
        _stands(status) == set(others),
        right="The charge is gone, and nothing else.",
        wrong=f"Expected: {_listed(others)}. Understood: {understood(status)}.",
        record=record,
    )


def _stands(status: StatusOutcome) -> set[str] | None:
    """Return the charges that stand; None when that is not known."""
    return None if status.kind is StatusKind.NO_ANSWER else set(status.charge_ids)


def _listed(charge_ids: list[str]) -> str:
    return f"only {', '.join(charge_ids)}" if charge_ids else "no charge"
