"""Whether this process is alive, and whether it can do its work."""

from contextlib import suppress
from functools import cache
from typing import Final

import msgspec
from alembic.config import Config
from alembic.script import ScriptDirectory

from matinee.kernel.errors import Misconfigured, Unavailable
from matinee.platform.db import Database, Standby, durability_problem, migrations_folder

_NOT_REACHABLE: Final = "The database cannot be reached."


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """`ready` false comes with `code` and a `message` that says what is missing and how to mend it."""

    ready: bool
    code: str
    message: str


@cache
def newest_revision() -> str:
    """Return the revision of the schema that this version of Matinee needs."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    return ScriptDirectory.from_config(config).get_current_head() or ""


async def readiness(database: Database, *, standby: Standby = Standby.ATTACHED) -> Readiness:
    """Ask the database whether it is there, has our schema and keeps what it commits. Never raises for that."""
    try:
        async with database.directory() as tx:
            present = await tx.fetchval("SELECT to_regclass('public.alembic_version') IS NOT NULL")
            revision = await tx.fetchval("SELECT version_num FROM alembic_version") if present else None
            problem = await durability_problem(tx, standby=standby)
    except Unavailable:
        return Readiness(ready=False, code="database_unavailable", message=_NOT_REACHABLE)
    needed = newest_revision()
    if revision != needed:
        message = f"The database has schema {revision or 'none'} and needs {needed}: run `matinee migrate`."
        return Readiness(ready=False, code="schema_outdated", message=message)
    if problem is not None:
        return Readiness(ready=False, code="not_durable", message=problem)
    return Readiness(ready=True, code="ready", message="Ready.")


async def refuse_to_forget(database: Database, *, standby: Standby) -> None:
    """Raise Misconfigured for a database that a fail-over could make forget charges; one that is away passes."""
    with suppress(Unavailable):
        async with database.directory() as tx:
            problem = await durability_problem(tx, standby=standby)
        if problem is not None:
            raise Misconfigured(problem)
