"""The only clock that decides anything: the database's, read after the lock that it is about."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import asyncpg

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"


class Clock(Protocol):
    """Says what time it is, for one connection. Tests inject their own."""

    async def now(self, connection: Connection) -> datetime:
        """Return the present instant, aware and UTC."""
        ...


_AND_NOW = "SELECT statement.*, clock_timestamp() AS now FROM ({}) AS statement"


class DatabaseClock:
    """`clock_timestamp()` of the server that holds the truth; no host's clock is trusted."""

    def read_after(self, locking: str) -> str:
        """Return a SELECT that takes its locks as `locking` does, reading the clock, as `now`, once it has them.

        A subquery that locks is never merged into the one around it, so each row is locked before it gets its `now`.
        """
        return _AND_NOW.format(locking)

    async def now(self, connection: Connection) -> datetime:
        moment: datetime = await connection.fetchval("SELECT clock_timestamp()")
        return moment
