"""The order of the probe's steps, and what they prove together."""

import asyncio
from collections.abc import Callable

from matinee.kernel.ids import new_id
from matinee.provisions.ports import BillingGateway
from matinee.provisions.probe import counting
from matinee.provisions.probe.bench import Bench, OnStep, Pause, ProbeAccounts
from matinee.provisions.probe.cancelling import Closed, close_references, count_closed, settle_uncounted
from matinee.provisions.probe.identifying import told_apart
from matinee.provisions.probe.refunding import refund_counted, refund_uncounted
from matinee.provisions.rules import provable_capabilities
from matinee.provisions.types import BillingTarget, Capability, ProbeReport, Verdict


async def run_probe(
    gateway: BillingGateway,
    target: BillingTarget,
    accounts: ProbeAccounts,
    *,
    pause: Pause = asyncio.sleep,
    new_reference: Callable[[], str] = lambda: f"probe-{new_id()}",
    on_step: OnStep | None = None,
) -> ProbeReport:
    """Call billing about twenty times and say what it proved. Takes seconds to minutes; hold no transaction.

    `on_step` is told of every step when it has ended. When not even the first call can leave this machine, the
    probe ends there, with `reached` false.
    """
    bench = Bench(gateway, target, accounts, pause=pause, new_reference=new_reference, on_step=on_step)
    provable = provable_capabilities(target.config)
    if not provable:
        why = (
            "Nothing: that needs the reference in the key table, and a status call that counts its charges, a cancel "
            "call, or the transaction id read from the answer to a charge. No test charge was made."
        )
        bench.note("provable", "What can be proved", Verdict.FAILED, why)
        return bench.report(frozenset())
    proved = await (_with_status(bench) if target.config.status is not None else _without_status(bench))
    if not bench.unreached:
        _slowest(bench)
    return bench.report(frozenset(proved) & provable)


async def _with_status(bench: Bench) -> set[Capability]:
    first, proved = bench.new_reference(), set[Capability]()
    unknown_right = await counting.unknown_reference(bench)
    if bench.unreached:
        return proved
    charged, _ = await counting.first_charge(bench, first)
    known_right, standing = await counting.known_reference(bench, first)
    counts = unknown_right and charged and known_right
    closed = None
    if counts:
        proved.add(Capability.STATUS)
        idempotent, standing, closed = await _twice(bench, first)
        if idempotent:
            proved.add(Capability.IDEMPOTENT)
    else:
        why = "Without a charge and a status that can be relied on, nothing else can be counted."
        bench.note("same_reference", "Charge the same reference again", Verdict.NOT_CHECKED, why)
        if bench.config.cancel is not None and charged:
            closed = await close_references(bench, counts=False)
    if closed is not None and await _is_closed(bench, closed, counts=counts):
        proved.add(Capability.CANCEL)
    if await refund_counted(bench, first, standing) and counts:
        proved.add(Capability.REFUND)
    return proved


async def _twice(bench: Bench, first: str) -> tuple[bool, tuple[str, ...], Closed | None]:
    """Charge what was charged, and what was refused, again; return what was seen and what stands."""
    parallel, refused = bench.new_reference(), bench.new_reference()
    repeated = await counting.same_reference(bench, first)
    together = await counting.same_time(bench, parallel)
    refused_again, _ = await counting.refused(bench, refused, counts=True)
    closed = await close_references(bench, counts=True) if bench.config.cancel is not None else None
    await bench.wait()  # once for all: a second charge may take its time to show
    counted, standing = await counting.one_charge(bench, first, "one_charge", "Count the charges after that")
    title = "Count the charges that were sent at the same moment"
    one, extra = await counting.one_charge(bench, parallel, "same_time_count", title)
    for charge_id in extra:
        await bench.give_back(parallel, charge_id)
    held = True
    if bench.accounts.declined is not None:
        title = "Status of the refused reference"
        held, extra = await counting.nothing_under(bench, refused, "refused_status", title)
        for charge_id in extra:
            await bench.give_back(refused, charge_id)
    return repeated and together and refused_again and counted and one and held, standing, closed


async def _without_status(bench: Bench) -> set[Capability]:
    """Prove what needs no counting: by billing's ids that a repeat is no charge, and that the closed is refused."""
    first, proved = bench.new_reference(), set[Capability]()
    charged, charge_id = await counting.first_charge(bench, first)
    if bench.unreached:
        return proved
    why = "The provision has no status call, so charges cannot be counted: B cannot be proved."
    bench.note("status", "Count charges", Verdict.NOT_CHECKED, why)
    if charged:
        idempotent, extra = await told_apart(bench, first, charge_id)
        if idempotent:
            proved.add(Capability.IDEMPOTENT)
        closed = await close_references(bench, counts=False) if bench.config.cancel is not None else None
        if closed is not None and await _is_closed(bench, closed, counts=False):
            proved.add(Capability.CANCEL)
        for reference, extra_id in extra:
            await bench.give_back(reference, extra_id)
        await refund_uncounted(bench, first, charge_id)
    else:
        why = "While the test account cannot be charged, neither a repeat nor a refusal proves anything."
        bench.note("same_reference", "Charge the same reference again", Verdict.NOT_CHECKED, why)
    return proved


async def _is_closed(bench: Bench, closed: Closed, *, counts: bool) -> bool:
    if counts:
        return await count_closed(bench, closed) and closed.right
    await settle_uncounted(bench, closed)
    return closed.right


def _slowest(bench: Bench) -> None:
    """Compare the longest answer with the time limit: half of it is left for a busy evening."""
    if bench.slowest is None:
        return
    limit_seconds, seconds = bench.config.timeout_seconds, bench.slowest.elapsed_ms / 1000
    fast = seconds * 2 <= limit_seconds
    told = f"The slowest answer took {seconds:.1f} s ({bench.slowest.call}); the limit is {limit_seconds} s."
    if not fast:
        told += " An answer that comes too late leaves the outcome unclear: raise the limit, or make billing faster."
    bench.note("slowest", "Time to answer", Verdict.PASSED if fast else Verdict.FAILED, told)
