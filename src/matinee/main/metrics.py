"""What Prometheus reads: requests by route, the database pool, the queue of jobs, the workers."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from matinee.kernel.errors import Unavailable
from matinee.platform.db import Database

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the lines and say nothing that anybody asks

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REGISTRY = CollectorRegistry()
_OVERDUE_AFTER = timedelta(minutes=2)
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
    families = [_pool_gauge(database)]
    try:
        families += await _job_gauges(database)
        families += await _billing_gauges(database)
        up = 1
    except Unavailable:
        up = 0
    families.append(_gauge("matinee_database_up", "Whether the database answers.", up))
    return generate_latest(_request_registry()) + generate_latest(_Momentary(families))


class _Momentary(CollectorRegistry):
    """What is true at this moment: asked for anew at each scrape and kept nowhere, not between workers either."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)


def _request_registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return _REGISTRY
    joined = CollectorRegistry()
    MultiProcessCollector(joined)  # type: ignore[no-untyped-call]
    return joined


def _pool_gauge(database: Database) -> GaugeMetricFamily:
    pool = database.pool_size()
    gauge = GaugeMetricFamily(
        "matinee_database_connections", "Connections of this process' pool.", labels=["state"]
    )
    for state, count in (("open", pool.open), ("idle", pool.idle), ("most", pool.most)):
        gauge.add_metric([state], count)
    return gauge


async def _job_gauges(database: Database) -> list[GaugeMetricFamily]:
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
    by_task = GaugeMetricFamily("matinee_jobs", "Jobs by task and state.", labels=["task", "state"])
    for row in jobs:
        by_task.add_metric([row["task_name"], row["status"]], row["jobs"])
    ages = [float(row["age"]) for row in heartbeats]
    found = [
        by_task,
        _gauge(
            "matinee_jobs_oldest_waiting_seconds",
            "Age of the oldest job nobody has begun.",
            float(waited or 0),
        ),
        _gauge("matinee_workers", "Takers of jobs known to the database: two in each worker.", len(ages)),
    ]
    if ages:
        name, text = "matinee_worker_heartbeat_age_seconds", "Age of the youngest sign of life of any worker."
        found.append(_gauge(name, text, min(ages)))
    return found


async def _billing_gauges(database: Database) -> list[GaugeMetricFamily]:
    """Return what waits for billing or for a person, over all operators; counted in indexes of what is open."""
    async with database.directory() as tx:
        now = await tx.now()
        rows = await tx.fetch("SELECT name, found FROM billing_gauges($1, $2)", now, now - _OVERDUE_AFTER)
    found = {row["name"]: row["found"] for row in rows}
    waiting = GaugeMetricFamily(
        "matinee_purchases_waiting",
        "Purchases without an outcome, and refunds for finance.",
        labels=["state"],
    )
    for state in ("UNKNOWN", "REVIEW", "REFUND_OPEN"):
        waiting.add_metric([state], found[state])
    breakers = GaugeMetricFamily(
        "matinee_billing_breakers",
        "Billing systems that are left alone (open), or were until the next purchase tries them (half_open).",
        labels=["state"],
    )
    # Once its pause is over a breaker waits for the next purchase, however long none comes: nobody is trying.
    for state, name in (("open", "breakers_open"), ("half_open", "breakers_trying")):
        breakers.add_metric([state], found[name])
    overdue = "Checks of purchases and refunds that were due two minutes ago and nobody has made."
    return [waiting, breakers, _gauge("matinee_checks_overdue", overdue, found["overdue"])]
