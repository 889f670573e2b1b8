"""Steps of the probe that close references: what was cancelled first and charged afterwards must not be charged.

With a status call, the charges are counted. Without one, only a clear refusal by the charge call proves that the
reference is closed; what became of money that was taken before, nobody can see then, and the report says so.
"""

import msgspec

from matinee.provisions.probe.bench import Bench, understood
from matinee.provisions.probe.counting import nothing_under, one_charge
from matinee.provisions.types import CancelKind, ChargeKind, Verdict


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls came to. `late`: the reference cancelled before its charge; `early`: after it.

    `early_kind` None: there was no charge to cancel. `..._id`: of a charge, where the answer said it; `again_id`:
    of one that was made after the cancel was acknowledged.
    """

    right: bool
    late: str
    late_id: str
    early: str
    early_id: str
    again_id: str
    early_kind: CancelKind | None


async def close_references(bench: Bench, *, counts: bool) -> Closed | None:
    """Cancel before and after a charge; None when not even the first cancel was acknowledged.

    `counts`: a status call that was proved will count afterwards.
    """
    late, early = bench.new_reference(), bench.new_reference()
    if not await _cancel(bench, late, "cancel_unused", "Cancel a reference that was never used"):
        return None
    refused, late_id = await _late_charge(bench, late, counts=counts)
    again = await _cancel(bench, late, "cancel_again", "Cancel the same reference again")
    outcome, record = await bench.charge(bench.accounts.good, early)
    charged = bench.check(
        "charge_to_cancel",
        "Charge another reference, to cancel it afterwards",
        outcome.kind is ChargeKind.SUCCESS,
        right="Charged.",
        wrong=f"Expected: success. Understood: {understood(outcome)}.",
        record=record,
    )
    kind = await _cancel_charged(bench, early) if charged else None
    closed, again_id = True, ""
    if kind is CancelKind.CANCELLED and not counts:
        closed, again_id = await _closed(bench, early)
    return Closed(
        right=refused and again and closed and kind in (CancelKind.CANCELLED, CancelKind.REFUSED),
        late=late,
        late_id=late_id,
        early=early,
        early_id=outcome.transaction_id or "",
        again_id=again_id,
        early_kind=kind,
    )


async def count_closed(bench: Bench, closed: Closed) -> bool:
    """Whether the charges under the two references agree with what was said; what stands is given back."""
    nothing, standing = await nothing_under(
        bench, closed.late, "late_status", "Status of the reference that was cancelled first"
    )
    for charge_id in standing:
        await bench.give_back(closed.late, charge_id)
    if closed.early_kind is CancelKind.CANCELLED:
        agrees, standing = await nothing_under(
            bench, closed.early, "cancelled_status", "Status of the charge that was cancelled"
        )
    elif closed.early_kind is CancelKind.REFUSED:
        agrees, standing = await one_charge(
            bench, closed.early, "cancelled_status", "Status of the charge that could not be cancelled"
        )
    else:
        agrees, standing = False, (await bench.ask(closed.early))[0].charge_ids
    for charge_id in standing:
        await bench.give_back(closed.early, charge_id)
    return nothing and agrees


async def settle_uncounted(bench: Bench, closed: Closed) -> None:
    """Without a status call: give back what is known to be charged, and say what cannot be seen."""
    if closed.late_id:
        await bench.give_back(closed.late, closed.late_id)
    for charge_id in dict.fromkeys(one for one in (closed.again_id, closed.early_id) if closed.again_id):
        await bench.give_back(closed.early, charge_id)
    if closed.early_kind is CancelKind.REFUSED:
        await bench.give_back(closed.early, closed.early_id)
    elif closed.early_kind is CancelKind.CANCELLED:
        bench.note(
            "cancelled_money",
            "Whether the cancelled charge was given back",
            Verdict.NOT_CHECKED,
            f"Without a status call this cannot be seen. Look at the test account: nothing may stand under "
            f"{closed.early}.",
        )


async def _cancel(bench: Bench, reference: str, name: str, title: str) -> bool:
    outcome, record = await bench.cancel(reference)
    return bench.check(
        name,
        title,
        outcome.kind is CancelKind.CANCELLED,
        right="Acknowledged.",
        wrong=f"Expected: acknowledged. Understood: {understood(outcome)}.",
        record=record,
    )


async def _late_charge(bench: Bench, reference: str, *, counts: bool) -> tuple[bool, str]:
    """Send the charge that comes late, after its reference was closed; return the id if it was charged."""
    outcome, record = await bench.charge(bench.accounts.good, reference)
    passed = outcome.kind is not ChargeKind.SUCCESS if counts else outcome.kind is ChargeKind.DECLINED
    wrong = "It was charged, although its reference was cancelled."
    if outcome.kind is not ChargeKind.SUCCESS:
        wrong = f"Expected: a clear refusal, as there is no status call to see by. Understood: {understood(outcome)}."
    bench.check(
        "late_charge",
        "Charge the cancelled reference, as a request that comes late would",
        passed,
        right="Not charged." if counts else "Refused.",
        wrong=wrong,
        record=record,
    )
    charged = outcome.kind is ChargeKind.SUCCESS
    return passed, (outcome.transaction_id or "") if charged else ""


async def _cancel_charged(bench: Bench, reference: str) -> CancelKind:
    outcome, record = await bench.cancel(reference)
    words = {
        CancelKind.CANCELLED: "Acknowledged: the charge must be gone.",
        CancelKind.REFUSED: "Refused, as it is charged: the charge must stand.",
    }
    bench.check(
        "cancel_charged",
        "Cancel the reference that was charged",
        outcome.kind in words,
        right=words.get(outcome.kind, ""),
        wrong=f"Expected: acknowledged, or refused. Understood: {understood(outcome)}.",
        record=record,
    )
    return outcome.kind


async def _closed(bench: Bench, reference: str) -> tuple[bool, str]:
    outcome, record = await bench.charge(bench.accounts.good, reference)
    closed = bench.check(
        "closed",
        "Charge again what was charged and then cancelled",
        outcome.kind is ChargeKind.DECLINED,
        right="Refused.",
        wrong=f"Expected: a refusal, as cancelling was acknowledged. Understood: {understood(outcome)}.",
        record=record,
    )
    charged = outcome.kind is ChargeKind.SUCCESS
    return closed, (outcome.transaction_id or "") if charged else ""
