"""A settlement file from its upload to its end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from matinee.kernel.errors import Conflict, Invalid, Refused
from matinee.kernel.money import Money
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.jobs import enqueue
from matinee.provisions.queries import get_provision
from matinee.purchases.operations.alone import NEEDS_SECOND, count_alone, may_alone, take_turns
from matinee.purchases.queries.decisions import four_eyes_limits
from matinee.reconciliation.queries.files import find_same, get_file, reads_another
from matinee.reconciliation.queries.report import amounts_to_change, has_effects, unreadable_count
from matinee.reconciliation.rules.columns import check_mapping
from matinee.reconciliation.types import FileState, Layout, Mapping, SettlementFile

IMPORT_TASK = "reconciliation.import_file"
APPLY_TASK = "reconciliation.apply_file"
LONGEST_PERIOD = timedelta(days=400)
LONGEST_NAME = 200
WAITING = "Waiting for the worker"
_KIND = "settlement_file"


class SameFile(Conflict):
    """The same content was uploaded for this provision before; `file` is the earlier one."""

    code = "same_file"

    def __init__(self, file: SettlementFile) -> None:
        super().__init__(f"This very file was uploaded before, as “{file.name}”.")
        self.file = file


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file that has just come: its bytes lie in storage already."""

    file_id: UUID
    provision_id: UUID
    name: str
    storage_key: str
    size_bytes: int
    digest: bytes
    layout: Layout
    covers_from: datetime
    covers_until: datetime


def storage_key(operator_id: UUID, file_id: UUID) -> str:
    """Return where a file's bytes lie: in the operator's folder, in none that is served."""
    return f"settlement/{operator_id}/{file_id}"


def check_period(covers_from: datetime, covers_until: datetime, now: datetime) -> None:
    """Raise Invalid (`covers_until`) for a period that no file can cover."""
    if covers_until <= covers_from:
        raise Invalid({"covers_until": "The period must end after it begins."})
    if covers_until - covers_from > LONGEST_PERIOD:
        raise Invalid({"covers_until": f"A file may cover {LONGEST_PERIOD.days} days at most."})
    if covers_until > now:
        raise Invalid(
            {"covers_until": "The period must be over: what is charged tomorrow is in no file yet."}
        )


async def register_file(
    tx: Transaction, *, operator_id: UUID, upload: Upload, actor: Actor, now: datetime
) -> SettlementFile:
    """Add an uploaded file, whose columns are to be named next.

    Raises NotFound (the provision), Invalid (`name`, `covers_until`) and SameFile.
    """
    check_period(upload.covers_from, upload.covers_until, now)
    if not upload.name.strip() or len(upload.name) > LONGEST_NAME:
        raise Invalid({"name": f"A file's name has 1 to {LONGEST_NAME} signs."})
    await get_provision(tx, operator_id=operator_id, provision_id=upload.provision_id)
    made = await tx.execute(
        """INSERT INTO settlement_files (operator_id, file_id, provision_id, name, digest, storage_key, size_bytes,
                                         layout, covers_from, covers_until, state, uploaded_by,
                                         uploaded_by_id, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, 'uploaded', $11, $12, $13, $13)
           ON CONFLICT (operator_id, provision_id, digest) WHERE state NOT IN ('failed', 'cancelled') DO NOTHING""",
        operator_id, upload.file_id, upload.provision_id, upload.name.strip(), upload.digest, upload.storage_key,
        upload.size_bytes, msgspec.json.encode(upload.layout).decode(), upload.covers_from, upload.covers_until,
        actor.name, actor.actor_id, now,
    )  # fmt: skip
    if made != "INSERT 0 1":
        same = await find_same(
            tx, operator_id=operator_id, provision_id=upload.provision_id, digest=upload.digest
        )
        if same is None:  # it came to nothing between the two statements
            raise Conflict("This file was being cancelled; upload it again.")
        raise SameFile(same)
    await _record(tx, operator_id, upload.file_id, actor, "uploaded", now, name=upload.name.strip())
    return await get_file(tx, operator_id=operator_id, file_id=upload.file_id)


async def start_import(
    tx: Transaction, *, operator_id: UUID, file_id: UUID, mapping: Mapping, actor: Actor, now: datetime
) -> SettlementFile:
    """Name the columns of an uploaded file and have it read and compared.

    Raises NotFound, Invalid (by the mapping's field names) and Conflict when that has begun already.
    """
    file = await get_file(tx, operator_id=operator_id, file_id=file_id)
    check_mapping(mapping, file.layout)
    if file.uploaded_by_id is not None:
        await take_turns(tx, operator_id=operator_id, staff_id=file.uploaded_by_id)
    await tx.execute(
        "UPDATE settlement_files SET mapping = $3::jsonb WHERE operator_id = $1 AND file_id = $2",
        operator_id, file_id, msgspec.json.encode(mapping).decode(),
    )  # fmt: skip
    await _advance(tx, file, FileState.UPLOADED, FileState.READING, now)
    await _enqueue(tx, IMPORT_TASK, file)
    await _record(tx, operator_id, file_id, actor, "columns_named", now)
    return await get_file(tx, operator_id=operator_id, file_id=file_id)


async def start_applying(
    tx: Transaction,
    *,
    operator_id: UUID,
    file_id: UUID,
    is_complete: bool,
    reason: str,
    actor: Actor,
    now: datetime,
) -> SettlementFile:
    """Have a report applied to the purchases; again, too, for what is left of it.

    `is_complete`: staff declare that no charge of the period is missing in the file. Raises NotFound, Invalid
    (`reason`, `is_complete`), Refused (`needs_second_person`) to whoever uploaded it where what would change is above
    the operator's limit, and Conflict when there is no report, or it is being applied.
    """
    text = checked_reason(reason)
    file = await get_file(tx, operator_id=operator_id, file_id=file_id)
    if is_complete and await unreadable_count(tx, operator_id=operator_id, file_id=file_id):
        raise Invalid(
            {
                "is_complete": "Some rows could not be read, so a charge may be missing. "
                "Resolve each of them first, or leave this unticked."
            }
        )
    await _check_alone(tx, file, actor, is_complete=is_complete)
    before = FileState.APPLIED if file.state is FileState.APPLIED else FileState.READY
    await _advance(tx, file, before, FileState.APPLYING, now)
    await tx.execute(
        """UPDATE settlement_files SET is_complete = $3, apply_reason = $4, applied_by = $5, applied_by_id = $6
           WHERE operator_id = $1 AND file_id = $2""",
        operator_id, file_id, is_complete, text, actor.name, actor.actor_id,
    )  # fmt: skip
    await _enqueue(tx, APPLY_TASK, file)
    await _record(tx, operator_id, file_id, actor, "applied", now, reason=text, is_complete=is_complete)
    return await get_file(tx, operator_id=operator_id, file_id=file_id)


async def may_apply(
    tx: Transaction, *, file: SettlementFile, actor: Actor, is_complete: bool, now: datetime
) -> bool:
    """Say whether the limits let this person apply the report: anybody but whoever uploaded it, or a small one."""
    if actor.actor_id is None:
        return True
    return await may_alone(
        tx, operator_id=file.operator_id, staff_id=actor.actor_id, kind=_KIND, action_id=file.file_id,
        amounts=await _amounts_alone(tx, file, actor, is_complete=is_complete), now=now,
    )  # fmt: skip


async def _check_alone(tx: Transaction, file: SettlementFile, actor: Actor, *, is_complete: bool) -> None:
    """Raise Refused where nobody but the person who brought what it rests on would have seen to what it changes.

    Raises Conflict while more of that is on its way: the job would find it, and nobody had weighed it.
    """
    if actor.actor_id is None:
        return
    await take_turns(tx, operator_id=file.operator_id, staff_id=actor.actor_id)
    limits = await four_eyes_limits(tx, operator_id=file.operator_id)
    if limits and await reads_another(tx, file=file, staff_id=actor.actor_id):
        raise Conflict(
            "Another file that you uploaded is being read. Wait for its report, then apply this one."
        )
    alone = await count_alone(
        tx, operator_id=file.operator_id, staff_id=actor.actor_id, kind=_KIND, action_id=file.file_id,
        amounts=await _amounts_alone(tx, file, actor, is_complete=is_complete),
    )  # fmt: skip
    if not alone:
        raise Refused(
            "You uploaded what this rests on, and it changes more than one person may decide on within 24 hours."
            " Ask somebody else of finance to apply it.",
            code=NEEDS_SECOND,
        )


async def _amounts_alone(
    tx: Transaction, file: SettlementFile, actor: Actor, *, is_complete: bool
) -> list[Money]:
    """Return what a file moves by this person's word. One that is applied in parts counts as a whole; of somebody
    else's, what files of this person's own add to it."""
    again = file.applied_by_id is not None and file.applied_by_id == actor.actor_id
    added_by = None if is_own(file, actor) else actor.actor_id
    return await amounts_to_change(
        tx, file=file, is_complete=is_complete, with_applied=again, added_by=added_by
    )


def is_own(file: SettlementFile, actor: Actor) -> bool:
    """Say whether this person uploaded the file."""
    if file.uploaded_by_id is None:
        return file.uploaded_by == actor.name
    return file.uploaded_by_id == actor.actor_id


async def cancel_file(
    tx: Transaction, *, operator_id: UUID, file_id: UUID, actor: Actor, now: datetime
) -> SettlementFile:
    """Stop what is under way. A file that is being read is given up; one that is being applied keeps its report.

    A report of which nothing was applied or settled yet is given up as well: the file may be the wrong one, or for
    another period, and counts as evidence as long as it is there. Raises NotFound, and Conflict when there is
    nothing to stop.
    """
    await hold_file(tx, operator_id=operator_id, file_id=file_id)
    file = await get_file(tx, operator_id=operator_id, file_id=file_id)
    to = FileState.READY if file.state is FileState.APPLYING else FileState.CANCELLED
    if file.state is FileState.READY and await has_effects(tx, file=file):
        raise Conflict("Something of this file was applied or settled already, so its report stays.")
    if file.state not in (FileState.UPLOADED, FileState.READING, FileState.READY, FileState.APPLYING):
        raise Conflict("Nothing is under way here any more. Look at the report.")
    await _advance(tx, file, file.state, to, now)
    await _record(tx, operator_id, file_id, actor, "cancelled", now)
    return await get_file(tx, operator_id=operator_id, file_id=file_id)


async def hold_file(tx: Transaction, *, operator_id: UUID, file_id: UUID) -> None:
    """Let nobody move a file on, nor settle a row of it, until the transaction ends."""
    await tx.execute(
        "SELECT FROM settlement_files WHERE operator_id = $1 AND file_id = $2 FOR NO KEY UPDATE",
        operator_id, file_id,
    )  # fmt: skip


async def note_progress(
    tx: Transaction, *, file: SettlementFile, stage: str, percent: int, now: datetime
) -> bool:
    """Write down how far a job is; False when it was cancelled and must stop."""
    done = await tx.execute(
        """UPDATE settlement_files SET stage = $4, percent = greatest(percent, $5), updated_at = $6
           WHERE operator_id = $1 AND file_id = $2 AND state = $3""",
        file.operator_id, file.file_id, file.state, stage, percent, now,
    )  # fmt: skip
    return done == "UPDATE 1"


async def hold(tx: Transaction, *, file: SettlementFile) -> bool:
    """Keep other workers from this file until the transaction ends; False when its job has ended.

    A worker that was given up may still be alive.
    """
    row = await tx.fetchrow(
        """SELECT file_id FROM settlement_files WHERE operator_id = $1 AND file_id = $2 AND state = $3
           FOR NO KEY UPDATE""",
        file.operator_id, file.file_id, file.state,
    )  # fmt: skip
    return row is not None


async def finish(
    tx: Transaction, *, file: SettlementFile, to: FileState, error: str | None = None, now: datetime
) -> None:
    """End a job: its file becomes `to`, unless it was cancelled meanwhile."""
    await tx.execute(
        """UPDATE settlement_files SET state = $4, error = $5, finished_at = $6, updated_at = $6, stage = '',
                  percent = CASE WHEN $5::text IS NULL THEN 100 ELSE percent END
           WHERE operator_id = $1 AND file_id = $2 AND state = $3""",
        file.operator_id, file.file_id, file.state, to, error, now,
    )  # fmt: skip


async def note_content_removed(
    tx: Transaction, *, operator_id: UUID, file_ids: Sequence[UUID], now: datetime
) -> None:
    """Note that the bytes of these files are not in storage any more."""
    await tx.execute(
        """UPDATE settlement_files SET content_removed_at = $3
           WHERE operator_id = $1 AND file_id = ANY ($2::uuid[])""",
        operator_id, list(file_ids), now,
    )  # fmt: skip


async def _advance(
    tx: Transaction, file: SettlementFile, before: FileState, after: FileState, now: datetime
) -> None:
    """Move a file on by compare-and-set, its job's progress at the beginning. Raises Conflict."""
    working = after in (FileState.READING, FileState.APPLYING)
    done = await tx.execute(
        """UPDATE settlement_files SET state = $4, updated_at = $5, stage = $6, percent = 0, error = NULL,
                  finished_at = CASE WHEN $7 THEN NULL ELSE $5::timestamptz END
           WHERE operator_id = $1 AND file_id = $2 AND state = $3""",
        file.operator_id, file.file_id, before, after, now, WAITING if working else "", working,
    )  # fmt: skip
    if done != "UPDATE 1":
        raise Conflict("This file has moved on meanwhile. Look at its present state.")


async def _enqueue(tx: Transaction, task: str, file: SettlementFile) -> None:
    await enqueue(
        tx, task, lock=f"settlement:{file.operator_id}", operator_id=str(file.operator_id),
        file_id=str(file.file_id),
    )  # fmt: skip


async def _record(
    tx: Transaction,
    operator_id: UUID,
    file_id: UUID,
    actor: Actor,
    action: str,
    now: datetime,
    reason: str = "",
    **details: object,
) -> None:
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=f"settlement.{action}",
        subject_kind="settlement_file", subject_id=file_id, now=now, reason=reason, details=dict(details),
    )  # fmt: skip
