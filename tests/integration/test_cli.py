"""The command line as a process of its own: one line for every fault, clean starts and clean ends."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.factories.sale import make_operator
from tests.factories.world import STAFF

from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresInfo
from matinee.publishing.operations.runs import request_sync
from matinee.publishing.queries.runs import get_run
from matinee.publishing.types import RunState, Section

MATINEE = [sys.executable, "-m", "matinee.main"]
PASSWORD = "correct horse battery"


@pytest.fixture
def environment(database_urls: EmbeddedPostgresInfo, tmp_path: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")} | {
        "MATINEE_DATABASE_URL": database_urls.app_url,
        "MATINEE_OWNER_DATABASE_URL": database_urls.owner_url,
        "MATINEE_STORAGE_URL": (tmp_path / "storage").as_uri(),
        "MATINEE_SECRET_KEY": base64.b64encode(bytes(32)).decode(),
    }


def matinee(
    environment: dict[str, str], *arguments: str, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MATINEE, *arguments], env=environment, input=given, capture_output=True, text=True, timeout=60
    )


@contextmanager
def started(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*MATINEE, *arguments], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def fetch(url: str) -> tuple[int, bytes]:
    """Wait until a server answers, then return status and body."""
    end = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(text) for text in found.stdout.split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    end = time.monotonic() + 15
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < end, f"still there: {pids}"
        time.sleep(0.05)


def test_help_lists_the_commands() -> None:
    shown = matinee(dict(os.environ), "--help")
    assert shown.returncode == 0
    for command in ("demo", "migrate", "operator", "serve", "staff", "worker"):
        assert f"  {command} " in shown.stdout


def test_an_installation_from_nothing_to_a_first_sign_in(
    postgres: EmbeddedPostgres, environment: dict[str, str]
) -> None:
    empty = postgres.create_database("test_cli_empty")
    environment |= {
        "MATINEE_DATABASE_URL": empty.app_url,
        "MATINEE_OWNER_DATABASE_URL": empty.owner_url,
    }
    try:
        for _ in range(2):  # the second time there is nothing to do
            migrated = matinee(environment, "migrate")
            assert (migrated.returncode, migrated.stdout) == (0, "The database has the newest schema.\n")
        added = matinee(
            environment, "operator", "create", "--slug", "aurora", "--name", "Aurora", "--host", "tv.example",
            "--time-zone", "Europe/Amsterdam", "--currency", "EUR", "--country", "NL", "--tax-rate", "2100",
        )  # fmt: skip
        assert (added.returncode, added.stdout) == (0, "Added the operator Aurora.\n")
        assert matinee(environment, "operator", "list").stdout == "aurora\ttv.example\tAurora\n"
        account = ("staff", "create", "--operator", "aurora", "--email", "ada@tv.example", "--name", "Ada")
        made = matinee(environment, *account, given=f"{PASSWORD}\n")
        assert made.returncode == 0, made.stderr
        assert "/console on tv.example" in made.stdout
        again = matinee(environment, *account, given=f"{PASSWORD}\n")
        assert again.returncode == 1
        assert again.stderr == "Error: email: There is an account with this e-mail address already.\n"
        named = ("--operator", "aurora", "--email", "ada@tv.example")
        last = matinee(environment, "staff", "disable", *named)
        assert (last.returncode, last.stderr) == (
            1, "Error: This is the last administrator. Give somebody else the role admin first.\n",
        )  # fmt: skip
        short = matinee(environment, "staff", "reset-password", *named, given="short\n")
        assert (short.returncode, short.stderr.partition(":")[0]) == (1, "Error")
        reset = matinee(environment, "staff", "reset-password", *named, given="a quite new password\n")
        assert (reset.returncode, reset.stdout) == (
            0, "New password set for ada@tv.example. Every session of it has ended.\n",
        )  # fmt: skip
        nobody = matinee(environment, "staff", "disable", "--operator", "aurora", "--email", "no@tv.example")
        assert (nobody.returncode, nobody.stderr) == (
            1, "Error: There is no staff account 'no@tv.example' at this operator.\n",
        )  # fmt: skip
    finally:
        postgres.drop_database("test_cli_empty")


@pytest.mark.parametrize(
    ("change", "command", "message"),
    [
        (
            {"MATINEE_SECRET_KEY": "short"},
            ["serve"],
            "MATINEE_SECRET_KEY must be 32 random bytes in base64 (`openssl rand -base64 32`).",
        ),
        (
            {"MATINEE_STORAGE_URL": ""},
            ["worker"],
            "MATINEE_STORAGE_URL is not set. docs/operations.md lists the settings.",
        ),
        (
            {"MATINEE_STORAGE_URL": "ftp://x"},
            ["serve"],
            "The storage address must start with one of file, memory, s3, gs, az; it is 'ftp://x'.",
        ),
        (
            {"MATINEE_EGRESS_ALLOW": "everything"},
            ["serve"],
            "MATINEE_EGRESS_ALLOW: 'everything' must be written NETWORK:PORT or HOST:PORT.",
        ),
        (
            {"MATINEE_DATABASE_URL": "postgresql://matinee_app@127.0.0.1:1/x"},
            ["worker"],
            "The database cannot be reached.",
        ),
        (
            {"MATINEE_DATABASE_URL": "postgresql://matinee_app@127.0.0.1:1/x"},
            ["operator", "list"],
            "The database cannot be reached.",
        ),
        (
            {"MATINEE_OWNER_DATABASE_URL": ""},
            ["migrate"],
            "MATINEE_OWNER_DATABASE_URL is not set. docs/operations.md lists the settings.",
        ),
    ],
)
def test_a_fault_is_one_line(
    environment: dict[str, str], change: dict[str, str], command: list[str], message: str
) -> None:
    ended = matinee(environment | change, *command)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"Error: {message}\n")


def test_a_migration_that_cannot_reach_the_database_says_so(environment: dict[str, str]) -> None:
    environment["MATINEE_OWNER_DATABASE_URL"] = "postgresql://matinee_owner@127.0.0.1:1/x"
    ended = matinee(environment, "migrate")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: The database could not be migrated: ")
    assert len(ended.stderr.splitlines()) == 1


def test_a_port_in_use_is_one_line(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = matinee(environment, "serve", "--port", str(port))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"Error: Port {port} on 127.0.0.1 is in use. Stop what uses it, or choose another with --port.\n"
    )


@pytest.mark.parametrize(("workers", "number"), [("1", signal.SIGINT), ("2", signal.SIGTERM)])
def test_a_server_starts_answers_and_leaves_nothing_behind(
    environment: dict[str, str], free_port: int, workers: str, number: signal.Signals
) -> None:
    with started(environment, "serve", "--port", str(free_port), "--workers", workers) as server:
        status, body = fetch(f"http://127.0.0.1:{free_port}/readyz")
        assert (status, json.loads(body)["ready"]) == (200, True)
        for _ in range(6):
            fetch(f"http://127.0.0.1:{free_port}/healthz")
        text = fetch(f"http://127.0.0.1:{free_port}/metrics")[1].decode()
        counted = 'matinee_http_requests_total{method="GET",route="/healthz",status="200"} 6.0'
        assert counted in text, "the workers' counts must meet"
        assert text.count("\nmatinee_database_up") == 1
        second = matinee(environment, "serve", "--port", str(free_port))
        assert "is in use" in second.stderr
        processes = [server.pid, *children(server.pid)]
        time.sleep(0.5)  # until the second worker listens to signals too
        server.send_signal(number)
        assert server.wait(20) == 0
        wait_until_gone(processes)


def test_a_server_that_is_killed_takes_its_workers_along(environment: dict[str, str], free_port: int) -> None:
    with started(environment, "serve", "--port", str(free_port)) as server:
        fetch(f"http://127.0.0.1:{free_port}/healthz")
        workers = children(server.pid)
        assert workers
        server.kill()
        wait_until_gone(workers)


async def test_a_worker_does_what_was_asked_for_and_stops_when_told(
    environment: dict[str, str], database_urls: EmbeddedPostgresInfo
) -> None:
    operator = await make_operator(database_urls.owner_url, "aurora")
    database = await Database.connect(database_urls.app_url, connections=1)
    try:
        async with database.transaction(operator.operator_id) as tx:
            run = await request_sync(
                tx,
                operator_id=operator.operator_id,
                section=Section.PRODUCTS,
                actor=STAFF,
                now=await tx.now(),
            )
        with started(environment, "worker") as worker:
            end = time.monotonic() + 30
            while run.state is not RunState.DONE:
                assert time.monotonic() < end, run
                time.sleep(0.1)
                async with database.transaction(operator.operator_id) as tx:
                    run = await get_run(tx, operator_id=operator.operator_id, run_id=run.run_id)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(20) == 0
    finally:
        await database.close()
