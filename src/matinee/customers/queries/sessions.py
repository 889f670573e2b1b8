"""Reading sessions of subscribers."""

from datetime import datetime
from uuid import UUID

from matinee.customers.rules import read_token
from matinee.customers.types import DeviceCategory, SubscriberSession
from matinee.platform.db import Transaction
from matinee.platform.db.clock import Connection
from matinee.platform.tokens import hash_secret


async def is_signed_in(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, device_id: UUID, now: datetime
) -> bool:
    """Say whether a customer has a session on a device that has not run out."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM subscriber_sessions WHERE operator_id = $1 AND customer_id = $2
                          AND device_id = $3 AND expires_at > $4)""",
        operator_id, customer_id, device_id, now,
    )  # fmt: skip
    return found


async def session_by_token(
    reader: "Transaction | Connection", *, operator_id: UUID, token: str, now: datetime | None
) -> SubscriberSession | None:
    """Return who is signed in by `token`, None for nobody. One statement, which needs no transaction around it.

    A token of another operator, one that has run out, and one of a disabled customer all name nobody.
    `now` None is the database's own time (`Database.hot_moment`).
    """
    parts = read_token(token)
    if parts is None or parts[0] != operator_id:
        return None
    row = await reader.fetchrow(
        "SELECT device_id, category, expires_at FROM subscriber_session($1, $2, $3, $4)",
        operator_id, parts[1], hash_secret(parts[2]), now,
    )  # fmt: skip
    if row is None:
        return None
    return SubscriberSession(
        customer_id=parts[1],
        device_id=row["device_id"],
        category=DeviceCategory(row["category"]),
        expires_at=row["expires_at"],
    )
