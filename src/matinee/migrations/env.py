"""Alembic's entry: one connection as the owner's role, all migrations in one transaction."""

from alembic import context
from sqlalchemy import create_engine, pool, text

_LOCK = 7_355_608  # any constant: two migrations at once take turns


def _run() -> None:
    url: str = context.config.attributes["url"]
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            context.run_migrations()
    engine.dispose()


_run()
