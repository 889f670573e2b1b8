"""Starting a server as a process of its own, and ending it for certain."""

import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

SECONDS_TO_START = 20.0
SECONDS_TO_STOP = 5.0


class DidNotStart(Exception):
    """The process ended or stayed silent; the message has what it wrote on standard error."""


class ServerProcess:
    """A child process that prints one line when it is ready; the line is `first_line`.

    `complaints`: once it has ended, what it wrote on standard error.
    """

    def __init__(self, command: Sequence[str], *, folder: Path) -> None:
        # A pipe that nobody reads would fill up; this file is closed when the process has ended.
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self.complaints = ""
        silence = threading.Timer(SECONDS_TO_START, self.process.kill)
        silence.start()
        try:
            assert self.process.stdout is not None
            self.first_line = self.process.stdout.readline().strip()
        finally:
            silence.cancel()
        if not self.first_line:
            self.kill()
            raise DidNotStart(self.complaints)

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> int:
        """Ask politely, insist after five seconds; return the exit status, negative for a signal."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._ended()

    def kill(self) -> int:
        """End it at once, as a power cut would."""
        self.process.kill()
        return self._ended()

    def _ended(self) -> int:
        try:
            self.process.communicate(timeout=SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        if not self._complaints.closed:
            self._complaints.seek(0)
            self.complaints = self._complaints.read()
            self._complaints.close()
        return self.process.returncode
