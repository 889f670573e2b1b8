"""The worker: background jobs, the resolver that settles open purchases, and the telling of what happened."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import procrastinate
import structlog

from matinee.entitlements.jobs import note_ended_rights
from matinee.main.health import refuse_to_forget
from matinee.main.retention import forget_what_is_old
from matinee.main.wiring import Services, build_services
from matinee.media.jobs import package_asset
from matinee.media.operations import TASK as PACKAGE_TASK
from matinee.platform import jobs
from matinee.platform.operators import get_operator
from matinee.platform.settings import Settings
from matinee.provisions.jobs import run_requested_probe
from matinee.provisions.operations.probes import TASK as PROBE_TASK
from matinee.publishing.jobs import repair_manifests, run_sync
from matinee.publishing.operations.runs import TASK as SYNC_TASK
from matinee.purchases.jobs.erasures import finish_erasures
from matinee.purchases.jobs.resolver import Resolver
from matinee.reconciliation.jobs import apply_file, import_file
from matinee.reconciliation.operations.files import APPLY_TASK, IMPORT_TASK
from matinee.webhooks.jobs import telling

_CONCURRENCY: Final = 2
_MOST_CALLS: Final = 4
_GRACE_SECONDS: Final = 8.0
_SILENT_SECONDS: Final = 40.0
_LOOK_EVERY_SECONDS: Final = 10.0
_REPAIR_EVERY_SECONDS: Final = 300.0
_ENDS_EVERY_SECONDS: Final = 60.0
_FORGET_EVERY_SECONDS: Final = 3600.0
_ERASE_EVERY_SECONDS: Final = 300.0
_PAUSE_SECONDS: Final = 2.0
_RETRY: Final = procrastinate.RetryStrategy(max_attempts=5, exponential_wait=4)

_log = structlog.get_logger()


async def run_worker(settings: Settings, *, on_start: Callable[[], None] = lambda: None) -> None:
    """Work until SIGINT or SIGTERM; a job under way gets a few seconds, then it is left for the next worker.

    Raises Unavailable when the database cannot be reached at the start, and Misconfigured when it could forget charges.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)  # `_job` says it in our own words
    services = build_services(settings)
    async with services.running():
        async with services.database.directory() as tx:
            await tx.fetchval("SELECT 1")
        await refuse_to_forget(services.database, standby=settings.database_standby)
        await work(services, stop, on_start=on_start)


async def work(
    services: Services, stop: asyncio.Event, *, on_start: Callable[[], None] = lambda: None
) -> None:
    """Run jobs and the resolver until `stop` is set. What fails is begun again after a pause."""
    app, database = create_jobs_app(services), services.database
    parts: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
        ("jobs", lambda: _run_jobs(app, jobs.QUEUE, _CONCURRENCY)),
        ("calls", lambda: _run_jobs(app, jobs.CALLS, _MOST_CALLS)),
        ("stalled_jobs", lambda: _every(_LOOK_EVERY_SECONDS, lambda: _return_stalled_jobs(app))),
        (
            "manifests",
            lambda: _every(_REPAIR_EVERY_SECONDS, lambda: repair_manifests(database, services.storage)),
        ),
        ("ended_rights", lambda: _every(_ENDS_EVERY_SECONDS, lambda: note_ended_rights(database))),
        (
            "retention",
            lambda: _every(
                _FORGET_EVERY_SECONDS, lambda: forget_what_is_old(app, database, services.storage)
            ),
        ),
        ("erasures", lambda: _every(_ERASE_EVERY_SECONDS, lambda: finish_erasures(database))),
    ]
    # These see `stop` themselves and let their calls end; the others are cut off.
    loops: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
        ("resolver", lambda: Resolver(services.purchases).run(stop)),
        ("webhooks", lambda: telling(services.webhooks).run(stop)),
    ]
    async with app.open_async():
        cut_off = [asyncio.create_task(_keep_running(name, part, stop)) for name, part in parts]
        ending = [asyncio.create_task(_keep_running(name, part, stop)) for name, part in loops]
        on_start()
        await stop.wait()
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, *ending, return_exceptions=True)


def create_jobs_app(services: Services) -> procrastinate.App:
    """Return procrastinate's app with every task registered."""
    app = jobs.create_app(services.settings.database_url)

    @app.task(name=PACKAGE_TASK, queue=jobs.QUEUE, retry=_RETRY)
    async def package(operator_id: str, asset_id: str) -> None:
        async with _job(PACKAGE_TASK, operator_id=operator_id, asset_id=asset_id):
            await package_asset(
                services.database,
                services.storage,
                services.secret_box,
                operator_id=UUID(operator_id),
                asset_id=UUID(asset_id),
                key_url=await _key_url(services, UUID(operator_id)),
            )

    @app.task(name=SYNC_TASK, queue=jobs.QUEUE, retry=_RETRY)
    async def sync(operator_id: str, run_id: str) -> None:
        async with _job(SYNC_TASK, operator_id=operator_id, run_id=run_id):
            await run_sync(
                services.database, services.storage, operator_id=UUID(operator_id), run_id=UUID(run_id)
            )

    @app.task(name=PROBE_TASK, queue=jobs.CALLS, retry=_RETRY)
    async def probe(operator_id: str, provision_id: str, probe_id: str) -> None:
        async with _job(PROBE_TASK, operator_id=operator_id, provision_id=provision_id):
            await run_requested_probe(
                services.database,
                services.gateway,
                operator_id=UUID(operator_id),
                provision_id=UUID(provision_id),
                probe_id=UUID(probe_id),
            )

    _register_settlement(app, services)
    return app


def _register_settlement(app: procrastinate.App, services: Services) -> None:
    @app.task(name=IMPORT_TASK, queue=jobs.QUEUE, retry=_RETRY)
    async def read(operator_id: str, file_id: str) -> None:
        async with _job(IMPORT_TASK, operator_id=operator_id, file_id=file_id):
            await import_file(
                services.database, services.storage, operator_id=UUID(operator_id), file_id=UUID(file_id)
            )

    @app.task(name=APPLY_TASK, queue=jobs.QUEUE, retry=_RETRY)
    async def apply(operator_id: str, file_id: str) -> None:
        async with _job(APPLY_TASK, operator_id=operator_id, file_id=file_id):
            await apply_file(services.purchases, operator_id=UUID(operator_id), file_id=UUID(file_id))


async def _key_url(services: Services, operator_id: UUID) -> str:
    """Return the address of a key, with `{asset_id}` and `{key_id}` in it, as it will stand in the playlists.

    Without MATINEE_KEY_ORIGIN it is a path: right as long as the films come from the operator's own host.
    """
    origin = services.settings.key_origin
    if "{host}" in origin:
        async with services.database.directory() as tx:
            operator = await get_operator(tx, operator_id=operator_id)
        origin = origin.replace("{host}", operator.host)
    return origin.rstrip("/") + "/api/keys/{asset_id}/{key_id}"


async def _run_jobs(app: procrastinate.App, queue: str, most_at_once: int) -> None:
    await app.run_worker_async(
        queues=[queue],
        concurrency=most_at_once,
        shutdown_graceful_timeout=_GRACE_SECONDS,
        install_signal_handlers=False,
        delete_jobs="successful",
        fetch_job_polling_interval=2.0,
    )


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work at the start and every so often, for ever."""
    while True:
        await work()
        await asyncio.sleep(seconds)


async def _return_stalled_jobs(app: procrastinate.App) -> None:
    """Give the jobs of workers that died back to the queue."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=_SILENT_SECONDS):
        _log.warning("job_returned", task=job.task_name, attempts=job.attempts)
        await app.job_manager.retry_job(job)


async def _keep_running(name: str, part: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await part()
        except Exception as error:
            _log.error("worker_part_failed", part=name, exc_info=error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _PAUSE_SECONDS)


class _job:  # noqa: N801 (used as a statement)
    """Log a job's beginning and end; an error goes on to the queue, which tries again."""

    def __init__(self, task: str, **facts: str) -> None:
        self._log = _log.bind(task=task, **facts)

    async def __aenter__(self) -> None:
        self._log.info("job_started")

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._log.info("job_done")
        elif isinstance(error, Exception):
            self._log.error("job_failed", exc_info=error)
        else:
            self._log.info("job_cut_off")
