"""What Prometheus reads: requests by route, the database pool, the queue of jobs, the workers."""

import os
from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from matinee.kernel.errors import Unavailable
from matinee.platform.db import Database

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the lines and say nothing that anybody asks

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REGISTRY = CollectorRegistry()
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REQUESTS = Counter(
    "matinee_http_requests", "Requests answered.", ["method", "route", "status"], registry=_REGISTRY
)
_SECONDS = Histogram(
    "matinee_http_request_seconds",
    "Seconds from the first byte of a request to the end of its answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_REGISTRY,
)


@cache
def _request_counter(method: str, route: str, status: int) -> Counter:
    return _REQUESTS.labels(method, route, str(status))


@cache
def _request_seconds(route: str) -> Histogram:
    return _SECONDS.labels(route)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request. Labels have few values: routes are templates, unknown methods are one."""
    _request_counter(method if method in _METHODS else "other", route, status).inc()
    _request_seconds(route).observe(seconds)


def observer(method: str, route: str, status: int) -> Callable[[float], None]:
    """Return what counts requests that always have these labels, given their seconds; it need not look them up."""
    requests, seconds_of = _request_counter(method, route, status), _request_seconds(route)

    def count(seconds: float) -> None:
        requests.inc()
        seconds_of.observe(seconds)

    return count


async def render(database: Database) -> bytes:
    """Return everything in Prometheus' text format; without a database `matinee_database_up` is 0."""
    registry = CollectorRegistry()
    _pool_gauges(registry, database)
    up = Gauge("matinee_database_up", "Whether the database answers.", registry=registry)
    try:
        await _job_gauges(registry, database)
        up.set(1)
    except Unavailable:
        up.set(0)
    return generate_latest(_request_registry()) + generate_latest(registry)


def _request_registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return _REGISTRY
    joined = CollectorRegistry()
    MultiProcessCollector(joined)  # type: ignore[no-untyped-call]
    return joined


def _pool_gauges(registry: CollectorRegistry, database: Database) -> None:
    pool = database.pool_size()
    gauge = Gauge(
        "matinee_database_connections", "Connections of this process' pool.", ["state"], registry=registry
    )
    gauge.labels("open").set(pool.open)
    gauge.labels("idle").set(pool.idle)
    gauge.labels("most").set(pool.most)


async def _job_gauges(registry: CollectorRegistry, database: Database) -> None:
    async with database.directory() as tx:
        now = await tx.now()
        jobs = await tx.fetch(
            """SELECT task_name, status::text AS status, count(*) AS jobs FROM jobs.procrastinate_jobs
               WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1, 2"""
        )
        waited = await tx.fetchval(
            """SELECT extract(epoch FROM $1::timestamptz - min(e.at)) FROM jobs.procrastinate_jobs j
               JOIN jobs.procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
               WHERE j.status = 'todo'""",
            now,
        )
        heartbeats = await tx.fetch(
            """SELECT extract(epoch FROM $1::timestamptz - last_heartbeat) AS age
               FROM jobs.procrastinate_workers""",
            now,
        )
    _by_task(registry, ((row["task_name"], row["status"], row["jobs"]) for row in jobs))
    oldest = Gauge(
        "matinee_jobs_oldest_waiting_seconds",
        "Age of the oldest job that nobody has begun.",
        registry=registry,
    )
    oldest.set(float(waited or 0))
    ages = [float(row["age"]) for row in heartbeats]
    Gauge("matinee_workers", "Workers known to the database.", registry=registry).set(len(ages))
    if ages:
        Gauge(
            "matinee_worker_heartbeat_age_seconds",
            "Age of the youngest sign of life of any worker.",
            registry=registry,
        ).set(min(ages))


def _by_task(registry: CollectorRegistry, rows: Iterable[tuple[str, str, int]]) -> None:
    gauge = Gauge("matinee_jobs", "Jobs by task and state.", ["task", "state"], registry=registry)
    for task, state, count in rows:
        gauge.labels(task, state).set(count)
