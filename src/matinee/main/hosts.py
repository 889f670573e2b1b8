"""Which operator a request is for: the host name decides, and only names that are in the directory count."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from matinee.kernel.errors import NotFound
from matinee.platform import operators
from matinee.platform.db import Database
from matinee.platform.operators import Operator, host_name

FRESH_SECONDS = 3.0
_MOST_REMEMBERED = 1000


class HostDirectory:
    """Looks operators up by host name and remembers the answer for a few seconds."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[float, Operator | None]] = {}
        self._served: dict[str, asyncio.Lock] = {}
        self._strangers = asyncio.Lock()

    async def find(self, host: str) -> Operator | None:
        """Return the operator that `host` (no port, lower case) leads to, None if there is none."""
        found = self._fresh(host)
        if found is None:
            # Names that lead nowhere are looked up one after the other: a flood of them must not keep an
            # operator's own name waiting.
            async with self._served.get(host, self._strangers):
                found = self._fresh(host) or (await self._ask(host),)
        return found[0]

    async def get(self, host: str) -> Operator:
        """Return the operator of `host`. Raises NotFound (`unknown_host`)."""
        operator = await self.find(host)
        if operator is None:
            raise NotFound("No operator answers at this host name.", code="unknown_host")
        return operator

    async def all(self) -> list[Operator]:
        """Return every operator, by name."""
        async with self._database.directory() as tx:
            return await operators.list_operators(tx)

    def _fresh(self, host: str) -> tuple[Operator | None] | None:
        until, operator = self._known.get(host, (0.0, None))
        return (operator,) if until > self._clock() else None

    async def _ask(self, host: str) -> Operator | None:
        operator: Operator | None = None
        try:
            async with self._database.directory() as tx:
                operator = await operators.operator_by_host(tx, host=host)
        except NotFound:
            operator = None
        if len(self._known) >= _MOST_REMEMBERED:  # somebody tries names: forget rather than grow
            self._known = {name: entry for name, entry in self._known.items() if name in self._served}
        if operator is None:
            self._served.pop(host, None)
        else:
            self._served.setdefault(host, asyncio.Lock())
        self._known[host] = (self._clock() + FRESH_SECONDS, operator)
        return operator


def host_of(scope: Any) -> str:
    """Return the host name that a request was made to; empty where it names none."""
    for name, value in scope["headers"]:
        if name == b"host":
            return host_name(value.decode("latin-1"))
    return ""
