"""Opening and ending the sessions of subscribers."""

from datetime import datetime
from uuid import UUID

from matinee.customers.rules import SESSION_LIFETIME, read_token, write_token
from matinee.customers.types import DeviceInput, SignedIn, SubscriberSession
from matinee.platform.db import Transaction
from matinee.platform.tokens import hash_secret, new_secret


async def open_session(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, device: DeviceInput, now: datetime
) -> SignedIn:
    """Open a session on a registered device; any earlier one on that device ends, and those run out go."""
    await tx.execute(
        """DELETE FROM subscriber_sessions
           WHERE operator_id = $1 AND customer_id = $2 AND (device_id = $3 OR expires_at <= $4)""",
        operator_id, customer_id, device.device_id, now,
    )  # fmt: skip
    secret = new_secret()
    session = SubscriberSession(
        customer_id=customer_id,
        device_id=device.device_id,
        category=device.category,
        expires_at=now + SESSION_LIFETIME,
    )
    await tx.execute(
        """INSERT INTO subscriber_sessions (operator_id, customer_id, session_hash, device_id, created_at,
                                            expires_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        operator_id, customer_id, hash_secret(secret), device.device_id, now, session.expires_at,
    )  # fmt: skip
    return SignedIn(token=write_token(operator_id, customer_id, secret), session=session)


async def sign_out(tx: Transaction, *, operator_id: UUID, token: str) -> None:
    """End the session of `token`; harmless when there is none."""
    parts = read_token(token)
    if parts is None or parts[0] != operator_id:
        return
    await tx.execute(
        "DELETE FROM subscriber_sessions WHERE operator_id = $1 AND customer_id = $2 AND session_hash = $3",
        operator_id, parts[1], hash_secret(parts[2]),
    )  # fmt: skip


async def end_sessions(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, device_id: UUID | None = None
) -> None:
    """End every session of a customer, or those on one device."""
    await tx.execute(
        """DELETE FROM subscriber_sessions
           WHERE operator_id = $1 AND customer_id = $2 AND ($3::uuid IS NULL OR device_id = $3)""",
        operator_id, customer_id, device_id,
    )  # fmt: skip
