"""Rounds: work that is done for each operator in turn, where trouble at one keeps no other one waiting.

Each step is a transaction of its own, as a round over many rows would hold their locks for its whole length.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import structlog

from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator, list_operators

ROWS_AT_ONCE: Final = 1000
"""The most rows that a batch deletes: it is over within a moment, and holds up nobody who waits for one of them."""

_log = structlog.get_logger(__name__)


class Batch(Protocol):
    """A bounded part of a work inside one operator. Returns how much it did; 0: nothing is left."""

    async def __call__(self, tx: Transaction, *, operator_id: UUID, now: datetime) -> int: ...


async def for_every_operator(database: Database, work: Callable[[Operator], Awaitable[int]]) -> int:
    """Do `work` at each operator, one after the other; returns the sum of what it returns.

    What fails at one operator is logged and left for the next round.
    """
    async with database.directory() as tx:
        operators = await list_operators(tx)
    done = 0
    for operator in operators:
        try:
            done += await work(operator)
        except Exception as error:
            _log.error("round_failed", operator=operator.slug, exc_info=error)
    return done


async def sweep(database: Database, batch: Batch) -> int:
    """Repeat `batch` at each operator until it finds nothing more; returns how much was done in all."""

    async def all_of(operator: Operator) -> int:
        done = 0
        while True:
            async with database.transaction(operator.operator_id) as tx:
                found = await batch(tx, operator_id=operator.operator_id, now=await tx.now())
            if not found:
                return done
            done += found

    return await for_every_operator(database, all_of)
