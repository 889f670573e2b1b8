"""The two servers that are compared: Matinee as it is shipped, and a bare application under the same Granian."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from benchmarks import machine
from benchmarks.machine import Cores, Server
from benchmarks.store import SECRET_KEY, Store


def _environment(found: Store, storage: Path, egress: str) -> dict[str, str]:
    return {
        "MATINEE_DATABASE_URL": found.app_url,
        "MATINEE_STORAGE_URL": f"file://{storage}",
        "MATINEE_SECRET_KEY": base64.b64encode(SECRET_KEY).decode(),
        "MATINEE_EGRESS_ALLOW": egress,
    }


@contextmanager
def ours(found: Store, cores: Cores, storage: Path, *, egress: str = "") -> Iterator[Server]:
    """Serve Matinee as `matinee serve` does, with one worker."""
    port = machine.free_port()
    environment = _environment(found, storage, egress)
    command = [sys.executable, "-m", "matinee.main", "serve", "--port", str(port)]
    with machine.server(command, port=port, where=cores.application, environment=environment) as server:
        yield server


@contextmanager
def worker(found: Store, cores: Cores, storage: Path, *, egress: str = "") -> Iterator[None]:
    """Run `matinee worker` beside the server, on its core."""
    process = subprocess.Popen(
        [sys.executable, "-m", "matinee.main", "worker"],
        cwd=machine.ROOT,
        env=os.environ | _environment(found, storage, egress),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=machine.stay_on(cores.application),
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def bare(target: str, found: Store, cores: Cores, world_operator: UUID, **more: str) -> Iterator[Server]:
    """Serve a bare application under the same server."""
    port = machine.free_port()
    environment = {"BENCH_DATABASE_URL": found.bare_url, "BENCH_OPERATOR": str(world_operator)} | more
    command = machine.granian(target, port)
    with machine.server(command, port=port, where=cores.application, environment=environment) as server:
        yield server
