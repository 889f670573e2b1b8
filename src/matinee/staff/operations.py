"""Write staff accounts and sessions."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import UniqueViolationError

from matinee.kernel.errors import EditedMeanwhile, Invalid, NotFound, NotSignedIn, Refused
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import SYSTEM, Actor
from matinee.platform.db import Transaction
from matinee.platform.tokens import hash_secret, new_secret
from matinee.staff.queries import get_staff_row
from matinee.staff.rules import SESSION_LIFETIME, check_new_staff
from matinee.staff.types import OpenedSession, Role, Staff


async def create_staff(
    tx: Transaction,
    *,
    operator_id: UUID,
    email: str,
    name: str,
    password_hash: str,
    roles: Collection[str],
    now: datetime,
    actor: Actor = SYSTEM,
) -> Staff:
    """Add an account. `password_hash` is from `hash_password`, made before the transaction.

    Raises Invalid (email, name, roles), also when the e-mail is taken.
    """
    email, name = email.strip().lower(), name.strip()
    checked = check_new_staff(email=email, name=name, roles=roles)
    staff = Staff(operator_id=operator_id, staff_id=new_id(), email=email, name=name, roles=checked)
    try:
        await tx.execute(
            """INSERT INTO staff_accounts
                   (operator_id, staff_id, email, name, password_hash, roles, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            operator_id, staff.staff_id, email, name, password_hash, sorted(role.value for role in checked), now,
        )  # fmt: skip
    except UniqueViolationError as error:
        raise Invalid({"email": "There is an account with this e-mail address already."}) from error
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="staff.created", subject_kind="staff",
        subject_id=staff.staff_id, now=now, details={"email": email, "roles": sorted(checked)},
    )  # fmt: skip
    return staff


async def update_staff(
    tx: Transaction,
    *,
    operator_id: UUID,
    staff_id: UUID,
    name: str,
    roles: Collection[str],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Staff:
    """Change name and roles; they count from the person's next request on.

    Raises NotFound, Invalid (name, roles), Conflict (`edited_meanwhile`) and Refused (`last_admin`).
    """
    name = name.strip()
    admins = await _lock_admins(tx, operator_id)
    before = await get_staff_row(tx, operator_id=operator_id, staff_id=staff_id)
    checked = check_new_staff(email=before.staff.email, name=name, roles=roles)
    if expected_version is not None and expected_version != before.version:
        raise EditedMeanwhile("this account")
    if Role.ADMIN not in checked:
        _check_not_last(admins, staff_id)
    if (name, checked) == (before.staff.name, before.staff.roles):
        return before.staff
    await tx.execute(
        """UPDATE staff_accounts SET name = $3, roles = $4, version = version + 1
           WHERE operator_id = $1 AND staff_id = $2""",
        operator_id, staff_id, name, sorted(role.value for role in checked),
    )  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="staff.updated", subject_kind="staff",
        subject_id=staff_id, now=now,
        details={"name": name, "roles": {"from": sorted(before.staff.roles), "to": sorted(checked)}},
    )  # fmt: skip
    return msgspec.structs.replace(before.staff, name=name, roles=checked)


async def disable_staff(
    tx: Transaction, *, operator_id: UUID, staff_id: UUID, actor: Actor, now: datetime, reason: str = ""
) -> None:
    """Shut an account: it cannot sign in, and every session of it is dead at once.

    Raises NotFound, and Refused (`last_admin`) for the last administrator who can still sign in.
    """
    admins = await _lock_admins(tx, operator_id)
    row = await get_staff_row(tx, operator_id=operator_id, staff_id=staff_id)
    if row.disabled_at is not None:
        return
    _check_not_last(admins, staff_id)
    await tx.execute(
        "UPDATE staff_accounts SET disabled_at = $3 WHERE operator_id = $1 AND staff_id = $2",
        operator_id, staff_id, now,
    )  # fmt: skip
    await _end_sessions(tx, operator_id, staff_id)
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="staff.disabled", subject_kind="staff",
        subject_id=staff_id, now=now, reason=reason,
    )  # fmt: skip


async def enable_staff(
    tx: Transaction, *, operator_id: UUID, staff_id: UUID, actor: Actor, now: datetime, reason: str = ""
) -> None:
    """Let a disabled account sign in again, with the password that it had. Raises NotFound."""
    row = await get_staff_row(tx, operator_id=operator_id, staff_id=staff_id)
    if row.disabled_at is None:
        return
    await tx.execute(
        "UPDATE staff_accounts SET disabled_at = NULL WHERE operator_id = $1 AND staff_id = $2",
        operator_id, staff_id,
    )  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="staff.enabled", subject_kind="staff",
        subject_id=staff_id, now=now, reason=reason,
    )  # fmt: skip


async def set_staff_password(
    tx: Transaction, *, operator_id: UUID, staff_id: UUID, password_hash: str, actor: Actor, now: datetime
) -> None:
    """Give an account a new password and end every session of it. Raises NotFound.

    `password_hash` is from `hash_password`, made before the transaction.
    """
    done = await tx.execute(
        "UPDATE staff_accounts SET password_hash = $3 WHERE operator_id = $1 AND staff_id = $2",
        operator_id, staff_id, password_hash,
    )  # fmt: skip
    if done != "UPDATE 1":
        raise NotFound("There is no such staff account.")
    await _end_sessions(tx, operator_id, staff_id)
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="staff.password_reset", subject_kind="staff",
        subject_id=staff_id, now=now,
    )  # fmt: skip


async def _lock_admins(tx: Transaction, operator_id: UUID) -> frozenset[UUID]:
    """Return the administrators who can sign in. Their rows are locked, so that two cannot go at once."""
    rows = await tx.fetch(
        """SELECT staff_id FROM staff_accounts
           WHERE operator_id = $1 AND disabled_at IS NULL AND 'admin' = ANY (roles)
           ORDER BY staff_id FOR UPDATE""",
        operator_id,
    )  # fmt: skip
    return frozenset(row["staff_id"] for row in rows)


def _check_not_last(admins: frozenset[UUID], staff_id: UUID) -> None:
    if admins == {staff_id}:
        raise Refused(
            "This is the last administrator. Give somebody else the role admin first.", code="last_admin"
        )


async def _end_sessions(tx: Transaction, operator_id: UUID, staff_id: UUID) -> None:
    await tx.execute(
        "DELETE FROM staff_sessions WHERE operator_id = $1 AND staff_id = $2", operator_id, staff_id
    )


async def open_session(
    tx: Transaction, *, staff: Staff, now: datetime, replaces: str | None = None
) -> OpenedSession:
    """Open a session for a person whose password was right; the one in `replaces` (a secret) ends.

    Raises NotSignedIn when the account was disabled meanwhile. Sessions long ended are removed.
    """
    still_there = await tx.fetchval(
        """SELECT 1 FROM staff_accounts
           WHERE operator_id = $1 AND staff_id = $2 AND disabled_at IS NULL FOR SHARE""",
        staff.operator_id, staff.staff_id,
    )  # fmt: skip
    if still_there is None:
        raise NotSignedIn("E-mail address and password do not fit together.", code="wrong_credentials")
    await tx.execute(
        """DELETE FROM staff_sessions
           WHERE operator_id = $1 AND (expires_at <= $2 OR session_hash = $3)""",
        staff.operator_id, now, hash_secret(replaces or ""),
    )  # fmt: skip
    secret, expires_at = new_secret(), now + SESSION_LIFETIME
    await tx.execute(
        """INSERT INTO staff_sessions
               (operator_id, session_hash, staff_id, created_at, last_seen_at, expires_at)
           VALUES ($1, $2, $3, $4, $4, $5)""",
        staff.operator_id, hash_secret(secret), staff.staff_id, now, expires_at,
    )  # fmt: skip
    await audit.record(
        tx, operator_id=staff.operator_id, actor=staff.actor, action="staff.signed_in",
        subject_kind="staff", subject_id=staff.staff_id, now=now,
    )  # fmt: skip
    return OpenedSession(staff=staff, secret=secret, expires_at=expires_at)


async def touch_session(tx: Transaction, *, operator_id: UUID, session_hash: bytes, now: datetime) -> None:
    """Note that the session is in use."""
    await tx.execute(
        "UPDATE staff_sessions SET last_seen_at = $3 WHERE operator_id = $1 AND session_hash = $2",
        operator_id, session_hash, now,
    )  # fmt: skip


async def end_session(tx: Transaction, *, operator_id: UUID, secret: str) -> None:
    """End a session; one that is not there is no error."""
    await tx.execute(
        "DELETE FROM staff_sessions WHERE operator_id = $1 AND session_hash = $2",
        operator_id, hash_secret(secret),
    )  # fmt: skip
