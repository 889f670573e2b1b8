"""The demo's other processes: started with a log each, watched, and stopped so that none is left."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from matinee.kernel.errors import Unavailable
from matinee.platform.embedded_postgres.lifeline import die_with_parent

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_LOG_LIMIT_BYTES: Final = 5_000_000


class Child:
    """One process of the demo. The kernel ends it when the supervisor dies without a word."""

    def __init__(self, name: str, command: list[str], *, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=os.environ | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the supervisor's alone: it stops them in order
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def has_ended(self) -> bool:
        """Say whether it is gone, wanted or not."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """Return the end of its log, for a person to read."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

    def wait_until_answers(self, port: int, path: str) -> None:
        """Wait until `path` answers 200 on loopback. Raises Unavailable when it ends or takes too long."""
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(port, path):
            if self.has_ended():
                raise Unavailable(
                    f"The {self.name} did not start. The end of {self.log}:\n{self.last_words()}"
                )
            if time.monotonic() > deadline:
                raise Unavailable(f"The {self.name} does not answer on port {port}. Its log is {self.log}.")
            time.sleep(0.05)

    def ask_to_stop(self) -> None:
        """Tell it to finish and end."""
        if not self.has_ended():
            self._process.terminate()

    def wait_until_stopped(self) -> None:
        """Wait for its end; one that takes too long is killed with all that it started."""
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
