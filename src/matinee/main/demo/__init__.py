"""The whole product on one machine, with two invented operators: what `make demo` runs."""

from pathlib import Path

import click

from matinee.main.demo.layout import Layout
from matinee.platform.embedded_postgres import EmbeddedPostgres


def run(*, data: Path, port: int, billing_port: int) -> None:
    """Run the demo in the foreground until it is told to stop. See `supervisor.run` for what it raises."""
    from matinee.main.demo import supervisor  # heavy; `reset` does without

    supervisor.run(Layout(data.resolve(), port, billing_port))


def reset(*, data: Path) -> None:
    """Delete the demo's data. Raises DataFolderInUse while the demo runs."""
    layout = Layout(data.resolve(), 0, 0)
    EmbeddedPostgres(layout.postgres).remove()
    layout.forget_all()
    click.echo(f"The demo's data in {layout.data} is gone; the next start begins anew.")
