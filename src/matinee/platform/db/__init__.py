"""PostgreSQL through asyncpg: one pool, one kind of connection, one transaction per command."""

from matinee.platform.db.clock import Clock, DatabaseClock
from matinee.platform.db.database import (
    CommitInDoubt,
    Database,
    DatabaseUnavailable,
    PoolSize,
    Record,
    Transaction,
)
from matinee.platform.db.durability import Standby, durability_problem
from matinee.platform.db.migrate import migrate, migrations_folder
from matinee.platform.db.statements import compile_statement

__all__ = [
    "Clock",
    "CommitInDoubt",
    "Database",
    "DatabaseClock",
    "DatabaseUnavailable",
    "PoolSize",
    "Record",
    "Standby",
    "Transaction",
    "compile_statement",
    "durability_problem",
    "migrate",
    "migrations_folder",
]
