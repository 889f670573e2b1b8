"""How many statements a page sends: it must not depend on how many rows it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from matinee.platform.db import Transaction

_METHODS = ("fetch", "fetchrow", "fetchval", "execute", "select", "select_value")


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Collect the name of every call of a transaction's statement methods."""
    calls: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in _METHODS:
            patch.setattr(Transaction, name, _counting(name, getattr(Transaction, name), calls))
        yield calls


def _counting(name: str, method: Any, calls: list[str]) -> Any:
    async def count(self: Transaction, *args: Any) -> Any:
        calls.append(name)
        return await method(self, *args)

    return count
