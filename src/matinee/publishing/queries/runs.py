"""Reading runs, snapshots and what is published."""

from datetime import datetime
from typing import Any
from uuid import UUID

from matinee.kernel.errors import NotFound
from matinee.platform.db import Record, Transaction
from matinee.publishing.queries.source import count_changes, count_unplayable
from matinee.publishing.types import Published, RunState, Section, SectionStatus, Snapshot, SyncRun

_RUN = """operator_id, run_id, section, state, stage, percent, change_count, error, snapshot_id, restores,
          started_by, created_at, updated_at, finished_at"""
_PUBLISHED = """
    SELECT p.section, p.snapshot_id, s.digest, s.manifest_key, s.item_count, p.published_at, p.published_by
    FROM published_snapshots p
    JOIN snapshots s ON s.operator_id = p.operator_id AND s.section = p.section AND s.snapshot_id = p.snapshot_id
    WHERE p.operator_id = $1
"""


async def get_run(tx: Transaction, *, operator_id: UUID, run_id: UUID) -> SyncRun:
    """Return a run. Raises NotFound."""
    row = await tx.fetchrow(
        f"SELECT {_RUN} FROM sync_runs WHERE operator_id = $1 AND run_id = $2", operator_id, run_id
    )
    if row is None:
        raise NotFound("There is no such sync.")
    return run_of(row)


async def open_run(tx: Transaction, *, operator_id: UUID, section: Section) -> SyncRun | None:
    """Return the run of a section that waits or is under way."""
    row = await tx.fetchrow(
        f"""SELECT {_RUN} FROM sync_runs
            WHERE operator_id = $1 AND section = $2 AND state IN ('queued', 'running')""",
        operator_id, section.value,
    )  # fmt: skip
    return None if row is None else run_of(row)


async def recent_runs(
    tx: Transaction, *, operator_id: UUID, section: Section | None = None, limit: int = 20
) -> list[SyncRun]:
    """Return runs, newest first; of one section, or of all."""
    rows = await tx.fetch(
        f"""SELECT {_RUN} FROM sync_runs WHERE operator_id = $1 AND ($2::text IS NULL OR section = $2)
            ORDER BY created_at DESC, run_id DESC LIMIT $3""",
        operator_id, None if section is None else section.value, limit,
    )  # fmt: skip
    return [run_of(row) for row in rows]


async def get_published(tx: Transaction, *, operator_id: UUID, section: Section) -> Published | None:
    """Return what a section shows now; None before its first sync."""
    row = await tx.fetchrow(_PUBLISHED + "AND p.section = $2", operator_id, section.value)
    return None if row is None else _published(row)


async def published_snapshots(tx: Transaction, *, operator_id: UUID) -> dict[Section, UUID]:
    """Return the snapshot that each section shows; a section that was never synced is left out."""
    rows = await tx.fetch(
        "SELECT section, snapshot_id FROM published_snapshots WHERE operator_id = $1", operator_id
    )
    return {Section(row["section"]): row["snapshot_id"] for row in rows}


async def get_snapshot(
    tx: Transaction, *, operator_id: UUID, section: Section, snapshot_id: UUID
) -> Snapshot:
    """Return an earlier snapshot. Raises NotFound."""
    row = await tx.fetchrow(
        """SELECT operator_id, section, snapshot_id, digest, manifest_key, item_count FROM snapshots
           WHERE operator_id = $1 AND section = $2 AND snapshot_id = $3""",
        operator_id, section.value, snapshot_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such snapshot.")
    return Snapshot(**(dict(row) | {"section": Section(row["section"])}))


async def published_versions(
    tx: Transaction, *, operator_id: UUID, section: Section, item_ids: list[UUID]
) -> dict[UUID, str]:
    """Return the version of each of these items as it is published; those that are not are left out."""
    rows = await tx.fetch(
        """SELECT item_id, source_version FROM published_items
           WHERE operator_id = $1 AND section = $2 AND item_id = ANY ($3::uuid[])""",
        operator_id, section.value, item_ids,
    )  # fmt: skip
    return {row["item_id"]: row["source_version"] for row in rows}


async def section_status(
    tx: Transaction, *, operator_id: UUID, section: Section, now: datetime
) -> SectionStatus:
    """Return one row of the Cloud Sync page."""
    runs = await recent_runs(tx, operator_id=operator_id, section=section, limit=5)
    return SectionStatus(
        section=section,
        published=await get_published(tx, operator_id=operator_id, section=section),
        change_count=await count_changes(tx, operator_id=operator_id, section=section, now=now),
        unplayable_count=(
            0 if section is Section.PRODUCTS else await count_unplayable(tx, operator_id=operator_id, now=now)
        ),
        open_run=next((run for run in runs if run.is_open), None),
        last_run=next((run for run in runs if not run.is_open), None),
    )


async def pending_changes(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    """Return the changes of all sections together; a film counts once for each category of devices."""
    return sum(
        [await count_changes(tx, operator_id=operator_id, section=section, now=now) for section in Section]
    )


def run_of(row: Record) -> SyncRun:
    """Return the run that a row of `sync_runs` is."""
    values: dict[str, Any] = dict(row)
    values |= {"section": Section(row["section"]), "state": RunState(row["state"])}
    return SyncRun(**values)


def _published(row: Record) -> Published:
    return Published(**(dict(row) | {"section": Section(row["section"])}))
