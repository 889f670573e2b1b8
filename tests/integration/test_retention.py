"""What is old is forgotten at its time and not before, at every operator, in batches."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import procrastinate
import pytest
from tests.factories.sale import make_person
from tests.factories.shop import Shop, open_shop

from matinee.entitlements.operations import forget_sessions
from matinee.entitlements.rules import SESSIONS_KEPT
from matinee.kernel.ids import new_id
from matinee.main.retention import forget_what_is_old
from matinee.platform import rounds
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.jobs import ENDED_JOBS_KEPT, create_app
from matinee.platform.rounds import sweep
from matinee.platform.storage import ObjectStorage
from matinee.provisions.operations.call_tests import CALL_TESTS_KEPT
from matinee.purchases.operations.receipts import forget_receipts, note_receipt
from matinee.purchases.rules import RECEIPTS_KEPT

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(database_urls, capabilities=frozenset()) as shop:
        yield shop


async def _count(shop: Shop, table: str) -> int:
    async with shop.database.transaction(shop.operator_id) as tx:
        found: int = await tx.fetchval(f"SELECT count(*) FROM {table}")
        return found


async def _show(shop: Shop, *, started_at: datetime, ended_after: timedelta, times: int = 1) -> None:
    """Write showings of a new customer."""
    async with shop.database.transaction(shop.operator_id) as tx:
        person = await make_person(tx, sale=shop.sale, now=shop.clock.moment)
        for _ in range(times):
            await tx.execute(
                """INSERT INTO playback_sessions (operator_id, customer_id, session_id, item_kind, item_id,
                                                  device_id, started_at, lease_until)
                   VALUES ($1, $2, $3, 'movie', $4, $5, $6, $7)""",
                shop.operator_id, person.customer_id, new_id(), shop.sale.movie_id, person.device_ids[0], started_at,
                started_at + ended_after,
            )  # fmt: skip


async def test_showings_are_forgotten_three_months_after_they_ended(shop: Shop) -> None:
    now = shop.clock.moment
    await _show(shop, started_at=now - SESSIONS_KEPT - 2 * DAY, ended_after=DAY)
    await _show(shop, started_at=now - SESSIONS_KEPT - 2 * DAY, ended_after=2 * DAY + SECOND)
    await _show(shop, started_at=now - DAY, ended_after=SECOND)

    assert await sweep(shop.database, forget_sessions) == 1
    assert await _count(shop, "playback_sessions") == 2
    shop.clock.advance(2 * SECOND)
    assert await sweep(shop.database, forget_sessions) == 1


async def test_a_batch_is_bounded_and_the_round_takes_as_many_as_it_needs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matinee.entitlements.operations.sessions.ROWS_AT_ONCE", 2)
    await _show(shop, started_at=shop.clock.moment - SESSIONS_KEPT - DAY, ended_after=SECOND, times=5)
    async with shop.database.transaction(shop.operator_id) as tx:
        assert await forget_sessions(tx, operator_id=shop.operator_id, now=shop.clock.moment) == 2
    assert await sweep(shop.database, forget_sessions) == 3
    assert rounds.ROWS_AT_ONCE == 1000


async def _receive(shop: Shop, provision_id: UUID, message_id: str) -> bool:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await note_receipt(
            tx, operator_id=shop.operator_id, provision_id=provision_id, message_id=message_id,
            now=shop.clock.moment,
        )  # fmt: skip


async def test_receipts_are_forgotten_but_for_the_newest_of_each_provision(shop: Shop) -> None:
    provision_id = shop.sale.provision_id
    assert [await _receive(shop, provision_id, name) for name in ("a", "b", "b")] == [True, True, False]
    shop.clock.advance(RECEIPTS_KEPT)
    assert await sweep(shop.database, forget_receipts) == 0
    shop.clock.advance(SECOND)
    assert await sweep(shop.database, forget_receipts) == 1
    assert await _count(shop, "callback_receipts") == 1
    assert not await _receive(shop, provision_id, "b")


async def test_test_calls_and_jobs_that_failed_go_as_well(
    shop: Shop, database_urls: EmbeddedPostgresInfo
) -> None:
    provision_id, now = shop.sale.provision_id, shop.clock.moment
    async with shop.database.transaction(shop.operator_id) as tx:
        for age in (CALL_TESTS_KEPT + SECOND, CALL_TESTS_KEPT - SECOND):
            await tx.execute(
                """INSERT INTO test_calls (operator_id, provision_id, test_call_id, version, reference, exchange,
                                           created_by, created_at)
                   VALUES ($1, $2, $3, 1, 'test-1', '{}', 'Ada', $4)""",
                shop.operator_id, provision_id, new_id(), now - age,
            )  # fmt: skip
    app = create_app(database_urls.app_url)
    async with app.open_async():
        left = [await _failed_job(shop, app, age) for age in (ENDED_JOBS_KEPT + DAY, ENDED_JOBS_KEPT - DAY)]
        forgotten = await forget_what_is_old(app, shop.database, ObjectStorage.in_memory())
        jobs = [job.id for job in await app.job_manager.list_jobs_async()]

    assert {name for name, count in forgotten.items() if count} == {"test_calls"}
    assert await _count(shop, "test_calls") == 1
    assert jobs == [left[1]]


async def _failed_job(shop: Shop, app: procrastinate.App, age: timedelta) -> int:
    """Make a job that failed so long ago, by the server's clock."""
    job = await app.configure_task("unknown", allow_unknown=True).defer_async()
    async with shop.database.directory() as tx:
        await tx.execute("UPDATE jobs.procrastinate_jobs SET status = 'failed' WHERE id = $1", job)
        await tx.execute(
            "UPDATE jobs.procrastinate_events SET at = statement_timestamp() - $2::interval WHERE job_id = $1",
            job, age,
        )  # fmt: skip
    return job
