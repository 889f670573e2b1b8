"""One loop and one pool for a module whose tests each make an operator of their own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.simulation.scene import Scene, open_scene

from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.types import Capabilities
from matinee.purchases.jobs import charge


class Stage(msgspec.Struct, frozen=True):
    """Where scenes are played: the loop, the application's pool and the owner's."""

    runner: asyncio.Runner
    pool: Database
    owner: Database

    def play(
        self, life: Callable[[Scene], Awaitable[None]], *, capabilities: Capabilities, **terms: Any
    ) -> None:
        """Open a scene of a new operator, let `life` happen in it, and see that no invariant was broken."""

        async def whole() -> None:
            async with open_scene(self.pool, self.owner, capabilities=capabilities, **terms) as scene:
                await life(scene)
                assert await scene.broken() == []

        self.runner.run(whole())


@pytest.fixture(scope="module")
def stage(module_database_urls: EmbeddedPostgresInfo) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        pool = runner.run(Database.connect(module_database_urls.app_url, connections=20))
        owner = runner.run(Database.connect(module_database_urls.owner_url, connections=1))
        yield Stage(runner, pool, owner)
        runner.run(pool.close())
        runner.run(owner.close())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """In simulated time nobody waits for a database to come back."""
    monkeypatch.setattr(charge, "SAVE_AGAIN_AFTER_SECONDS", (0.0, 0.0))
