"""The question asked most often: may whoever is signed in start this item? One statement answers many at once.

The rules are those of `rules` and `queries.right_to_item`, written in SQL (`rights_to_start`, migration 0006).
"""

import asyncio
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from matinee.platform.db import Database
from matinee.platform.db.clock import Connection

MOST_AT_ONCE: Final = 128
"""Questions in one statement."""

MOST_STATEMENTS: Final = 2
"""Statements on their way at once. While they are, further questions gather for the next."""

ALLOWING: Final = frozenset({"purchase", "grant", "subscription"})

_ASK: Final = """
    SELECT place, code, play_until, token_until, device_id
    FROM rights_to_start($1::uuid[], $2::uuid[], $3::bytea[], $4::text[], $5::uuid[], $6)
"""


class StartQuestion(NamedTuple):
    """Who asks, by the parts of the session's token (`customers.rules.read_token`), and for which item."""

    operator_id: UUID
    customer_id: UUID
    session_hash: bytes
    item_kind: str
    item_id: UUID


class StartAnswer(NamedTuple):
    """`code`: purchase, grant or subscription allow it; right_ended and not_entitled do not.

    `play_until` is None for a subscription and where nothing allows it. `token_until`, in seconds since 1970,
    is when a token for this answer must have ended: five minutes on, or with the right.
    """

    code: str
    play_until: datetime | None
    token_until: int
    device_id: UUID


_Waiting = tuple[StartQuestion, "asyncio.Future[StartAnswer | None]"]


class StartChecks:
    """Asks the database, with all questions that wait together in one statement. Of one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._at_work = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: StartQuestion) -> StartAnswer | None:
        """Return the answer as of now, None when nobody is signed in by this session.

        Raises DatabaseUnavailable.
        """
        answer: asyncio.Future[StartAnswer | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._at_work < MOST_STATEMENTS:
            self._at_work += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _work(self) -> None:
        """Answer until nobody waits."""
        batch: list[_Waiting] = []
        try:
            async with self._database.hot() as connection:
                while self._waiting:
                    batch = self._waiting[:MOST_AT_ONCE]
                    del self._waiting[:MOST_AT_ONCE]
                    await self._answer(connection, batch)
                # From here on, before the next await: whoever asks now must start a task of its own.
                self._at_work -= 1
                batch = []
        except BaseException as error:
            if batch or self._waiting:
                self._give_up(batch, error)
            if not isinstance(error, Exception):
                raise

    async def _answer(self, connection: Connection, batch: list[_Waiting]) -> None:
        columns = zip(*(question for question, _ in batch), strict=True)
        moment = await self._database.hot_moment(connection)
        for place, code, *rest in await connection.fetch(_ASK, *columns, moment):
            future = batch[place - 1][1]
            if not future.done():  # done: cancelled, since whoever asked went away
                future.set_result(None if code is None else StartAnswer(code, *rest))

    def _give_up(self, batch: list[_Waiting], error: BaseException) -> None:
        """Tell everybody who waits."""
        self._at_work -= 1
        failed = [*batch, *self._waiting]
        self._waiting.clear()
        for _, future in failed:
            if future.done():
                continue
            if isinstance(error, Exception):
                future.set_exception(error)
            else:
                future.cancel()
