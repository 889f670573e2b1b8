"""Read staff accounts and sessions."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.platform.db import Transaction
from matinee.staff.rules import IDLE_LIMIT
from matinee.staff.types import Role, Staff, StaffRow


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in compares with. `staff` is None for an unknown or disabled account."""

    staff: Staff | None
    password_hash: str | None


class LiveSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is in force."""

    staff: Staff
    last_seen_at: datetime


_ROWS = """
    SELECT a.operator_id, a.staff_id, a.email, a.name, a.roles, a.version, a.disabled_at, a.created_at,
           (SELECT max(s.last_seen_at) FROM staff_sessions s
            WHERE s.operator_id = a.operator_id AND s.staff_id = a.staff_id) AS last_seen_at
    FROM staff_accounts a WHERE a.operator_id = $1
"""


async def list_staff(tx: Transaction, *, operator_id: UUID) -> list[StaffRow]:
    """Return every account, those that can sign in first, by name."""
    rows = await tx.fetch(
        _ROWS + "ORDER BY a.disabled_at IS NOT NULL, lower(a.name), a.staff_id", operator_id
    )
    return [_staff_row(row) for row in rows]


async def get_staff_row(tx: Transaction, *, operator_id: UUID, staff_id: UUID) -> StaffRow:
    """Return one account with what the list shows. Raises NotFound."""
    row = await tx.fetchrow(_ROWS + "AND a.staff_id = $2", operator_id, staff_id)
    if row is None:
        raise NotFound("There is no such staff account.")
    return _staff_row(row)


async def staff_by_email(tx: Transaction, *, operator_id: UUID, email: str) -> Staff:
    """Return the account with this sign-in name, also a disabled one. Raises NotFound."""
    row = await tx.fetchrow(_ROWS + "AND a.email = $2", operator_id, email.strip().lower())
    if row is None:
        raise NotFound(f"There is no staff account {email.strip().lower()!r} at this operator.")
    return _staff(row)


async def find_credentials(tx: Transaction, *, operator_id: UUID, email: str) -> Credentials:
    """Return what is needed to check a password; for nobody, an empty answer rather than an error."""
    row = await tx.fetchrow(
        """SELECT operator_id, staff_id, email, name, roles, password_hash
           FROM staff_accounts WHERE operator_id = $1 AND email = $2 AND disabled_at IS NULL""",
        operator_id, email,
    )  # fmt: skip
    if row is None:
        return Credentials(staff=None, password_hash=None)
    return Credentials(staff=_staff(row), password_hash=row["password_hash"])


async def find_session(
    tx: Transaction, *, operator_id: UUID, session_hash: bytes, now: datetime
) -> LiveSession | None:
    """Return the session if it is in force: not ended, not idle too long, its owner not disabled."""
    row = await tx.fetchrow(
        """SELECT a.operator_id, a.staff_id, a.email, a.name, a.roles, s.last_seen_at
           FROM staff_sessions s
           JOIN staff_accounts a ON a.operator_id = s.operator_id AND a.staff_id = s.staff_id
           WHERE s.operator_id = $1 AND s.session_hash = $2
             AND s.expires_at > $3 AND s.last_seen_at > $4 AND a.disabled_at IS NULL""",
        operator_id, session_hash, now, now - IDLE_LIMIT,
    )  # fmt: skip
    if row is None:
        return None
    return LiveSession(staff=_staff(row), last_seen_at=row["last_seen_at"])


def _staff_row(row: Any) -> StaffRow:
    return StaffRow(
        staff=_staff(row),
        version=row["version"],
        disabled_at=row["disabled_at"],
        created_at=row["created_at"],
        last_seen_at=row["last_seen_at"],
    )


def _staff(row: Any) -> Staff:
    return Staff(
        operator_id=row["operator_id"],
        staff_id=row["staff_id"],
        email=row["email"],
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"]),
    )
