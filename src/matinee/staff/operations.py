"""Write staff accounts and sessions."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from asyncpg import UniqueViolationError

from matinee.kernel.errors import Invalid, NotFound, NotSignedIn
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import SYSTEM, Actor
from matinee.platform.db import Transaction
from matinee.platform.passwords import hash_password
from matinee.platform.tokens import hash_secret, new_secret
from matinee.staff.rules import SESSION_LIFETIME, check_new_staff
from matinee.staff.types import OpenedSession, Staff


async def create_staff(
    tx: Transaction,
    *,
    operator_id: UUID,
    email: str,
    name: str,
    password: str,
    roles: Collection[str],
    now: datetime,
    actor: Actor = SYSTEM,
) -> Staff:
    """Add an account. Raises Invalid (email, name, password, roles), also when the e-mail is taken."""
    email, name = email.strip().lower(), name.strip()
    checked = check_new_staff(email=email, name=name, roles=roles)
    staff = Staff(operator_id=operator_id, staff_id=new_id(), email=email, name=name, roles=checked)
    encoded = await hash_password(password)
    try:
        await tx.execute(
            """INSERT INTO staff_accounts
                   (operator_id, staff_id, email, name, password_hash, roles, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            operator_id, staff.staff_id, email, name, encoded, sorted(role.value for role in checked), now,
        )  # fmt: skip
    except UniqueViolationError as error:
        raise Invalid({"email": "There is an account with this e-mail address already."}) from error
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="staff.created", subject_kind="staff",
        subject_id=staff.staff_id, now=now, details={"email": email, "roles": sorted(checked)},
    )  # fmt: skip
    return staff


async def disable_staff(
    tx: Transaction, *, operator_id: UUID, staff_id: UUID, actor: Actor, now: datetime, reason: str = ""
) -> None:
    """Shut an account: it cannot sign in, and every session of it is dead at once. Raises NotFound."""
    done = await tx.execute(
        """UPDATE staff_accounts SET disabled_at = coalesce(disabled_at, $3)
           WHERE operator_id = $1 AND staff_id = $2""",
        operator_id, staff_id, now,
    )  # fmt: skip
    if done != "UPDATE 1":
        raise NotFound("There is no such staff account.")
    await tx.execute(
        "DELETE FROM staff_sessions WHERE operator_id = $1 AND staff_id = $2", operator_id, staff_id
    )
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="staff.disabled", subject_kind="staff",
        subject_id=staff_id, now=now, reason=reason,
    )  # fmt: skip


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
