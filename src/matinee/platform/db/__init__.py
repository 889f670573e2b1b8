"""PostgreSQL through asyncpg: one pool, one kind of connection, one transaction per command."""

from matinee.platform.db.clock import Clock, DatabaseClock
from matinee.platform.db.database import CommitInDoubt, Database, DatabaseUnavailable, Record, Transaction
from matinee.platform.db.migrate import migrate
from matinee.platform.db.statements import compile_statement

__all__ = [
    "Clock",
    "CommitInDoubt",
    "Database",
    "DatabaseClock",
    "DatabaseUnavailable",
    "Record",
    "Transaction",
    "compile_statement",
    "migrate",
]
