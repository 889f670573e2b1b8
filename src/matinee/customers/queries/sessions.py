"""Reading sessions of subscribers."""

from datetime import datetime
from uuid import UUID

from matinee.customers.rules import read_token
from matinee.customers.types import DeviceCategory, SubscriberSession
from matinee.platform.db import Transaction
from matinee.platform.tokens import hash_secret


async def session_by_token(
    tx: Transaction, *, operator_id: UUID, token: str, now: datetime
) -> SubscriberSession | None:
    """Return who is signed in by `token`, None for nobody.

    A token of another operator, one that has run out, and one of a disabled customer all name nobody.
    """
    parts = read_token(token)
    if parts is None or parts[0] != operator_id:
        return None
    _, customer_id, secret = parts
    row = await tx.fetchrow(
        """SELECT s.customer_id, s.device_id, d.category, s.expires_at
           FROM subscriber_sessions s
           JOIN devices d ON d.operator_id = s.operator_id AND d.customer_id = s.customer_id
                AND d.device_id = s.device_id
           JOIN customers c ON c.operator_id = s.operator_id AND c.customer_id = s.customer_id
           WHERE s.operator_id = $1 AND s.customer_id = $2 AND s.session_hash = $3 AND s.expires_at > $4
                 AND c.status <> 'disabled'""",
        operator_id, customer_id, hash_secret(secret), now,
    )  # fmt: skip
    if row is None:
        return None
    return SubscriberSession(**(dict(row) | {"category": DeviceCategory(row["category"])}))
