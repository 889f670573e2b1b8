"""Waiting until two transactions meet."""

import asyncio

from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo


async def somebody_waits(urls: EmbeddedPostgresInfo) -> None:
    """Return when a transaction waits for what another one holds."""
    counting = await Database.connect(urls.owner_url, connections=1)
    try:
        async with asyncio.timeout(20), counting.directory() as tx:
            while not await tx.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        await counting.close()
