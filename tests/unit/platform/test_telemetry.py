"""Logs: one line for one event, and never a secret that merely stood in a variable."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from matinee.kernel.ids import new_id
from matinee.platform.telemetry import configure_logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines_carry_what_was_bound(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=True)
    run_id = new_id()
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("sync_done", run_id=run_id, films=3)
        structlog.get_logger().debug("not shown")
    [line] = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "sync_done",
        "level": "info",
        "request_id": "r1",
        "run_id": str(run_id),
        "films": 3,
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_variables(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    configure_logging(json=as_json)

    def sign_in(password: str) -> None:
        raise RuntimeError("cannot sign in")

    try:
        sign_in("".join(["canary", "-", "secret"]))
    except RuntimeError as error:
        structlog.get_logger().error("failed", exc_info=error)
    written = capsys.readouterr().err
    assert "cannot sign in" in written
    assert "in sign_in" in written or '"name":"sign_in"' in written
    assert "canary-secret" not in written


def test_libraries_write_json_lines_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=True)
    configure_logging(json=True)
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logging.getLogger("aiohttp.client").warning("Unclosed %s", "session")
        logging.getLogger("aiohttp.client").info("not shown")
    [line] = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "Unclosed session",
        "level": "warning",
        "logger": "aiohttp.client",
        "request_id": "r1",
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_a_librarys_traceback_shows_no_variables(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    configure_logging(json=as_json)

    def connect(password: str) -> None:
        raise RuntimeError("cannot connect")

    try:
        connect("".join(["canary", "-", "secret"]))
    except RuntimeError as error:
        logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=error)
    written = capsys.readouterr().err
    assert "cannot connect" in written
    assert "canary-secret" not in written
    if as_json:
        [line] = written.splitlines()
        assert json.loads(line)["level"] == "error"


FORGED = [
    "\n2026-01-01 [info     ] paid",
    "\r\n{}",
    "\x1b[2J\x1b[31m",
    "\u2028paid",
    "\x85paid",
    "\u202edaip",
]


@pytest.mark.parametrize("forged", FORGED)
def test_whatever_is_logged_stays_in_its_line(capsys: pytest.CaptureFixture[str], forged: str) -> None:
    configure_logging(json=False)
    structlog.get_logger().info("sign_in", username=f"ann{forged}")
    logging.getLogger("a.library").warning("said %s", f"ann{forged}")
    written = capsys.readouterr().err
    assert len(written.rstrip("\n").splitlines()) == 2
    assert set(written) - {"\n"} <= set(map(chr, range(0x20, 0x7F)))


@pytest.mark.parametrize("forged", FORGED)
def test_in_json_it_stays_within_its_quotes(capsys: pytest.CaptureFixture[str], forged: str) -> None:
    configure_logging(json=True)
    structlog.get_logger().info("sign_in", username=f"ann{forged}")
    logging.getLogger("a.library").warning("said %s", f"ann{forged}")
    ours, theirs = capsys.readouterr().err.rstrip("\n").split("\n")
    assert json.loads(ours)["username"] == f"ann{forged}"
    assert json.loads(theirs)["event"] == f"said ann{forged}"
    assert "\x1b" not in ours + theirs


def test_a_message_of_an_exception_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=False)
    try:
        raise RuntimeError("said \x1b[2J\rpaid")
    except RuntimeError as error:
        structlog.get_logger().error("failed", exc_info=error)
    written = capsys.readouterr().err
    assert "\x1b" not in written
    assert "\r" not in written
    assert "RuntimeError: said" in written
