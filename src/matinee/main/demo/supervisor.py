"""Starts the demo's processes in order, watches them, and stops them so that none is left."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Final, Self

from matinee.kernel.errors import Unavailable
from matinee.main.demo.layout import Layout, sample_billing
from matinee.main.demo.processes import Child
from matinee.main.demo.screen import say, show_addresses, step
from matinee.main.demo.seeding import seed
from matinee.main.server import PortInUse, check_port
from matinee.platform.db import migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres

_DATABASE: Final = "matinee"
_LOOK_EVERY_SECONDS: Final = 0.3
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns the signals that stop the demo into KeyboardInterrupt, but not while a process is being started:
    one that nobody has written down yet would be left behind."""

    def __init__(self) -> None:
        self._holding = False
        self._came = False

    def catch(self) -> None:
        for number in _STOPPING:
            signal.signal(number, self._take)

    def ignore(self) -> None:
        """From here on an impatient second Ctrl-C changes nothing."""
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal that comes within the block take effect at its end."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._came:
            raise KeyboardInterrupt

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        if not self._holding:
            raise KeyboardInterrupt


class Supervisor:
    """The database and the processes of one demo. Leaving the block stops whatever was started."""

    def __init__(self, layout: Layout, interrupts: "Interrupts") -> None:
        self._layout = layout
        self._interrupts = interrupts
        self._postgres = EmbeddedPostgres(layout.postgres)
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the processes, then the database under them."""
        self._interrupts.ignore()
        if self._postgres.pid is None and not self._children:
            return
        say("\nStopping ...")
        for child in reversed(self._children):
            child.ask_to_stop()
        for child in reversed(self._children):
            child.wait_until_stopped()
        self._postgres.stop()
        say("Stopped.")

    def start(self) -> None:
        """Start everything and, the first time, fill it."""
        layout = self._layout
        with step("PostgreSQL"), self._interrupts.held():
            database = self._postgres.start()
        if not layout.seeded.exists():
            self._empty()
        with step("Schema"):
            _migrate(database.owner_url)
        environment = layout.environment(database)
        layout.write_environment(environment)
        with step("Sample billing server"):
            self._start("billing", _billing_command(layout), {}, answers=(layout.billing_port, "/healthz"))
        with step("Worker and web server"):
            self._start("worker", _matinee("worker"), environment)
            serve = _matinee("serve", "--port", str(layout.port))
            self._start("web", serve, environment, answers=(layout.port, "/readyz"))
        if not layout.seeded.exists():
            seed(layout, environment)
            layout.seeded.touch()

    def watch(self) -> None:
        """Wait until a signal comes. Raises Unavailable when a process ends by itself."""
        while True:
            for child in self._children:
                if child.has_ended():
                    raise Unavailable(
                        f"The {child.name} process ended. The end of its log:\n{child.last_words()}"
                    )
            if self._postgres.pid is None:
                raise Unavailable(f"PostgreSQL ended. Its log is {self._postgres.log_file}.")
            time.sleep(_LOOK_EVERY_SECONDS)

    def _empty(self) -> None:
        """Begin anew where an earlier first start was cut short."""
        self._postgres.drop_database(_DATABASE)
        self._postgres.create_database(_DATABASE)
        self._layout.forget_contents()

    def _start(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        answers: tuple[int, str] | None = None,
    ) -> None:
        with self._interrupts.held():
            child = Child(name, command, log=self._layout.log(name), environment=environment)
            self._children.append(child)
        if answers is not None:
            child.wait_until_answers(*answers)


def run(layout: Layout) -> None:
    """Run the demo until SIGINT, SIGTERM or SIGHUP; nothing that it started is left when this returns.

    Raises PortInUse, DataFolderInUse, Misconfigured, and Unavailable when a process does not start or ends.
    """
    for variable, port in (("PORT", layout.port), ("BILLING_PORT", layout.billing_port)):
        _check_port(variable, port)
    layout.make()
    interrupts = Interrupts()
    interrupts.catch()
    try:
        with Supervisor(layout, interrupts) as supervisor:
            say("Starting the demo of Matinee")
            supervisor.start()
            show_addresses(layout)
            supervisor.watch()
    except KeyboardInterrupt:
        return


def _check_port(variable: str, port: int) -> None:
    try:
        check_port("127.0.0.1", port)
    except PortInUse:
        raise PortInUse(
            f"Port {port} is in use, perhaps by another demo. Stop that one, or choose another port:"
            f" {variable}={port + 1} make demo"
        ) from None


def _matinee(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "matinee.main", *arguments]


def _migrate(owner_url: str) -> None:
    try:
        migrate(owner_url)
    except Unavailable as error:
        raise Unavailable(f"{error.message} `make demo-reset` deletes the demo's data.") from error


def _billing_command(layout: Layout) -> list[str]:
    place = ["--port", str(layout.billing_port), "--database", str(layout.ledger)]
    return [sys.executable, str(sample_billing()), *place]
