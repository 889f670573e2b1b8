"""Background jobs through procrastinate. A job is enqueued in the transaction of the work that asks for it.

Jobs never charge money: that is the resolver's work, on the purchases' own tables. A job here may
run twice (its worker died), so each must be safe to repeat.
"""

from datetime import timedelta
from typing import Final

import msgspec
import procrastinate

from matinee.platform.db import Transaction

QUEUE = "matinee"
CALLS = "calls"
"""For jobs that wait for somebody else's server: they must not hold up the others."""


ENDED_JOBS_KEPT: Final = timedelta(days=30)
"""How long a job that failed for good stays in the table, and in the metrics: somebody should have looked by then."""


def create_app(database_url: str) -> procrastinate.App:
    """Return procrastinate's app on its own schema; `main` registers the tasks."""
    connector = procrastinate.PsycopgConnector(
        conninfo=database_url, min_size=1, max_size=3, kwargs={"options": "-c search_path=jobs,public"}
    )
    return procrastinate.App(connector=connector)


async def enqueue(
    tx: Transaction, task: str, *, lock: str | None = None, queue: str = QUEUE, **arguments: object
) -> None:
    """Ask for `task` once this transaction commits. Jobs of one `lock` run one after the other."""
    await tx.fetchval(
        """SELECT jobs.procrastinate_defer_jobs_v1(
               ARRAY[ROW($1, $2, 0, $3, NULL, $4::jsonb, NULL)::jobs.procrastinate_job_to_defer_v1])""",
        queue, task, lock, msgspec.json.encode(arguments).decode(),
    )  # fmt: skip


async def forget_ended_jobs(app: procrastinate.App) -> None:
    """Forget the jobs that ended long ago without success; those that succeeded went at once. `app` is open."""
    hours = ENDED_JOBS_KEPT // timedelta(hours=1)
    await app.job_manager.delete_old_jobs(
        hours, include_failed=True, include_cancelled=True, include_aborted=True
    )
