"""Whether this process is alive, and whether it can do its work."""

from functools import cache
from typing import Final

import msgspec
from alembic.config import Config
from alembic.script import ScriptDirectory

from matinee.kernel.errors import Unavailable
from matinee.platform.db import Database, migrations_folder

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


async def readiness(database: Database) -> Readiness:
    """Ask the database whether it is there and has our schema. Never raises for what it finds."""
    try:
        async with database.directory() as tx:
            present = await tx.fetchval("SELECT to_regclass('public.alembic_version') IS NOT NULL")
            revision = await tx.fetchval("SELECT version_num FROM alembic_version") if present else None
    except Unavailable:
        return Readiness(ready=False, code="database_unavailable", message=_NOT_REACHABLE)
    needed = newest_revision()
    if revision != needed:
        message = f"The database has schema {revision or 'none'} and needs {needed}: run `matinee migrate`."
        return Readiness(ready=False, code="schema_outdated", message=message)
    return Readiness(ready=True, code="ready", message="Ready.")
