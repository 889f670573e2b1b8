"""What the demo says while it starts and runs."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from matinee.main.demo.cast import OPERATORS, DemoOperator
from matinee.main.demo.layout import Layout


def say(text: str, *, nl: bool = True) -> None:
    """Print at once. A terminal that has gone away must not keep the demo from stopping what it started."""
    with suppress(OSError):
        click.echo(text, nl=nl)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Name what is being done, and how long it took."""
    say(f"  {what} ...", nl=False)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say("")
        raise
    say(f" {time.monotonic() - began:.1f} s")


class Progress:
    """One line that counts up to 100 %: rewritten in place on a terminal, a line each quarter elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = -1
        self._terminal = sys.stdout.isatty()

    def __call__(self, percent: int) -> None:
        if self._terminal:
            if percent != self._shown:
                say(f"\r  {self._what} ... {percent} %", nl=percent == 100)
        elif percent // 25 != self._shown // 25:
            say(f"  {self._what} ... {percent} %")
        self._shown = percent


def show_addresses(layout: Layout) -> None:
    """Say where everything is and how to sign in."""
    say(f"\nMatinee is running. Start page: http://127.0.0.1:{layout.port}\n")
    for operator in OPERATORS:
        _show_operator(operator, layout.port)
    say(f"  Sample billing  http://127.0.0.1:{layout.billing_port}   (what was charged; make it decline)")
    say(f"  Logs            {_short(layout.data)}/logs")
    say(f"  Commands        . {_short(layout.data)}/environment && {_short(_program())} --help")
    say(
        "\nCtrl-C stops everything; the data is kept. `make demo-reset` or `matinee demo --reset` deletes it."
    )


def _show_operator(operator: DemoOperator, port: int) -> None:
    address = f"http://{operator.host}:{port}"
    say(f"  {operator.name}")
    for number, customer in enumerate(operator.customers):
        label = f"watch   {address}" if number == 0 else ""
        say(f"    {label:<44} {customer.username} / {customer.password}   ({customer.about})")
    for number, person in enumerate(operator.staff):
        label = f"console {address}/console" if number == 0 else ""
        say(f"    {label:<44} {person.email} / {person.password}")
    say("")


def _program() -> Path:
    return Path(sys.executable).with_name("matinee")


def _short(path: Path) -> str:
    """Return a path as one would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
