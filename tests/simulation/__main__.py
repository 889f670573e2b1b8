"""`python -m tests.simulation [SEEDS] [SET ...]`: seeded lives on a PostgreSQL of its own, and what went wrong."""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from structlog.testing import capture_logs
from tests.simulation.seeded import SETS, Outcome, play

from matinee.platform.db import Database, migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres
from matinee.purchases.jobs import charge

COUNTS = ("double", "no_access", "no_charge", "limit", "booked", "open", "turned_up")


async def run(app_url: str, owner_url: str, seeds: range, names: list[str]) -> int:
    """Play; return how many lives went wrong."""
    charge.SAVE_AGAIN_AFTER_SECONDS = (0.0, 0.0)
    pool, owner = (
        await Database.connect(app_url, connections=20),
        await Database.connect(owner_url, connections=1),
    )
    bad = 0
    print("set            seeds purchases seconds | " + " ".join(COUNTS))
    for name in names:
        total, purchases, started = Counter[str](), 0, time.monotonic()
        for seed in seeds:
            with capture_logs() as logs:
                try:
                    outcome = await play(pool, owner, capabilities=SETS[name], seed=seed)
                except RuntimeError as error:
                    outcome = Outcome([repr(error)], {}, 0)
            crashes = [str(entry) for entry in logs if entry["event"] == "due_work_crashed"]
            total.update(outcome.counts)
            purchases += outcome.purchases
            wrong = {c: outcome.counts[c] for c in COUNTS[:3] if outcome.counts.get(c)}
            if wrong or outcome.broken or crashes:
                bad += 1
                print(f"  {name} seed {seed}: {wrong} {outcome.broken} {crashes[:1]}", flush=True)
        spent = time.monotonic() - started
        print(f"{name:14s} {len(seeds):5d} {purchases:9d} {spent:7.0f} | " + " ".join(
            f"{total[count]:{len(count)}d}" for count in COUNTS), flush=True)  # fmt: skip
    await pool.close()
    await owner.close()
    return bad


def main(arguments: list[str]) -> int:
    first, _, last = (arguments[0] if arguments else "20").rpartition("-")
    names = arguments[1:] or [*SETS]
    with tempfile.TemporaryDirectory(prefix="matinee-sim-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "pg", durable=False, settings={"max_connections": "60"})
        server.start()
        try:
            info = server.create_database("simulation")
            migrate(info.owner_url)
            seeds = range(int(first or 0), int(last))
            return min(1, asyncio.run(run(info.app_url, info.owner_url, seeds, names)))
        finally:
            server.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
