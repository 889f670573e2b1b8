"""`python -m tests.simulation [COUNT | FIRST-LAST]`: seeded lives on a PostgreSQL of its own, and what went wrong.

Lives that went wrong are printed and added to `kept_lives.txt`; the exit status is 1 then. Every core plays.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

import msgspec
from tests.simulation.seeded import EVERY, KEPT, Life, Outcome, kept_lives, life, play_life
from tests.simulation.truth import WRONG

from matinee.platform.db import Database, migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresInfo
from matinee.purchases.jobs import charge

COUNTS = (*WRONG, "limit", "booked", "open", "turned_up")
LIVES_A_BATCH = 40


class Tally(msgspec.Struct):
    """What became of the lives of one set of capabilities."""

    lives: int = 0
    purchases: int = 0
    counts: Counter[str] = msgspec.field(default_factory=Counter)


def _play_batch(urls: EmbeddedPostgresInfo, lives: list[Life]) -> list[tuple[Life, Outcome]]:
    """Play some lives, in a process of their own."""

    async def whole() -> list[tuple[Life, Outcome]]:
        pool = await Database.connect(urls.app_url, connections=20)
        owner = await Database.connect(urls.owner_url, connections=1)
        try:
            return [(one, await play_life(pool, owner, one)) for one in lives]
        finally:
            await pool.close()
            await owner.close()

    charge.SAVE_AGAIN_AFTER_SECONDS = (0.0, 0.0)  # in simulated time nobody waits for a database to come back
    return asyncio.run(whole())


def run(server: EmbeddedPostgres, numbers: range, jobs: int) -> int:
    """Play; return how many lives went wrong. Each process has a database, as due lists are shared within one."""
    databases = [server.create_database(f"simulation_{number}") for number in range(jobs)]
    for urls in databases:
        migrate(urls.owner_url)
    batches = [
        [life(number) for number in numbers[start : start + LIVES_A_BATCH]]
        for start in range(0, len(numbers), LIVES_A_BATCH)
    ]
    tallies, wrong, started = {name: Tally() for name in EVERY}, list[Life](), time.monotonic()
    pools = [ProcessPoolExecutor(1) for _ in databases]
    try:
        tasks: list[Future[list[tuple[Life, Outcome]]]] = [
            pools[number % jobs].submit(_play_batch, databases[number % jobs], batch)
            for number, batch in enumerate(batches)
        ]
        for task in as_completed(tasks):
            wrong += _note(task.result(), tallies)
            done, spent = sum(tally.lives for tally in tallies.values()), time.monotonic() - started
            print(
                f"{done} of {len(numbers)} lives, {done / spent:.1f} a second, {len(wrong)} wrong", flush=True
            )
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)
    _print(tallies)
    _keep(wrong)
    return len(wrong)


def _note(played: list[tuple[Life, Outcome]], tallies: dict[str, Tally]) -> list[Life]:
    found = []
    for one, outcome in played:
        tally = tallies[one.name]
        tally.lives += 1
        tally.purchases += outcome.purchases
        tally.counts.update(outcome.counts)
        if outcome.wrong:
            print(f"  WRONG {one.line}: {outcome.wrong}", flush=True)
            found.append(one)
    return found


def _print(tallies: dict[str, Tally]) -> None:
    print("set                 lives purchases | " + " ".join(COUNTS))
    for name, tally in tallies.items():
        counts = " ".join(f"{tally.counts[count]:{len(count)}d}" for count in COUNTS)
        print(f"{name:18s} {tally.lives:6d} {tally.purchases:9d} | {counts}")


def _keep(wrong: list[Life]) -> None:
    """Add what went wrong to the lives that the tests play."""
    new = sorted(set(wrong) - set(kept_lives()))
    with KEPT.open("a") as file:
        file.writelines(f"{one.line}\n" for one in new)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("lives", nargs="?", default="200", metavar="COUNT | FIRST-LAST")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    first, _, last = given.lives.rpartition("-")
    with tempfile.TemporaryDirectory(prefix="matinee-sim-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "pg", durable=False, settings={"max_connections": "100"})
        server.start()
        try:
            return min(1, run(server, range(int(first or 0), int(last)), given.jobs))
        finally:
            server.remove()


if __name__ == "__main__":
    sys.exit(main())
