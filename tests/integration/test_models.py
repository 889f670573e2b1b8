"""What the models declare for building lists stands in the migrated database; the migrations are the truth."""

import asyncpg
from sqlalchemy import Table

import matinee.catalog.models
import matinee.customers.models
import matinee.offers.models
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo

MODULES = (matinee.catalog.models, matinee.customers.models, matinee.offers.models)


async def test_every_declared_column_exists(database_urls: EmbeddedPostgresInfo) -> None:
    connection = await asyncpg.connect(database_urls.owner_url)
    try:
        rows = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
    finally:
        await connection.close()
    existing = {(row["table_name"], row["column_name"]) for row in rows}
    tables = [found for module in MODULES for found in vars(module).values() if isinstance(found, Table)]
    declared = {(table.name, column.name) for table in tables for column in table.columns}
    assert len(tables) >= len(MODULES)
    assert declared - existing == set()
