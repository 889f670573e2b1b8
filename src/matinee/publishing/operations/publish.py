"""The swap: everything that makes a snapshot the published one, in one transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from matinee.kernel.ids import new_id
from matinee.offers.operations.published_items import (
    PublishedItem,
    keep_published_items,
    put_published_items,
)
from matinee.platform.db import Transaction
from matinee.publishing.queries.runs import get_published, run_of
from matinee.publishing.types import Section, Snapshot, SyncRun

_AT_ONCE = 2000


async def publish(
    tx: Transaction,
    *,
    run: SyncRun,
    snapshot: Snapshot,
    changed: Sequence[PublishedItem],
    item_ids: Collection[UUID],
    now: datetime,
) -> SyncRun | None:
    """Make `snapshot` what its section shows, and end the run; None when the run was cancelled meanwhile.

    `changed`: items that differ from what is published. `item_ids`: everything in the snapshot; what else
    is published is removed. A snapshot with the very content that is published already adds no row.
    """
    alive = await tx.fetchval(
        "SELECT 1 FROM sync_runs WHERE operator_id = $1 AND run_id = $2 AND state = 'running' FOR UPDATE",
        run.operator_id, run.run_id,
    )  # fmt: skip
    if alive is None:
        return None
    snapshot_id = await _record_snapshot(tx, snapshot, now)
    await tx.execute(
        """INSERT INTO published_snapshots (operator_id, section, snapshot_id, published_at, published_by)
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (operator_id, section) DO UPDATE SET snapshot_id = EXCLUDED.snapshot_id,
               published_at = EXCLUDED.published_at, published_by = EXCLUDED.published_by""",
        run.operator_id, run.section.value, snapshot_id, now, run.started_by,
    )  # fmt: skip
    for start in range(0, len(changed), _AT_ONCE):
        await put_published_items(
            tx,
            operator_id=run.operator_id,
            section=run.section.value,
            items=changed[start : start + _AT_ONCE],
        )
    removed = await keep_published_items(
        tx, operator_id=run.operator_id, section=run.section.value, item_ids=item_ids
    )
    return await _end_run(tx, run, snapshot_id, len(changed) + removed, now)


async def _record_snapshot(tx: Transaction, snapshot: Snapshot, now: datetime) -> UUID:
    """Return the id under which the snapshot is known."""
    published = await get_published(tx, operator_id=snapshot.operator_id, section=snapshot.section)
    if published is not None and published.digest == snapshot.digest:
        return published.snapshot_id
    await tx.execute(
        """INSERT INTO snapshots (operator_id, section, snapshot_id, digest, manifest_key, item_count, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (operator_id, section, snapshot_id) DO NOTHING""",
        snapshot.operator_id, snapshot.section.value, snapshot.snapshot_id, snapshot.digest,
        snapshot.manifest_key, snapshot.item_count, now,
    )  # fmt: skip
    return snapshot.snapshot_id


async def _end_run(
    tx: Transaction, run: SyncRun, snapshot_id: UUID, change_count: int, now: datetime
) -> SyncRun:
    row = await tx.fetchrow(
        """UPDATE sync_runs SET state = 'done', stage = 'Published', percent = 100, change_count = $3,
                  snapshot_id = $4, finished_at = $5, updated_at = $5
           WHERE operator_id = $1 AND run_id = $2 RETURNING *""",
        run.operator_id, run.run_id, change_count, snapshot_id, now,
    )  # fmt: skip
    assert row is not None  # it is locked
    return run_of(row)


def new_snapshot(
    *, operator_id: UUID, section: Section, digest: str, manifest_key: str, item_count: int
) -> Snapshot:
    """Return a snapshot that is in storage but not in the database yet."""
    return Snapshot(
        operator_id=operator_id,
        section=section,
        snapshot_id=new_id(),
        digest=digest,
        manifest_key=manifest_key,
        item_count=item_count,
    )
