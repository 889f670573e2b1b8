"""Starting a process that buys or works, and killing or freezing it where it stands."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from tests.faults.child import Orders
from tests.faults.counter import Counter

from matinee.offers.quotes import SignedQuote

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def child(counter: Counter, signed: SignedQuote | None, point: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a process that will stand still at `point`; it is killed when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.child"], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    orders = Orders(
        app_url=counter.urls.app_url, billing_port=counter.billing.port, operator_id=counter.operator_id,
        customer_id=counter.person.customer_id, device_id=counter.person.device_ids[0],
        token=signed.token if signed else None, moment=counter.clock.moment, point=point,
    )  # fmt: skip
    with process:
        try:
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(orders).decode() + "\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


async def reached(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return (await asyncio.to_thread(process.stdout.readline)).strip()


async def freeze(process: "subprocess.Popen[str]", point: str) -> None:
    """Wait until the process has come to `point`, and stop it there as a swapping machine would."""
    assert await reached(process) == point
    process.send_signal(signal.SIGSTOP)


async def thaw(process: "subprocess.Popen[str]", moment: datetime) -> None:
    """Let a frozen process go on at `moment`, and wait until it has done what it was told."""
    assert process.stdin is not None
    process.stdin.write(f"{moment.isoformat()}\n")
    process.stdin.flush()
    process.send_signal(signal.SIGCONT)
    assert await reached(process) == "done"
