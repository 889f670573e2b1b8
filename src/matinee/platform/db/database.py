"""The pool, and the transaction that every command runs in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.sql import ClauseElement

from matinee.kernel.errors import Unavailable
from matinee.platform.db.clock import Clock, Connection, DatabaseClock
from matinee.platform.db.statements import compile_statement
from matinee.platform.turns import Turns

Record = asyncpg.Record

_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says of a connection that the server ended while it was idle
    ConnectionError,
    TimeoutError,  # a statement that took longer than the connection allows
    asyncpg.OperatorInterventionError,  # it shuts down, starts, or cancelled a statement
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.PostgresSystemError,
)
_REFUSED = (
    asyncpg.TransactionRollbackError,  # a deadlock: this one was chosen to give way
    asyncpg.InsufficientResourcesError,  # no disk, no memory, no connection left
    asyncpg.ReadOnlySQLTransactionError,  # a standby, or a server that is about to become one
)
"""The server is there and has saved nothing; the same may work a moment later."""

ACQUIRE_SECONDS = 5.0
_SESSION = {
    "application_name": "matinee",
    "search_path": "public,jobs",
    # Whatever the server's default is: a purchase rests on its commits.
    "synchronous_commit": "on",
    # A process that is frozen inside a transaction must not keep its locks from the others.
    "idle_in_transaction_session_timeout": "10s",
}

STATEMENT_SECONDS = 30.0


class DatabaseUnavailable(Unavailable):
    """No connection could be had, or it broke before anything was committed."""

    code = "database_unavailable"


class CommitInDoubt(Unavailable):
    """The connection broke while committing: the work may have happened or not. Read again before acting."""

    code = "commit_in_doubt"


class Transaction:
    """One open transaction. Statements are prepared once per connection by asyncpg."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def now(self) -> datetime:
        """Read the database's clock. Call it after the lock that the time is about."""
        return await self._clock.now(self._connection)

    async def lock(self, sql: str, *args: object) -> tuple[Record | None, datetime]:
        """Run a SELECT of one row that locks it; returns the row and what time it is after the lock."""
        if isinstance(self._clock, DatabaseClock):
            row = await self._connection.fetchrow(self._clock.read_after(sql), *args)
            if row is not None:
                return row, row["now"]
        else:
            row = await self._connection.fetchrow(sql, *args)
        return row, await self.now()

    async def fetch(self, sql: str, *args: object) -> list[Record]:
        return await self._connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> Record | None:
        return await self._connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement; returns PostgreSQL's tag, such as `UPDATE 1`."""
        return await self._connection.execute(sql, *args)

    async def changed(self, sql: str, *args: object) -> int:
        """Run a statement that writes; returns how many rows it made, changed or removed."""
        tag = await self._connection.execute(sql, *args)
        return int(tag.rpartition(" ")[2])

    async def executemany(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        await self._connection.executemany(sql, rows)

    async def select(self, statement: ClauseElement) -> list[Record]:
        """Run a statement that SQLAlchemy Core built."""
        sql, args = compile_statement(statement)
        return await self._connection.fetch(sql, *args)

    async def select_value(self, statement: ClauseElement) -> Any:
        """Run a statement that SQLAlchemy Core built, for its one value."""
        sql, args = compile_statement(statement)
        return await self._connection.fetchval(sql, *args)


@dataclass(frozen=True)
class PoolSize:
    """Connections that a pool holds, those of them that nobody uses, and how many it may hold."""

    open: int
    idle: int
    most: int


class Database:
    """A pool of connections as the application's role. Open it with `connect`, close it with `close`."""

    def __init__(self, url: str, *, connections: int = 10, clock: Clock | None = None) -> None:
        self._url = url
        self._connections = connections
        self._clock = clock or DatabaseClock()
        self._pool: asyncpg.Pool[Any] | None = None
        self._turns = Turns(connections)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        connections: int = 10,
        clock: Clock | None = None,
        statement_seconds: float = STATEMENT_SECONDS,
    ) -> "Database":
        """Return an open database. Raises DatabaseUnavailable when the server cannot be reached."""
        database = cls(url, connections=connections, clock=clock)
        await database.open(statement_seconds=statement_seconds)
        return database

    async def open(self, *, at_once: bool = True, statement_seconds: float = STATEMENT_SECONDS) -> None:
        """Open the pool in the running loop. Raises DatabaseUnavailable when the server cannot be reached.

        With `at_once=False` nothing is connected until it is needed, and nothing is raised here. A statement
        that takes longer than `statement_seconds` is cut off, as if the server were gone.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1 if at_once else 0,
                max_size=self._connections,
                reset=_keep_session,
                server_settings=_SESSION,
                timeout=5,
                command_timeout=statement_seconds,
            )
        except (*_GONE, OSError, asyncpg.PostgresError) as error:
            raise DatabaseUnavailable("The database cannot be reached.") from error

    def pool_size(self) -> PoolSize:
        """Return how many connections there are at this moment."""
        if self._pool is None:
            return PoolSize(0, 0, self._connections)
        return PoolSize(self._pool.get_size(), self._pool.get_idle_size(), self._pool.get_max_size())

    async def close(self) -> None:
        """Close every connection; waits a few seconds for work under way, then cuts it."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    def transaction(self, operator_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction in which only the rows of `operator_id` exist; commits at the end of the block.

        Raises DatabaseUnavailable when no connection can be had or it breaks, and CommitInDoubt when
        it breaks during the commit. An exception inside the block rolls everything back.
        """
        return self._begin(f"BEGIN; SET LOCAL matinee.operator_id = '{operator_id}'", operator_id)

    def directory(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction with no operator set: only the directory of operators and the due lists are seen."""
        return self._begin("BEGIN", None)

    def hot(self, operator_id: UUID | None = None) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection outside a transaction, for one prepared look-up that takes its operator itself.

        `operator_id`: in whose turn, when there are more look-ups than connections.
        """
        return self._acquired(operator_id)

    async def hot_moment(self, connection: Connection) -> datetime | None:
        """Return what a hot look-up is given as its time: None, so that it reads the server's clock by itself.

        A clock that was put in the place of the server's is read here.
        """
        return None if isinstance(self._clock, DatabaseClock) else await self._clock.now(connection)

    @asynccontextmanager
    async def _acquired(self, party: UUID | None) -> AsyncIterator[Connection]:
        pool = self._pool
        if pool is None:
            raise DatabaseUnavailable("The connection to the database is not open.")
        try:
            await self._turns.take(party, seconds=ACQUIRE_SECONDS)
        except TimeoutError as error:
            raise DatabaseUnavailable("Every connection to the database is in use.") from error
        try:
            async with self._lent(pool) as connection:
                yield connection
        finally:
            self._turns.give()

    @asynccontextmanager
    async def _lent(self, pool: "asyncpg.Pool[Any]") -> AsyncIterator[Connection]:
        try:
            connection = await pool.acquire(timeout=ACQUIRE_SECONDS)
        except (*_GONE, OSError, asyncpg.PostgresError) as error:  # TimeoutError is an OSError
            raise DatabaseUnavailable("The database cannot be reached.") from error
        try:
            yield connection
        except _GONE as error:
            raise DatabaseUnavailable("The connection to the database broke.") from error
        except _REFUSED as error:
            raise DatabaseUnavailable("The database could not do this now. Nothing was saved.") from error
        finally:
            await pool.release(connection)  # which a cancelled task finishes all the same

    @asynccontextmanager
    async def _begin(self, opening: str, party: UUID | None) -> AsyncIterator[Transaction]:
        async with self._acquired(party) as connection:
            try:
                await connection.execute(opening)
                yield Transaction(connection, self._clock)
            except BaseException:
                await _roll_back(connection)
                raise
            try:
                tag = await connection.execute("COMMIT")
            except asyncio.CancelledError:
                _throw_away(connection)
                raise
            except _GONE as error:
                _throw_away(connection)
                raise CommitInDoubt("The database did not confirm that it saved this.") from error
            if tag != "COMMIT":  # a failed statement whose error was swallowed: PostgreSQL says ROLLBACK
                raise DatabaseUnavailable("The database did not save this.")


async def _roll_back(connection: Connection) -> None:
    """Undo; a connection on which that fails is thrown away, so that the pool never lends it again."""
    try:
        async with asyncio.timeout(5):
            if not connection.is_closed() and connection.is_in_transaction():
                await connection.execute("ROLLBACK")
    except (*_GONE, asyncpg.PostgresError, asyncio.CancelledError):
        _throw_away(connection)


def _throw_away(connection: Connection) -> None:
    """Cut a connection; the pool may have taken a broken one back already, and then it is gone anyway."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


async def _keep_session(connection: Connection) -> None:
    """Replace asyncpg's reset, a round trip at every release: transactions here leave nothing behind."""
