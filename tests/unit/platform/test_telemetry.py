"""Logs: one line for one event, and never a secret that merely stood in a variable."""

import json
from collections.abc import Iterator

import pytest
import structlog

from matinee.kernel.ids import new_id
from matinee.platform.telemetry import configure_logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
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
