"""What an owner that was killed leaves behind: a running server, its orphans, a stale postmaster.pid."""

import os
import signal
import time
from pathlib import Path

_PATIENCE_SECONDS = 10.0


def clear_leftovers(cluster: Path) -> None:
    """Stop every process that still works on `cluster` and remove a postmaster.pid that names none.

    To be called while holding the data folder's lock, so nobody else can be starting it.
    """
    for signal_number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        running = processes_in(cluster)
        if not running:
            break
        postmaster = postmaster_pid(cluster)
        # A live postmaster ends its own children; without one they end by themselves, or are told to.
        targets = [postmaster] if postmaster in running else sorted(running)
        for pid in targets:
            _signal(pid, signal_number)
        _wait_for_none(cluster, _PATIENCE_SECONDS)
    # A pid in this file may since belong to an unrelated program, and PostgreSQL would refuse to start.
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def postmaster_pid(cluster: Path) -> int | None:
    """Return the process id that postmaster.pid names, dead or alive."""
    lines = _pid_file(cluster)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def is_ready(cluster: Path, pid: int) -> bool:
    """Say whether the server with process id `pid` has opened for connections."""
    lines = _pid_file(cluster)
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def processes_in(cluster: Path) -> set[int]:
    """Return the server processes of this cluster, whose data is every one's working directory."""
    found = set()
    here = str(cluster.resolve())
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.readlink(f"/proc/{entry}/cwd") == here and _is_postgres(entry):
                    found.add(int(entry))
            except OSError:  # it ended meanwhile, or is not ours to look at
                continue
    return found


def _is_postgres(entry: str) -> bool:
    """A shell that someone left standing in the folder is no server."""
    return os.path.basename(os.readlink(f"/proc/{entry}/exe").removesuffix(" (deleted)")) == "postgres"


def _pid_file(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _signal(pid: int, signal_number: signal.Signals) -> None:
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return


def _wait_for_none(cluster: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while processes_in(cluster) and time.monotonic() < deadline:
        time.sleep(0.02)
