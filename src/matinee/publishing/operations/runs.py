"""Asking for a run, its progress and its end."""

from datetime import datetime, timedelta
from uuid import UUID

from matinee.kernel.errors import Conflict
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.jobs import enqueue
from matinee.publishing.queries.runs import get_run, get_snapshot, open_run, run_of
from matinee.publishing.types import Section, SyncRun

TASK = "publishing.run_sync"
LEFT_ALONE = timedelta(minutes=5)
"""A run that has shown no sign of life for so long has lost its worker."""

_WORKER_LOST = "The worker that ran this sync stopped. What was published before stays."


async def request_sync(
    tx: Transaction, *, operator_id: UUID, section: Section, actor: Actor, now: datetime
) -> SyncRun:
    """Ask for a sync of one section and return its run; while one is open, that one is returned.

    The job is enqueued in this transaction. A run whose worker is lost is given up first.
    """
    return await _request(tx, operator_id, section, actor, now, restores=None)


async def request_put_back(
    tx: Transaction, *, operator_id: UUID, section: Section, snapshot_id: UUID, actor: Actor, now: datetime
) -> SyncRun:
    """Ask to publish an earlier snapshot again. Raises NotFound, and Conflict while a run is open.

    What is published already is no error: the run then does nothing.
    """
    snapshot = await get_snapshot(tx, operator_id=operator_id, section=section, snapshot_id=snapshot_id)
    run = await _request(tx, operator_id, section, actor, now, restores=snapshot.snapshot_id)
    if run.restores != snapshot_id:
        raise Conflict("A sync of this section is under way; wait for its end.", code="sync_under_way")
    return run


async def _request(
    tx: Transaction,
    operator_id: UUID,
    section: Section,
    actor: Actor,
    now: datetime,
    *,
    restores: UUID | None,
) -> SyncRun:
    await tx.execute(
        """UPDATE sync_runs SET state = 'failed', error = $4, finished_at = $3, updated_at = $3
           WHERE operator_id = $1 AND section = $2 AND state = 'running' AND updated_at < $5""",
        operator_id, section.value, now, _WORKER_LOST, now - LEFT_ALONE,
    )  # fmt: skip
    run_id = new_id()
    made = await tx.execute(
        """INSERT INTO sync_runs (operator_id, run_id, section, state, stage, restores, started_by,
                                  created_at, updated_at)
           VALUES ($1, $2, $3, 'queued', 'Waiting for the worker', $4, $5, $6, $6)
           ON CONFLICT (operator_id, section) WHERE state IN ('queued', 'running') DO NOTHING""",
        operator_id, run_id, section.value, restores, actor.name, now,
    )  # fmt: skip
    if made != "INSERT 0 1":
        existing = await open_run(tx, operator_id=operator_id, section=section)
        if existing is None:  # it ended between the two statements
            raise Conflict("A sync of this section has just ended; try again.", code="sync_under_way")
        return existing
    await enqueue(
        tx, TASK, lock=f"sync:{operator_id}:{section.value}", operator_id=str(operator_id), run_id=str(run_id)
    )
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="sync.put_back" if restores else "sync.requested",
        subject_kind="section", subject_id=section.value, now=now,
        details={"run_id": str(run_id)} | ({"snapshot_id": str(restores)} if restores else {}),
    )  # fmt: skip
    return await get_run(tx, operator_id=operator_id, run_id=run_id)


async def cancel_run(
    tx: Transaction, *, operator_id: UUID, run_id: UUID, actor: Actor, now: datetime
) -> SyncRun:
    """Cancel a run; what was published before stays. Raises NotFound, and Conflict when it has ended already."""
    row = await tx.fetchrow(
        """UPDATE sync_runs SET state = 'cancelled', finished_at = $3, updated_at = $3
           WHERE operator_id = $1 AND run_id = $2 AND state IN ('queued', 'running') RETURNING *""",
        operator_id, run_id, now,
    )  # fmt: skip
    if row is None:
        run = await get_run(tx, operator_id=operator_id, run_id=run_id)
        raise Conflict(f"This sync has ended already: it is {run.state.value}.", code="sync_ended")
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="sync.cancelled", subject_kind="section",
        subject_id=row["section"], now=now, details={"run_id": str(run_id)},
    )  # fmt: skip
    return run_of(row)


async def start_run(tx: Transaction, *, operator_id: UUID, run_id: UUID, now: datetime) -> SyncRun | None:
    """Begin a run, or begin it again after its worker died; None when it has ended meanwhile."""
    row = await tx.fetchrow(
        """UPDATE sync_runs SET state = 'running', stage = 'Reading', percent = 0, updated_at = $3
           WHERE operator_id = $1 AND run_id = $2 AND state IN ('queued', 'running') RETURNING *""",
        operator_id, run_id, now,
    )  # fmt: skip
    return None if row is None else run_of(row)


async def note_progress(
    tx: Transaction, *, operator_id: UUID, run_id: UUID, stage: str, percent: int, now: datetime
) -> bool:
    """Write down how far a run is; False when it is not running any more and must stop."""
    done = await tx.execute(
        """UPDATE sync_runs SET stage = $3, percent = greatest(percent, $4), updated_at = $5
           WHERE operator_id = $1 AND run_id = $2 AND state = 'running'""",
        operator_id, run_id, stage, percent, now,
    )  # fmt: skip
    return done == "UPDATE 1"


async def fail_run(tx: Transaction, *, operator_id: UUID, run_id: UUID, error: str, now: datetime) -> None:
    """End a run that could not be done; what was published before stays."""
    await tx.execute(
        """UPDATE sync_runs SET state = 'failed', error = $3, finished_at = $4, updated_at = $4
           WHERE operator_id = $1 AND run_id = $2 AND state IN ('queued', 'running')""",
        operator_id, run_id, error, now,
    )  # fmt: skip
