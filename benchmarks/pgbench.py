"""The database alone: pgbench with the same statements, from the application's core."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.machine import pgbench_program, stay_on

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)


class NoPgbench(Exception):
    """There is no pgbench on this machine; the comparison is left out by name."""


def transactions_per_second(
    script: Path, *, url: str, clients: int, seconds: float, where: frozenset[int]
) -> float:
    """Run `script` with prepared statements and return its rate. Raises NoPgbench and RuntimeError."""
    program = pgbench_program()
    if program is None:
        raise NoPgbench
    parts = urlsplit(url)
    place = parse_qs(parts.query)
    command = [
        str(program), "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1",
        f"--time={max(1, round(seconds))}", f"--file={script}",
        f"--host={place['host'][0]}", f"--port={place['port'][0]}", f"--username={parts.username}",
        parts.path.lstrip("/"),
    ]  # fmt: skip
    done = subprocess.run(
        command,
        env={**os.environ, "PGPASSWORD": parts.password or ""},
        capture_output=True,
        text=True,
        preexec_fn=stay_on(where),
        timeout=seconds + 60,
    )
    return rate(done.stdout, done.stderr)


def rate(printed: str, complained: str = "") -> float:
    """Return the rate that pgbench printed. Raises RuntimeError if a transaction failed or none was counted."""
    found = _TPS.search(printed)
    failed = _FAILED.search(printed)
    if found is None or (failed is not None and failed.group(1) != "0"):
        raise RuntimeError(f"pgbench failed: {complained[-1000:] or printed[-1000:]}")
    return float(found.group(1))
