"""`storm`: fifty purchases a second, a slow billing that loses answers, and its ledger as the judge.

The offered load is the limit: the result is what part of it was served. At its end nobody was charged twice, nobody
was charged without access, nobody has access without a charge, and unclear answers were settled in time.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks import machine, store
from benchmarks.arrivals import Arrivals
from benchmarks.machine import Server
from benchmarks.measuring import rounded
from benchmarks.options import Options
from benchmarks.purchase import make_world, write_requests
from benchmarks.servers import ours, worker
from benchmarks.store import Store
from matinee.kernel.errors import MatineeError
from matinee.platform.db import Database
from matinee.purchases.queries.invariants import violations

NAME: Final = "storm"
RATE: Final = 50.0
SECONDS, FULL_SECONDS, QUICK_SECONDS = 60.0, 600.0, 10.0
SETTLED_WITHIN_SECONDS: Final = 60.0
"""What unclear answers are held to, 99 of 100."""

_PATIENCE_SECONDS = 180.0
_CUSTOMERS = 2_000
_OPEN = ("RESERVED", "CHARGING", "UNKNOWN", "REVIEW")


class Ledger(msgspec.Struct, frozen=True):
    """What billing has: the references that are charged, answers that it lost, the most calls for one reference."""

    charges: list[str]
    lost: int
    most_requests: int


def run(options: Options) -> dict[str, Any]:
    """Measure and return the result. Takes about two minutes, eleven with `full`."""
    seconds = FULL_SECONDS if options.full else QUICK_SECONDS if options.seconds <= 1 else SECONDS
    cores = machine.cores()
    billing_port = machine.free_port()
    command = [sys.executable, "-m", "benchmarks.storm_billing", str(billing_port), "1"]
    egress = f"127.0.0.1/32:{billing_port}"
    with (
        tempfile.TemporaryDirectory() as name,
        store.store(cores, autovacuum=True) as found,
        machine.server(command, port=billing_port, where=cores.rest),
    ):
        folder = Path(name)
        sale = asyncio.run(
            make_world(found, f"http://127.0.0.1:{billing_port}/rentals", customers=_CUSTOMERS)
        )
        with (
            ours(found, cores, folder, egress=egress) as server,
            worker(found, cores, folder, egress=egress),
        ):
            requests, _ = asyncio.run(write_requests(found, sale, folder, customers=_CUSTOMERS))
            options.tell(f"{NAME}: {RATE:.0f} purchases a second for {seconds:.0f} s")
            arrivals = _offer(requests, server, seconds=seconds, where=cores.rest)
            options.tell(f"{NAME}: waiting for what is open")
            open_at_the_end = asyncio.run(_wait_until_settled(found))
            memory = rounded(server.memory_mb())
        ledger = _ledger(billing_port)
        judged = asyncio.run(_judge(found, sale.operator.operator_id, ledger))
    served = sum(count for status, count in arrivals.statuses.items() if status in ("201", "202"))
    return {
        "name": NAME,
        "ratio": rounded(served / arrivals.seconds / RATE),
        "ours": rounded(served / arrivals.seconds),
        "limit": RATE,
        "unit": "purchases/s",
        "spread": {"lowest": None, "highest": None},
        "offered": arrivals.offered,
        "statuses": arrivals.statuses,
        "latency_ms": {"p50": rounded(arrivals.p50_ms), "p99": rounded(arrivals.p99_ms)},
        "generator_late_ms": rounded(arrivals.late_ms),
        "answers_lost": ledger.lost,
        "open_at_the_end": open_at_the_end,
        **judged,
        "memory_mb": memory,
    }


def _offer(requests: Path, server: Server, *, seconds: float, where: frozenset[int]) -> Arrivals:
    command = [
        sys.executable, "-m", "benchmarks.arrivals", str(requests), str(server.port), str(RATE), str(seconds),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=machine.ROOT, capture_output=True, text=True, preexec_fn=machine.stay_on(where),
        timeout=seconds + 120,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return msgspec.json.decode(done.stdout, type=Arrivals)


def _ledger(port: int) -> Ledger:
    connection = HTTPConnection(machine.HOST, port, timeout=30)
    try:
        connection.request("GET", "/ledger")
        return msgspec.json.decode(connection.getresponse().read(), type=Ledger)
    finally:
        connection.close()


async def _wait_until_settled(found: Store) -> int:
    """Wait until no purchase is open; return how many still are when patience ends."""
    ends = time.monotonic() + _PATIENCE_SECONDS
    while True:
        count = await _count_open(found)
        if count == 0 or time.monotonic() > ends:
            return count
        await asyncio.sleep(1)


async def _count_open(found: Store) -> int:
    database = await Database.connect(found.app_url, connections=1)
    try:
        async with database.directory() as tx:
            operators = await tx.fetch("SELECT operator_id FROM operators")
        open_count = 0
        for row in operators:
            async with database.transaction(row["operator_id"]) as tx:
                open_count += await tx.fetchval(
                    "SELECT count(*) FROM purchases WHERE state = ANY ($1)", [*_OPEN]
                )
        return open_count
    except MatineeError:
        return -1
    finally:
        await database.close()


_GRANTED = """
    SELECT p.reference FROM purchases p
    JOIN entitlements e USING (operator_id, customer_id, purchase_id)
    WHERE p.state = 'GRANTED' AND e.revoked_at IS NULL
"""
_UNCLEAR = """
    SELECT extract(epoch FROM min(after.at) - unknown.at)::float AS seconds
    FROM purchase_events unknown
    LEFT JOIN purchase_events after
      ON after.operator_id = unknown.operator_id AND after.customer_id = unknown.customer_id
     AND after.purchase_id = unknown.purchase_id AND after.from_state = 'UNKNOWN'
    WHERE unknown.to_state = 'UNKNOWN'
    GROUP BY unknown.purchase_id, unknown.at ORDER BY 1
"""


async def _judge(found: Store, operator_id: Any, ledger: Ledger) -> dict[str, Any]:
    """Compare billing's ledger with who has access, and see how long unclear answers stayed unclear."""
    database = await Database.connect(found.app_url, connections=1)
    try:
        async with database.transaction(operator_id) as tx:
            granted = [row["reference"] for row in await tx.fetch(_GRANTED)]
            unclear = [row["seconds"] for row in await tx.fetch(_UNCLEAR)]
            broken = await violations(tx, operator_id=operator_id, now=await tx.now())
    finally:
        await database.close()
    settled = [seconds for seconds in unclear if seconds is not None]
    return {
        "wrong": {
            "charged_twice": len(ledger.charges) - len(set(ledger.charges)),
            "charged_without_access": len(set(ledger.charges) - set(granted)),
            "access_without_charge": len(set(granted) - set(ledger.charges)),
            "invariants_broken": len(broken),
        },
        "unclear": {
            "count": len(unclear),
            "settled": len(settled),
            "p99_seconds": rounded(settled[int(len(settled) * 0.99)]) if settled else 0.0,
            "goal_seconds": SETTLED_WITHIN_SECONDS,
        },
        "most_charge_calls_for_one_reference": ledger.most_requests,
    }
