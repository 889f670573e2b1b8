"""Steps of the probe that tell charges apart by billing's transaction ids, where no status call counts them.

The same reference twice must be answered with the same id, and another reference with another id: an id that never
changes, or that is only our reference written back, says nothing about what was charged.
"""

import asyncio

from matinee.provisions.probe.bench import Bench, understood
from matinee.provisions.probe.counting import refused
from matinee.provisions.rules import echoes_reference
from matinee.provisions.types import ChargeKind, ChargeOutcome, Verdict

_SAME_REFERENCE = "Charge the same reference again"

Charged = tuple[str, str]
"""A reference, and the id of a charge under it; the id is empty where no answer said it."""


async def told_apart(bench: Bench, first: str, first_id: str) -> tuple[bool, list[Charged]]:
    """Return whether ids prove that one reference is one charge, and what was charged besides the first charge."""
    if bench.config.answer.transaction_id is None:
        why = (
            "Without a status call this needs the transaction id, and the provision does not say where the answer to "
            "a charge has it. Fill in where the transaction id stands, and have billing send one: A cannot be proved."
        )
        bench.note("same_reference", _SAME_REFERENCE, Verdict.NOT_CHECKED, why)
        return False, []
    if not _is_an_id(bench, first, first_id):
        return False, []
    same, extra = await _same_reference(bench, first, first_id)
    if not same:
        return False, extra
    parallel = bench.new_reference()
    one, other_ids = await _same_time(bench, parallel)
    extra += [(parallel, charge_id) for charge_id in other_ids]
    another = one and _another_id(bench, first_id, other_ids[0])
    never_paid = bench.new_reference()
    held, late_id = await refused(bench, never_paid, counts=False)
    if late_id is not None:
        extra.append((never_paid, late_id))
    return one and another and held, extra


def _is_an_id(bench: Bench, reference: str, charge_id: str) -> bool:
    """Whether the first charge was given an id that billing made; only what is missing is noted."""
    if not charge_id:
        why = "The answer to the charge has no transaction id where the provision looks for it: A cannot be proved."
    elif echoes_reference(charge_id, reference):
        why = (
            "The transaction id is our own reference written back, which would be the same for two charges. "
            "Say where billing's own id stands: A cannot be proved."
        )
    else:
        return True
    bench.note("transaction_id", "Billing's own transaction id", Verdict.FAILED, why)
    return False


async def _same_reference(bench: Bench, reference: str, charge_id: str) -> tuple[bool, list[Charged]]:
    outcome, record = await bench.charge(bench.accounts.good, reference)
    charged = outcome.kind is ChargeKind.SUCCESS
    same = charged and outcome.transaction_id == charge_id
    bench.check(
        "same_reference",
        _SAME_REFERENCE,
        same,
        right="The answer is the same success, with the same transaction id.",
        wrong=f"Expected: the same success, with the transaction id {charge_id}. Understood: {_told(outcome)}.",
        record=record,
    )
    return same, [(reference, outcome.transaction_id or "")] if charged and not same else []


async def _same_time(bench: Bench, reference: str) -> tuple[bool, list[str]]:
    """Charge one reference twice at once; if one of the two is sent away, a third must show the same charge."""
    both = await asyncio.gather(*(bench.charge(bench.accounts.good, reference) for _ in range(2)))
    results = list(both)
    if sum(outcome.kind is ChargeKind.SUCCESS for outcome, _ in both) == 1:
        results.append(await bench.charge(bench.accounts.good, reference))
    charged = [outcome.transaction_id or "" for outcome, _ in results if outcome.kind is ChargeKind.SUCCESS]
    ids = list(dict.fromkeys(charged))
    told = ", ".join(_told(outcome) for outcome, _ in results)
    one = bench.check(
        "same_time",
        "Charge one reference twice at the same moment",
        len(charged) >= 2 and len(ids) == 1 and ids[0] != "",
        right="One transaction id: both are the same charge.",
        wrong=f"Expected: two successes with one transaction id. Understood: {told}.",
        record=results[-1][1],
    )
    return one, ids


def _another_id(bench: Bench, first_id: str, other_id: str) -> bool:
    passed = first_id != other_id
    bench.note(
        "another_id",
        "Another reference has another transaction id",
        Verdict.PASSED if passed else Verdict.FAILED,
        f"{first_id} and {other_id}."
        if passed
        else f"Both are {first_id}: an id that two references share says nothing about their charges.",
    )
    return passed


def _told(outcome: ChargeOutcome) -> str:
    named = outcome.kind is ChargeKind.SUCCESS
    return (
        f"{understood(outcome)}, id {outcome.transaction_id or 'missing'}" if named else understood(outcome)
    )
