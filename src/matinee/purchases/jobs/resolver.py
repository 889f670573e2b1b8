"""The resolver: one loop in every worker that does what is due for purchases and reversals.

The due list is read without locks; each row is then claimed by compare-and-set with a lease, so any number of
workers may run it. It goes on whatever happens: what it does not do, nobody does.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import structlog

from matinee.kernel.errors import MatineeError
from matinee.purchases.jobs.resolve import check
from matinee.purchases.jobs.reverse import check_reversal
from matinee.purchases.services import PurchaseServices

log = structlog.get_logger(__name__)

AT_ONCE = 1000
PER_OPERATOR = 20
LOOK_AT = 200
"""Rows of each kind that are read at a time."""

IDLE_SECONDS = 0.5

Key = tuple[str, UUID, UUID, UUID]


class Resolver:
    """Runs checks until it is stopped. One operator's slow billing takes at most PER_OPERATOR of the places."""

    def __init__(self, services: PurchaseServices) -> None:
        self._services = services
        self._running: dict[Key, asyncio.Task[None]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look for due work until `stop` is set, then let what is under way end (it is bounded by billing's limits)."""
        while not stop.is_set():
            try:
                started = await self.start_due()
            except MatineeError as error:
                log.warning("resolver_cannot_look", code=error.code)
                started = 0
            except Exception:
                log.exception("resolver_crashed")
                started = 0
            if started == 0:
                await _pause(stop)
        await self.drain()

    async def drain(self) -> None:
        """Wait for every check under way."""
        if self._running:
            await asyncio.gather(*self._running.values())

    async def start_due(self) -> int:
        """Start what is due and has a free place; returns how many checks were started."""
        places = Counter(key[1] for key in self._running)
        # Their rows would only hide those of others.
        busy = [operator_id for operator_id, taken in places.items() if taken >= PER_OPERATOR]
        async with self._services.database.directory() as tx:
            now = await tx.now()
            limits = (now, LOOK_AT, PER_OPERATOR, busy)
            due: list[Key] = [
                ("purchase", row[0], row[1], row[2])
                for row in await tx.fetch("SELECT * FROM due_purchases($1, $2, $3, $4)", *limits)
            ]
            due += [
                ("reversal", row[0], row[1], row[2])
                for row in await tx.fetch("SELECT * FROM due_reversals($1, $2, $3, $4)", *limits)
            ]
        started = 0
        for key in due:
            full = len(self._running) >= AT_ONCE or places[key[1]] >= PER_OPERATOR
            if key not in self._running and not full:
                self._start(key)
                places[key[1]] += 1
                started += 1
        await asyncio.sleep(0)
        return started

    def _start(self, key: Key) -> None:
        task = asyncio.create_task(self._guarded(key))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _guarded(self, key: Key) -> None:
        """Run one check. A failure is logged; the lease that was taken brings the row back."""
        try:
            await self._check(key)
        except MatineeError as error:
            log.warning("check_failed", kind=key[0], id=str(key[3]), code=error.code)
        except Exception:
            log.exception("check_crashed", kind=key[0], id=str(key[3]))

    def _check(self, key: Key) -> Coroutine[Any, Any, None]:
        kind, operator_id, customer_id, row_id = key
        if kind == "purchase":
            return check(self._services, operator_id=operator_id, customer_id=customer_id, purchase_id=row_id)
        return check_reversal(
            self._services, operator_id=operator_id, customer_id=customer_id, reversal_id=row_id
        )


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            await stop.wait()
    except TimeoutError:
        pass
