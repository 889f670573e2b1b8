"""Work at each operator in turn."""

from datetime import datetime
from uuid import UUID

from structlog.testing import capture_logs
from tests.factories.sale import make_operator

from matinee.platform.db import Database, Transaction
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.rounds import sweep


async def test_trouble_at_one_operator_keeps_no_other_one_waiting(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    ids = [
        (await make_operator(database_urls.owner_url, slug)).operator_id for slug in ("one", "two", "three")
    ]
    database = await Database.connect(database_urls.app_url, connections=1)
    left = {ids[0]: 2, ids[2]: 1}
    seen: list[UUID] = []

    async def batch(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
        seen.append(operator_id)
        assert await tx.fetchval("SELECT current_setting('matinee.operator_id')") == str(operator_id)
        if operator_id == ids[1]:
            await tx.fetchval("SELECT 1 / 0")
        left[operator_id] -= 1
        return 0 if left[operator_id] < 0 else 5

    try:
        with capture_logs() as logged:
            assert await sweep(database, batch) == 15
    finally:
        await database.close()
    # Each until it finds nothing, a transaction a batch; who fails is not tried again in this round.
    assert sorted(seen.count(one) for one in ids) == [1, 2, 3]
    assert [(line["event"], line["operator"]) for line in logged] == [("round_failed", "two")]
