"""The exchange with billing is tested on the event loop that it runs on in production."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

Loop = asyncio.AbstractEventLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], Loop]]:
    """Choose the event loop of one test."""
    if item.path.name in {"test_provision_exchange.py", "test_http_wire.py"}:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
