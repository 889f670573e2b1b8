"""The whole product as real processes: database, web server, worker and an operator's billing."""

import asyncio
import base64
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.doubles.sample import SampleBilling

from matinee.main.demo.processes import Child
from matinee.main.wiring import Services, build_services
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.settings import Settings

Result = TypeVar("Result")

STAFF_PASSWORD: Final = "a long enough staff password"
_PATIENCE_SECONDS: Final = 120.0


class Stack:
    """Started with the commands that an operator's technicians use; leaving the block stops all of it.

    `other_billing` is the port of one more billing system that may be called.
    `services` are the same adapters that the processes use, for setting the scene without a browser:
    call what needs them through `run`.
    """

    services: Services

    def __init__(
        self, folder: Path, logs: Path, database: EmbeddedPostgresInfo, port: int, *, other_billing: int
    ) -> None:
        self._folder, self._logs, self.port = folder, logs, port
        self._children: list[Child] = []
        self.billing = SampleBilling(folder / "ledger.sqlite")
        self.environment = {
            "MATINEE_DATABASE_URL": database.app_url,
            "MATINEE_OWNER_DATABASE_URL": database.owner_url,
            "MATINEE_STORAGE_URL": (folder / "storage").as_uri(),
            "MATINEE_SECRET_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "MATINEE_EGRESS_ALLOW": f"127.0.0.1/32:{self.billing.port},127.0.0.1/32:{other_billing}",
            "MATINEE_LOG_FORMAT": "text",
        }
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scene", daemon=True)

    def start(self) -> None:
        """Migrate, then start the worker and the web server and wait until it is ready."""
        for folder in (self._folder / "storage", self._logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.command("migrate")
        self._start("worker", "worker")
        web = self._start("web", "serve", "--port", str(self.port))
        self._thread.start()
        self.services = build_services(Settings.from_environment(self.environment))
        self.run(self._open())
        web.wait_until_answers(self.port, "/readyz")

    def stop(self) -> None:
        """Stop everything; what would not end is killed."""
        if self._thread.is_alive():
            self.run(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE_SECONDS)
        self._loop.close()
        for child in reversed(self._children):
            child.ask_to_stop()
        for child in reversed(self._children):
            child.wait_until_stopped()
        self.billing.stop()

    def command(self, *arguments: str) -> str:
        """Run `matinee ...` to its end and return what it printed. Fails the test with its complaint."""
        done = subprocess.run(
            _matinee(*arguments),
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_operator(self, slug: str, name: str) -> None:
        """Add an operator with a member of staff, `staff@SLUG.example`."""
        place = ("--time-zone", "Europe/Amsterdam", "--currency", "EUR", "--country", "NL")
        named = ("--slug", slug, "--name", name, "--host", f"{slug}.localhost")
        self.command("operator", "create", *named, *place, "--tax-rate", "2100")
        person = ("--email", f"staff@{slug}.example", "--name", "Noor de Vries")
        self.command("staff", "create", "--operator", slug, *person, "--password", STAFF_PASSWORD)

    def address(self, slug: str, path: str = "/") -> str:
        """Return an address on an operator's host."""
        return f"http://{slug}.localhost:{self.port}{path}"

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Await `work` beside the browser, whose driver keeps the test's own thread busy with a loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)

    def _start(self, name: str, *arguments: str) -> Child:
        log = self._logs / f"{name}.log"
        log.unlink(missing_ok=True)
        child = Child(name, _matinee(*arguments), log=log, environment=self.environment)
        self._children.append(child)
        return child

    async def _open(self) -> None:
        self._running = self.services.running()
        await self._running.__aenter__()

    async def _close(self) -> None:
        await self._running.__aexit__(None, None, None)


def _matinee(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "matinee.main", *arguments]
