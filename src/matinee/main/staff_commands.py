"""`matinee staff`: accounts of the back office, for whoever has no account there or lost the way in."""

from typing import Final

import click

from matinee.main.command import ask_password, operator_called, settings_now, with_database
from matinee.platform.audit import SYSTEM
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.passwords import hash_password
from matinee.staff.operations import create_staff, disable_staff, set_staff_password
from matinee.staff.queries import staff_by_email

_ROLES: Final = ("admin", "catalogue", "care", "finance", "integration")

_operator = click.option("--operator", "slug", required=True, help="Short name of the operator.")
_email = click.option("--email", required=True)
_password = click.option(
    "--password",
    envvar="MATINEE_STAFF_PASSWORD",
    help="Better left out: it is then asked for, or read from standard input or MATINEE_STAFF_PASSWORD.",
)


@click.group()
def staff() -> None:
    """Add staff accounts, disable them, reset passwords."""


@staff.command("create")
@_operator
@_email
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
@_password
def create_command(slug: str, email: str, name: str, roles: tuple[str, ...], password: str | None) -> None:
    """Add a staff account to an operator."""
    settings = settings_now()
    secret = password if password is not None else ask_password()

    async def add(database: Database) -> Operator:
        chosen = await operator_called(database, slug)
        password_hash = await hash_password(secret)
        async with database.transaction(chosen.operator_id) as tx:
            await create_staff(
                tx,
                operator_id=chosen.operator_id,
                email=email,
                name=name,
                password_hash=password_hash,
                roles=roles,
                now=await tx.now(),
            )
        return chosen

    chosen = with_database(settings.database_url, add)
    click.echo(f"Added {email} to {chosen.name}; the back office is /console on {chosen.host}.")


@staff.command("disable")
@_operator
@_email
def disable_command(slug: str, email: str) -> None:
    """Shut a staff account; every session of it ends at once."""

    async def disable(database: Database) -> None:
        chosen = await operator_called(database, slug)
        async with database.transaction(chosen.operator_id) as tx:
            person = await staff_by_email(tx, operator_id=chosen.operator_id, email=email)
            await disable_staff(
                tx,
                operator_id=chosen.operator_id,
                staff_id=person.staff_id,
                actor=SYSTEM,
                now=await tx.now(),
                reason="From the command line",
            )

    with_database(settings_now().database_url, disable)
    click.echo(f"Disabled {email}. Every session of it has ended.")


@staff.command("reset-password")
@_operator
@_email
@_password
def reset_password_command(slug: str, email: str, password: str | None) -> None:
    """Give a staff account a new password; every session of it ends at once."""
    settings = settings_now()
    secret = password if password is not None else ask_password()

    async def reset(database: Database) -> None:
        chosen = await operator_called(database, slug)
        password_hash = await hash_password(secret)
        async with database.transaction(chosen.operator_id) as tx:
            person = await staff_by_email(tx, operator_id=chosen.operator_id, email=email)
            await set_staff_password(
                tx,
                operator_id=chosen.operator_id,
                staff_id=person.staff_id,
                password_hash=password_hash,
                actor=SYSTEM,
                now=await tx.now(),
            )

    with_database(settings.database_url, reset)
    click.echo(f"New password set for {email}. Every session of it has ended.")
