"""A database and a billing system that fail on request, at the points where the real ones do."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from tests.simulation.virtual_time import VirtualTime

from matinee.platform.db import Clock, CommitInDoubt, Database, DatabaseUnavailable, Transaction
from matinee.platform.db.clock import Connection
from matinee.provisions.gateway.simulated import SimulatedBilling
from matinee.provisions.types import (
    BillingTarget,
    CallName,
    CancelResult,
    ChargeResult,
    PlatformValue,
    RefundResult,
    StatusResult,
    Values,
)


class Fate(StrEnum):
    """How one transaction ends. A kill ends the whole task, as the death of its process would."""

    OK = "ok"
    LOST = "lost"  # rolled back, and the caller only learns that it is in doubt
    KEPT = "kept"  # committed, and the caller only learns that it is in doubt
    KILLED_BEFORE = "killed_before"
    KILLED_AFTER = "killed_after"
    FROZEN = "frozen"  # the caller goes on much later


class Trouble(StrEnum):
    """What happens to the caller around a call to billing."""

    NONE = "none"
    KILLED_BEFORE = "killed_before"
    KILLED_AFTER = "killed_after"
    FROZEN_BEFORE = "frozen_before"
    FROZEN_AFTER = "frozen_after"


READS_BEFORE_A_CHARGE = 2
"""The claim or the lease in one transaction, the look just before in another; after a question, the look alone."""

Span = Callable[[], timedelta]


class FaultyDatabase(Database):
    """The application's pool, in which `fate` decides how each transaction ends."""

    def __init__(
        self, url: str, *, clock: Clock, time: VirtualTime, fate: Callable[[], Fate], span: Span
    ) -> None:
        super().__init__(url, clock=clock)
        self._time, self._fate, self._span = time, fate, span
        self.last_read: tuple[object, int] | None = None
        self.reads: Counter[object] = Counter()

    @classmethod
    def over(
        cls, pool: Database, *, clock: Clock, time: VirtualTime, fate: Callable[[], Fate], span: Span
    ) -> Self:
        """Return a faulty view of an open pool."""
        database = cls("", clock=clock, time=time, fate=fate, span=span)
        database._pool = pool._pool
        return database

    @asynccontextmanager
    async def transaction(self, operator_id: UUID) -> AsyncIterator[Transaction]:
        await self._time.turn()
        self.reads[asyncio.current_task()] += 1
        fate = self._fate()
        async with super().transaction(operator_id) as tx:
            yield tx
            if fate is Fate.LOST:
                raise CommitInDoubt("lost")
            if fate is Fate.KILLED_BEFORE:
                raise asyncio.CancelledError
        if fate is Fate.KEPT:
            raise CommitInDoubt("kept")
        if fate is Fate.KILLED_AFTER:
            raise asyncio.CancelledError
        self.last_read = (asyncio.current_task(), self._time.turns)
        if fate is Fate.FROZEN:
            await self._time.sleep(self._span())
            self.last_read = None

    @asynccontextmanager
    async def hot(self, operator_id: UUID | None = None) -> AsyncIterator[Connection]:
        """The look just before a charge is no transaction; a process may die or freeze after it all the same."""
        await self._time.turn()
        self.reads[asyncio.current_task()] += 1
        fate = self._fate()
        async with super().hot(operator_id) as connection:
            yield connection
        if fate in (Fate.KILLED_BEFORE, Fate.KILLED_AFTER):
            raise asyncio.CancelledError
        if fate in (Fate.LOST, Fate.KEPT):
            raise DatabaseUnavailable("lost")
        self.last_read = (asyncio.current_task(), self._time.turns)
        if fate is Fate.FROZEN:
            await self._time.sleep(self._span())
            self.last_read = None

    def just_read(self) -> bool:
        """Say whether this task, in whose turn nothing has happened yet, had the turn before this one as well."""
        return self.last_read == (asyncio.current_task(), self._time.turns - 1)


def calm_view(pool: Database, clock: Clock) -> Database:
    """Return a view of an open pool with another clock and no faults."""
    database = Database("", clock=clock)
    database._pool = pool._pool
    return database


class FaultyGateway:
    """Billing as seen by a process that may die or freeze around each call; it counts what is sent (I4)."""

    def __init__(
        self,
        billing: SimulatedBilling,
        *,
        database: FaultyDatabase,
        calm: Database,
        operator_id: UUID,
        time: VirtualTime,
        trouble: Callable[[CallName], Trouble],
        span: Span,
    ) -> None:
        self.violations: list[str] = []
        self._billing, self._database, self._calm, self._operator_id = billing, database, calm, operator_id
        self._time, self._trouble, self._span = time, trouble, span
        self._sent: Counter[tuple[UUID, int]] = Counter()

    async def charge(self, target: BillingTarget, values: Values) -> ChargeResult:
        await self._time.turn()
        await self._note_charge(values[PlatformValue.REFERENCE])
        trouble = await self._before("charge")
        result = await self._billing.charge(target, values)
        await self._after(trouble)
        return result

    async def status(self, target: BillingTarget, values: Values) -> StatusResult:
        self._database.reads[asyncio.current_task()] = READS_BEFORE_A_CHARGE - 1
        trouble = await self._before("status")
        result = await self._billing.status(target, values)
        await self._after(trouble)
        return result

    async def refund(self, target: BillingTarget, values: Values) -> RefundResult:
        trouble = await self._before("refund")
        result = await self._billing.refund(target, values)
        await self._after(trouble)
        return result

    async def cancel(self, target: BillingTarget, values: Values) -> CancelResult:
        trouble = await self._before("cancel")
        result = await self._billing.cancel(target, values)
        await self._after(trouble)
        return result

    async def _note_charge(self, reference: str) -> None:
        """I4: a request is sent only for a committed CHARGING row, once; a repeat only for an UNKNOWN one.

        Who was frozen, or overtaken, after reading the row just before cannot know.
        """
        just_read = self._database.just_read()
        if self._database.reads.pop(asyncio.current_task(), 0) < READS_BEFORE_A_CHARGE:
            self.violations.append("I4: sent without reading the row just before")
        async with self._calm.transaction(self._operator_id) as tx:
            row = await tx.fetchrow(
                "SELECT purchase_id, state, epoch FROM purchases WHERE operator_id = $1 AND reference = $2 "
                "AND state <> 'NOT_SENT'", self._operator_id, reference,
            )  # fmt: skip
        if just_read and (row is None or row["state"] not in ("CHARGING", "UNKNOWN")):
            self.violations.append(f"I4: sent for {row and row['state']}")
        elif row is not None and row["state"] == "CHARGING":
            self._sent[row["purchase_id"], row["epoch"]] += 1
            if self._sent[row["purchase_id"], row["epoch"]] > 1:
                self.violations.append("I4: sent twice in one epoch")

    async def _before(self, call: CallName) -> Trouble:
        trouble = self._trouble(call)
        if trouble is Trouble.KILLED_BEFORE:
            raise asyncio.CancelledError
        if trouble is Trouble.FROZEN_BEFORE:
            await self._time.sleep(self._span())
        return trouble

    async def _after(self, trouble: Trouble) -> None:
        if trouble is Trouble.KILLED_AFTER:
            raise asyncio.CancelledError
        if trouble is Trouble.FROZEN_AFTER:
            await self._time.sleep(self._span())
