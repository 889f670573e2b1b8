"""The viewer API on a fresh database, asked over HTTP as two operators' apps ask it."""

from collections.abc import AsyncIterator

import pytest
from httpx import ASGITransport, AsyncClient
from litestar import Litestar, Request
from litestar.di import Provide
from tests.factories.world import database, neighbour, operators, world

from matinee.platform.db import Database
from matinee.platform.operators import Operator, operator_by_host
from matinee.viewer_api import create_router

__all__ = ["database", "neighbour", "operators", "world"]


def _app(database: Database) -> Litestar:
    async def operator(request: Request) -> Operator:  # type: ignore[type-arg]
        async with database.directory() as tx:
            return await operator_by_host(tx, host=request.headers["host"].partition(":")[0])

    unused = ("purchases", "playback_tokens", "secret_box", "start_rights")
    return Litestar(
        [create_router()],
        dependencies={
            "operator": Provide(operator),
            "database": Provide(lambda: database, sync_to_thread=False),
            **{name: Provide(lambda: None, sync_to_thread=False) for name in unused},
        },
        openapi_config=None,
        logging_config=None,
    )


@pytest.fixture
async def client(database: Database, operators: tuple[Operator, Operator]) -> AsyncIterator[AsyncClient]:
    host = f"https://{operators[0].host}"
    transport = ASGITransport(_app(database))  # type: ignore[arg-type]
    async with AsyncClient(transport=transport, base_url=host) as client:
        client.headers["origin"] = host
        yield client
