"""A database that another version has migrated is refused in words, and left as it is."""

import asyncpg
import pytest

from matinee.kernel.errors import Unavailable
from matinee.platform.db import migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres


async def test_a_database_of_an_unknown_version_is_refused(postgres: EmbeddedPostgres) -> None:
    urls = postgres.create_database("another_version")
    try:
        migrate(urls.owner_url)
        owner = await asyncpg.connect(urls.owner_url)
        try:
            await owner.execute("UPDATE alembic_version SET version_num = '9999'")
            with pytest.raises(Unavailable, match="another version of Matinee"):
                migrate(urls.owner_url)
            assert await owner.fetchval("SELECT version_num FROM alembic_version") == "9999"
        finally:
            await owner.close()
    finally:
        postgres.drop_database("another_version")
