"""The record of what people did. Append-only: the application's role may add and read, nothing else."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from matinee.kernel.ids import new_id
from matinee.platform.db import Transaction


class Actor(msgspec.Struct, frozen=True):
    """Who did it: `kind` is `staff`, `subscriber` or `system`; `actor_id` is None for the system."""

    kind: str
    actor_id: UUID | None
    name: str


SYSTEM = Actor("system", None, "Matinee")


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done. `details` are the facts that changed, never secrets."""

    entry_id: UUID
    at: datetime
    actor_kind: str
    actor_name: str
    action: str
    subject_kind: str
    subject_id: str
    reason: str
    details: dict[str, Any]


async def record(
    tx: Transaction,
    *,
    operator_id: UUID,
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_id: object,
    now: datetime,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Add an entry in the transaction of the thing that it records. `action` is such as `movie.updated`."""
    await tx.execute(
        """INSERT INTO audit_entries (operator_id, entry_id, at, actor_kind, actor_id, actor_name,
                                      action, subject_kind, subject_id, reason, details)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb)""",
        operator_id, new_id(), now, actor.kind, actor.actor_id, actor.name,
        action, subject_kind, str(subject_id), reason, msgspec.json.encode(details or {}).decode(),
    )  # fmt: skip


async def entries_about(
    tx: Transaction, *, operator_id: UUID, subject_kind: str, subject_id: object, limit: int = 50
) -> list[AuditEntry]:
    """Return what was done to one subject, newest first."""
    rows = await tx.fetch(
        """SELECT entry_id, at, actor_kind, actor_name, action, subject_kind, subject_id, reason, details
           FROM audit_entries WHERE operator_id = $1 AND subject_kind = $2 AND subject_id = $3
           ORDER BY at DESC, entry_id DESC LIMIT $4""",
        operator_id, subject_kind, str(subject_id), limit,
    )  # fmt: skip
    return [AuditEntry(**(dict(row) | {"details": msgspec.json.decode(row["details"])})) for row in rows]
