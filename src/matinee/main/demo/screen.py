"""What the demo says while it starts and runs."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from matinee.main.demo.cast import OPERATORS, DemoOperator
from matinee.main.demo.layout import Layout


@contextmanager
def step(what: str) -> Iterator[None]:
    """Name what is being done, and how long it took."""
    click.echo(f"  {what} ...", nl=False)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        click.echo("")
        raise
    click.echo(f" {time.monotonic() - began:.1f} s")


class Progress:
    """One line that counts up to 100 %: rewritten in place on a terminal, a line each quarter elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = -1
        self._terminal = sys.stdout.isatty()

    def __call__(self, percent: int) -> None:
        if self._terminal:
            if percent != self._shown:
                click.echo(f"\r  {self._what} ... {percent} %", nl=percent == 100)
        elif percent // 25 != self._shown // 25:
            click.echo(f"  {self._what} ... {percent} %")
        self._shown = percent


def show_addresses(layout: Layout) -> None:
    """Say where everything is and how to sign in."""
    click.echo(f"\nMatinee is running. Start page: http://127.0.0.1:{layout.port}\n")
    for operator in OPERATORS:
        _show_operator(operator, layout.port)
    click.echo(
        f"  Sample billing  http://127.0.0.1:{layout.billing_port}   (what was charged; make it decline)"
    )
    click.echo(f"  Logs            {_short(layout.data)}/logs")
    click.echo(f"  Commands        . {_short(layout.data)}/environment && {_short(_program())} --help")
    click.echo("\nCtrl-C stops everything; the data is kept. `make demo-reset` deletes it.")


def _show_operator(operator: DemoOperator, port: int) -> None:
    address = f"http://{operator.host}:{port}"
    click.echo(f"  {operator.name}")
    for number, customer in enumerate(operator.customers):
        label = f"watch   {address}" if number == 0 else ""
        click.echo(f"    {label:<44} {customer.username} / {customer.password}   ({customer.about})")
    for number, person in enumerate(operator.staff):
        label = f"console {address}/console" if number == 0 else ""
        click.echo(f"    {label:<44} {person.email} / {person.password}")
    click.echo("")


def _program() -> Path:
    return Path(sys.executable).with_name("matinee")


def _short(path: Path) -> str:
    """Return a path as one would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
