"""Bring a database to the newest schema. Runs as the owner's role, never as the application's."""

from pathlib import Path

from alembic import command
from alembic.config import Config

_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def migrate(owner_url: str, revision: str = "head") -> None:
    """Upgrade the database at `owner_url` (postgresql://...) to `revision`; does nothing when it is there."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["url"] = owner_url
    command.upgrade(config, revision)


def migrations_folder() -> Path:
    """Return where the migrations lie."""
    return _SCRIPTS
