"""One loop and one pool for a module whose tests each make an operator of their own."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.jobs import charge


class Stage(msgspec.Struct, frozen=True):
    """Where scenes are played: the loop, the application's pool and the owner's."""

    runner: asyncio.Runner
    pool: Database
    owner: Database


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
