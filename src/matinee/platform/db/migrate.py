"""Bring a database to the newest schema. Runs as the owner's role, never as the application's."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util import CommandError

from matinee.kernel.errors import Unavailable

_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def migrate(owner_url: str, revision: str = "head") -> None:
    """Upgrade the database at `owner_url` (postgresql://...) to `revision`; does nothing when it is there.

    Raises Unavailable if another version has migrated it further than this one can.
    """
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["url"] = owner_url
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        raise Unavailable(
            "The database was migrated by another version of Matinee, which this one does not know. "
            "Use that version or a newer one."
        ) from error


def migrations_folder() -> Path:
    """Return where the migrations lie."""
    return _SCRIPTS
