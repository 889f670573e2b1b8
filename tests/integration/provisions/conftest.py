"""Two operators in a fresh database."""

from collections.abc import AsyncIterator

import pytest

from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.operators import Operator, create_operator


@pytest.fixture
async def database(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Database]:
    database = await Database.connect(database_urls.app_url, connections=5)
    yield database
    await database.close()


@pytest.fixture
async def operators(database_urls: EmbeddedPostgresInfo) -> tuple[Operator, Operator]:
    owner = await Database.connect(database_urls.owner_url, connections=1)
    try:
        async with owner.directory() as tx:
            aurora, borealis = [
                await create_operator(
                    tx, slug=slug, name=slug.title(), host=f"{slug}.localhost",
                    time_zone="Europe/Amsterdam", currency="EUR", country="NL",
                )
                for slug in ("aurora", "borealis")
            ]  # fmt: skip
        return aurora, borealis
    finally:
        await owner.close()
