"""The worker inside one process: its jobs, those of workers that died, and its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from tests.factories.sale import make_operator
from tests.factories.world import STAFF

from matinee.main.wiring import Services, build_services
from matinee.main.worker import work
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.settings import Settings
from matinee.platform.try_limits import WINDOW, TryLimit, take_try
from matinee.publishing.operations.runs import request_sync
from matinee.publishing.queries.runs import get_run
from matinee.publishing.rules import manifest_key
from matinee.publishing.types import RunState, Section, SyncRun


@pytest.fixture
async def services(database_urls: EmbeddedPostgresInfo, tmp_path: Path) -> AsyncIterator[Services]:
    services = build_services(
        Settings(database_url=database_urls.app_url, storage_url=tmp_path.as_uri(), secret_key=bytes(32))
    )
    async with services.running():
        yield services


@pytest.fixture
async def operator_id(database_urls: EmbeddedPostgresInfo) -> UUID:
    return (await make_operator(database_urls.owner_url, "aurora")).operator_id


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(work(services, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def ask(services: Services, operator_id: UUID) -> SyncRun:
    async with services.database.transaction(operator_id) as tx:
        return await request_sync(
            tx, operator_id=operator_id, section=Section.PRODUCTS, actor=STAFF, now=await tx.now()
        )


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await reached():  # noqa: ASYNC110 (what is waited for happens in the database)
            await asyncio.sleep(0.05)


async def is_done(services: Services, run: SyncRun) -> bool:
    async with services.database.transaction(run.operator_id) as tx:
        return (await get_run(tx, operator_id=run.operator_id, run_id=run.run_id)).state is RunState.DONE


async def test_a_job_is_done_soon_after_its_transaction_commits_and_what_is_old_is_forgotten(
    services: Services, operator_id: UUID
) -> None:
    async with services.database.transaction(operator_id) as tx:
        long_ago = await tx.now() - 2 * WINDOW
        await take_try(tx, operator_id=operator_id, limits=[TryLimit("old", 5)], now=long_ago)

    async def is_forgotten() -> bool:
        async with services.database.transaction(operator_id) as tx:
            return await tx.fetchval("SELECT NOT EXISTS (SELECT FROM sign_in_failures)") is True

    async with working(services):
        run = await ask(services, operator_id)
        await until(lambda: is_done(services, run))
        await until(is_forgotten)


async def test_the_job_of_a_worker_that_died_is_done_by_the_next(
    services: Services, operator_id: UUID
) -> None:
    run = await ask(services, operator_id)
    async with services.database.directory() as tx:
        await tx.execute(
            "INSERT INTO jobs.procrastinate_workers (last_heartbeat) VALUES ($1::timestamptz - interval '1 hour')",
            await tx.now(),
        )
        await tx.execute(
            "UPDATE jobs.procrastinate_jobs SET status = 'doing', worker_id ="
            " (SELECT id FROM jobs.procrastinate_workers)"
        )
    async with working(services):
        await until(lambda: is_done(services, run))


async def test_a_worker_repairs_the_manifests_when_it_starts(services: Services, operator_id: UUID) -> None:
    key = manifest_key(operator_id, Section.PRODUCTS)
    async with working(services):
        run = await ask(services, operator_id)
        await until(lambda: services.storage.exists(key))
        assert await is_done(services, run)
    before = await services.storage.get(key)
    await services.storage.delete(key)
    async with working(services):
        await until(lambda: services.storage.exists(key))
    assert await services.storage.get(key) == before


async def test_jobs_and_workers_are_counted(services: Services, operator_id: UUID) -> None:
    from matinee.main import metrics

    await ask(services, operator_id)
    waiting = (await metrics.render(services.database)).decode()
    assert 'matinee_jobs{state="todo",task="publishing.run_sync"} 1.0' in waiting
    assert "matinee_workers 0.0" in waiting
    async with working(services):

        async def shown() -> bool:
            return b"matinee_workers 2.0" in await metrics.render(services.database)

        await until(shown)
        assert b"matinee_worker_heartbeat_age_seconds" in await metrics.render(services.database)
