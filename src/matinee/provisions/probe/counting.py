"""Steps of the probe that count charges: status, the same reference twice, a refused reference."""

import asyncio

from matinee.provisions.probe.bench import Bench, understood
from matinee.provisions.types import ChargeKind, ExchangeRecord, StatusKind, Verdict


async def unknown_reference(bench: Bench) -> bool:
    """Whether billing does not know a reference that was never used."""
    outcome, record = await bench.ask(bench.new_reference())
    return bench.check(
        "unknown_reference",
        "Status of a reference that was never used",
        outcome.kind is StatusKind.NOT_FOUND,
        right="Billing does not know it.",
        wrong=f"Expected: not found. Understood: {understood(outcome)}.",
        record=record,
    )


async def first_charge(bench: Bench, reference: str) -> tuple[bool, str]:
    """Return whether the test account was charged, and the id of the charge where the answer says it."""
    outcome, record = await bench.charge(bench.accounts.good, reference)
    charged = bench.check(
        "first_charge",
        "Charge the test account",
        outcome.kind is ChargeKind.SUCCESS,
        right="Charged.",
        wrong=f"Expected: success. Understood: {understood(outcome)}.",
        record=record,
    )
    return charged, outcome.transaction_id or ""


async def known_reference(bench: Bench, reference: str) -> tuple[bool, tuple[str, ...]]:
    """Return whether exactly one charge is listed for what was charged once, and what is listed."""
    outcome, record = await bench.ask(reference)
    if outcome.kind is not StatusKind.CHARGED and bench.config.longest_processing_seconds:
        await bench.wait()
        outcome, record = await bench.ask(reference)
    right = bench.check(
        "known_reference",
        "Status of the reference that was charged",
        outcome.kind is StatusKind.CHARGED and len(outcome.charge_ids) == 1,
        right="One charge stands under it.",
        wrong=f"Expected: one charge. Understood: {understood(outcome)}.",
        record=record,
    )
    return right, outcome.charge_ids


async def same_reference(bench: Bench, reference: str) -> bool:
    """Charge again what was charged: the answer must be the same success."""
    outcome, record = await bench.charge(bench.accounts.good, reference)
    return bench.check(
        "same_reference",
        "Charge the same reference again",
        outcome.kind is ChargeKind.SUCCESS,
        right="The answer is the same success.",
        wrong=f"Expected: the same success. Understood: {understood(outcome)}.",
        record=record,
    )


async def same_time(bench: Bench, reference: str) -> bool:
    """Charge one reference twice at the same moment; one of the two may be told to wait or to go away."""
    both = await asyncio.gather(*(bench.charge(bench.accounts.good, reference) for _ in range(2)))
    told = [understood(outcome) for outcome, _ in both]
    charged = sum(outcome.kind is ChargeKind.SUCCESS for outcome, _ in both)
    return bench.check(
        "same_time",
        "Charge one reference twice at the same moment",
        charged > 0,
        right="Both were charged, or are the same charge." if charged == 2 else "One was charged.",
        wrong=f"Expected: a success. Understood: {told[0]} and {told[1]}.",
        record=both[0][1],
    )


async def one_charge(bench: Bench, reference: str, name: str, title: str) -> tuple[bool, tuple[str, ...]]:
    """Return whether one charge stands after it was asked for twice, and the charges that stand."""
    outcome, record = await bench.ask(reference)
    counted = bench.check(
        name,
        title,
        outcome.kind is StatusKind.CHARGED and len(outcome.charge_ids) == 1,
        right="One charge: the same reference twice is one charge.",
        wrong=f"Expected: one charge. Understood: {understood(outcome)}.",
        record=record,
    )
    return counted, outcome.charge_ids


async def refused(bench: Bench, reference: str, *, counts: bool) -> tuple[bool, str | None]:
    """Return whether a refused reference stays refused; True where it cannot be tried for want of an account.

    With it the id of its charge if it was charged after all, empty where the answer does not say. `counts`: a
    status call will count afterwards; without one only a refusal, or a 4xx, shows that nothing was charged.
    """
    if bench.accounts.declined is None:
        why = "There is no test account that billing refuses."
        bench.note("refused", "A refused reference stays refused", Verdict.NOT_CHECKED, why)
        return True, None
    results = []
    for name, title in (
        ("refused", "Charge the test account that is refused"),
        ("refused_again", "Charge the refused reference again"),
    ):
        outcome, record = await bench.charge(bench.accounts.declined, reference)
        passed = bench.check(
            name,
            title,
            outcome.kind is ChargeKind.DECLINED,
            right="Refused.",
            wrong=f"Expected: a refusal. Understood: {understood(outcome)}.",
            record=record,
        )
        results.append(passed)
    outcome, record = await bench.charge(bench.accounts.good, reference)
    charged = outcome.kind is ChargeKind.SUCCESS
    held = bench.check(
        "refused_for_good",
        "Charge the refused reference to the account that could pay",
        not charged if counts else outcome.kind is ChargeKind.DECLINED or _sent_away(record),
        right="Not charged.",
        wrong="It was charged: a refused reference does not stay refused."
        if charged
        else f"Expected: a refusal, as there is no status call to see by. Understood: {understood(outcome)}.",
        record=record,
    )
    return all(results) and held, (outcome.transaction_id or "") if charged else None


def _sent_away(record: ExchangeRecord) -> bool:
    """Whether billing refused the request itself, such as a reference that it knows from another account."""
    return record.status is not None and 400 <= record.status < 500


async def nothing_under(bench: Bench, reference: str, name: str, title: str) -> tuple[bool, tuple[str, ...]]:
    """Return whether billing says that no charge stands under a reference, and what stands all the same."""
    outcome, record = await bench.ask(reference)
    nothing = bench.check(
        name,
        title,
        outcome.kind in {StatusKind.DECLINED, StatusKind.NOT_FOUND},
        right="No charge stands under it.",
        wrong=f"Expected: no charge. Understood: {understood(outcome)}.",
        record=record,
    )
    return nothing, outcome.charge_ids
