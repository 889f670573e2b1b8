"""What every command needs: settings with their faults in words, and a database for the time of one command."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from matinee.kernel.errors import Invalid, MatineeError, Misconfigured, NotFound
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator, list_operators
from matinee.platform.settings import Settings
from matinee.platform.telemetry import configure_logging

Result = TypeVar("Result")


class Group(click.Group):
    """Turns Matinee's errors into what click prints."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Invalid as error:
            lines = [f"{field}: {problem}" for field, problem in error.fields.items()]
            raise click.ClickException("\n".join(lines) or error.message) from error
        except MatineeError as error:
            raise click.ClickException(error.message) from error


def settings_now() -> Settings:
    """Return the settings in the environment; logging follows them. Raises Misconfigured."""
    settings = Settings.from_environment()
    configure_logging(json=settings.json_logs)
    return settings


def owner_url() -> str:
    """Return the address of the database as its owner. Raises Misconfigured."""
    url = settings_now().owner_database_url
    if not url:
        raise Misconfigured("MATINEE_OWNER_DATABASE_URL is not set. docs/operations.md lists the settings.")
    return url


def in_directory(url: str, do: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """Do something in one transaction that sees the directory of operators."""

    async def within(database: Database) -> Result:
        async with database.directory() as tx:
            return await do(tx)

    return with_database(url, within)


def with_database(url: str, do: Callable[[Database], Awaitable[Result]]) -> Result:
    """Open the database, do something with it and close it."""

    async def run() -> Result:
        database = await Database.connect(url, connections=1)
        try:
            return await do(database)
        finally:
            await database.close()

    return asyncio.run(run())


async def operator_called(database: Database, slug: str) -> Operator:
    """Return the operator with this short name. Raises NotFound."""
    async with database.directory() as tx:
        found = [one for one in await list_operators(tx) if one.slug == slug]
    if not found:
        raise NotFound(f"There is no operator {slug!r}; `matinee operator list` names them.")
    return found[0]


def ask_password() -> str:
    """Ask for a new password twice, or read it from standard input where nobody can be asked."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return entered
