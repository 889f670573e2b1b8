"""`matinee demo`: starts everything, keeps its data, says what is in its way, and leaves no process."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from matinee.main.demo import reset
from matinee.media.demo.film import make_demo_film

_RUNNING = "Matinee is running."


class Demo:
    """A demo in a process of its own, and what it printed."""

    def __init__(self, folder: Path, port: int, billing_port: int) -> None:
        ports = {"PORT": str(port), "BILLING_PORT": str(billing_port), "PYTHONUNBUFFERED": "1"}
        self.folder = folder
        self.printed = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "matinee.main", "demo", "--data", str(folder)],
            env=os.environ | ports,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_running(self) -> None:
        assert self._process.stdout is not None
        while _RUNNING not in self.printed:
            line = self._process.stdout.readline()
            assert line, f"the demo ended:\n{self.printed}"
            self.printed += line

    def end(self, number: signal.Signals) -> int:
        """Send a signal, and return the exit status."""
        self._process.send_signal(number)
        return self.status()

    def status(self) -> int:
        assert self._process.stdout is not None
        if not self._process.stdout.closed:
            self.printed += self._process.stdout.read()
            self._process.stdout.close()
        return self._process.wait(timeout=60)

    def close_its_terminal(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def folder(scratch: Path) -> Iterator[Path]:
    place = scratch / "demo"
    place.mkdir(mode=0o711)
    make_demo_film(
        place / "test-film.mp4", title="Short", seconds=4
    )  # a film that is there is not made again
    yield place
    reset(data=place)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        for probe in (one, two):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _processes_of(folder: Path) -> set[str]:
    """Return the command lines of all processes that were started for this demo."""
    found = set()
    needle = str(folder).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes()
                if needle in told or needle in (entry / "environ").read_bytes():
                    found.add(told.replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


def _until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 40
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def _status(port: int, path: str, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_demo_from_first_start_to_second(folder: Path, ports: tuple[int, int]) -> None:
    port, billing_port = ports
    demo = Demo(folder, port, billing_port)
    demo.wait_until_running()
    assert _status(port, "/readyz", "127.0.0.1") == 200
    assert _status(port, "/console", "aurora.localhost") in (200, 302, 303, 307)
    assert _status(billing_port, "/healthz", "127.0.0.1") == 200

    second = Demo(folder, port, billing_port)
    assert second.status() == 1
    assert second.printed.startswith(f"Error: Port {port} is in use")
    elsewhere = Demo(folder, *_two_more(ports))
    assert elsewhere.status() == 1
    assert "is in use by process" in elsewhere.printed

    assert demo.end(signal.SIGINT) == 0
    assert "staff@aurora.example" in demo.printed
    assert _processes_of(folder) == set()

    again = Demo(folder, port, billing_port)
    again.wait_until_running()
    assert "staff, products" not in again.printed  # nothing is made a second time
    again.end(signal.SIGKILL)
    assert _until(lambda: _processes_of(folder) == set()), _processes_of(folder)

    third = Demo(folder, port, billing_port)
    third.wait_until_running()
    third.close_its_terminal()
    third.end(signal.SIGHUP)
    assert _processes_of(folder) == set()


def test_a_first_start_that_is_cut_short_begins_anew(folder: Path, ports: tuple[int, int]) -> None:
    demo = Demo(folder, *ports)
    assert _until(lambda: (folder / "environment").exists())
    assert demo.end(signal.SIGTERM) == 0
    assert _processes_of(folder) == set()
    assert not (folder / "seeded").exists()

    again = Demo(folder, *ports)
    again.wait_until_running()
    assert again.end(signal.SIGINT) == 0
    assert again.printed.count("films and Cloud Sync") == 2


def _two_more(ports: tuple[int, int]) -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        for probe in (one, two):
            probe.bind(("127.0.0.1", 0))
        found = one.getsockname()[1], two.getsockname()[1]
    assert set(found).isdisjoint(ports)
    return found
