"""Adding operators: what is wrong is named by its field, and nothing is saved."""

from typing import Any

import pytest

from matinee.kernel.errors import Invalid
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.operators import create_operator, list_operators

GOOD: dict[str, Any] = {
    "slug": "aurora",
    "name": "Aurora",
    "host": "aurora.localhost",
    "time_zone": "UTC",
    "currency": "EUR",
}


async def test_a_taken_name_a_country_and_a_locale_are_refused_by_field(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    owner = await Database.connect(database_urls.owner_url, connections=1)
    try:
        async with owner.directory() as tx:
            await create_operator(tx, **GOOD, country="NL", locale="nl_NL")
        with pytest.raises(Invalid) as refused:
            async with owner.directory() as tx:
                await create_operator(tx, **GOOD, country="Netherlands", locale="xx_YY")
        assert sorted(refused.value.fields) == ["country", "host", "locale", "slug"]
        async with owner.directory() as tx:
            assert len(await list_operators(tx)) == 1
    finally:
        await owner.close()
