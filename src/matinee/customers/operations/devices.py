"""Which devices a customer uses. A device belongs to one customer; the look-up table is the truth of it."""

from datetime import datetime, timedelta
from uuid import UUID

from matinee.customers.operations.sessions import end_sessions
from matinee.customers.queries import is_signed_in, lock_customer
from matinee.customers.rules import validated_device
from matinee.customers.types import DeviceInput
from matinee.kernel.errors import NotFound, Refused
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction

SEEN_AGAIN_AFTER = timedelta(hours=1)


async def register_device(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer_id: UUID,
    device: DeviceInput,
    max_devices: int,
    now: datetime,
) -> None:
    """Note that a locked customer uses `device`.

    A device that another customer has signed out of changes hands. Raises Refused: `device_taken` while
    somebody else is signed in on it, `too_many_devices` when the customer has as many as the product allows.
    """
    device = validated_device(device)
    owner = await tx.fetchval(
        """SELECT customer_id FROM customer_lookups
           WHERE operator_id = $1 AND kind = 'device' AND value = $2 FOR UPDATE""",
        operator_id, str(device.device_id),
    )  # fmt: skip
    if owner != customer_id:
        await _check_count(tx, operator_id, customer_id, max_devices)
        if owner is not None and await is_signed_in(
            tx, operator_id=operator_id, customer_id=owner, device_id=device.device_id, now=now
        ):
            raise _taken()
        await _take(tx, operator_id, customer_id, device.device_id, owner)
    await tx.execute(
        """INSERT INTO devices (operator_id, customer_id, device_id, category, model, created_at,
                                last_seen_at)
           VALUES ($1, $2, $3, $4, $5, $6, $6)
           ON CONFLICT (operator_id, customer_id, device_id) DO UPDATE
           SET category = excluded.category, model = excluded.model, last_seen_at = excluded.last_seen_at""",
        operator_id, customer_id, device.device_id, device.category, device.model, now,
    )  # fmt: skip


async def _check_count(tx: Transaction, operator_id: UUID, customer_id: UUID, max_devices: int) -> None:
    count = await tx.fetchval(
        """SELECT count(*) FROM customer_lookups
           WHERE operator_id = $1 AND customer_id = $2 AND kind = 'device'""",
        operator_id, customer_id,
    )  # fmt: skip
    if count >= max_devices:
        raise Refused(
            f"This account is in use on {count} devices already, as many as it allows. "
            "Ask your operator to remove one.",
            code="too_many_devices",
        )


async def _take(
    tx: Transaction, operator_id: UUID, customer_id: UUID, device_id: UUID, owner: UUID | None
) -> None:
    """Make the customer the device's owner; of two who try at once the second is told that it is taken."""
    tag = await tx.execute(
        """INSERT INTO customer_lookups (operator_id, kind, value, customer_id) VALUES ($1, 'device', $2, $3)
           ON CONFLICT (operator_id, kind, value) DO UPDATE SET customer_id = excluded.customer_id
           WHERE customer_lookups.customer_id = $4""",
        operator_id, str(device_id), customer_id, owner,
    )  # fmt: skip
    if tag != "INSERT 0 1":
        raise _taken()


def _taken() -> Refused:
    return Refused("Somebody else is signed in on this device. Sign out there first.", code="device_taken")


async def note_seen(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, device_id: UUID, now: datetime
) -> None:
    """Note that a device is in use; written once an hour at most."""
    await tx.execute(
        """UPDATE devices SET last_seen_at = $4
           WHERE operator_id = $1 AND customer_id = $2 AND device_id = $3 AND last_seen_at < $5""",
        operator_id, customer_id, device_id, now, now - SEEN_AGAIN_AFTER,
    )  # fmt: skip


async def remove_device(
    tx: Transaction,
    *,
    operator_id: UUID,
    actor: Actor,
    customer_id: UUID,
    device_id: UUID,
    reason: str,
    now: datetime,
) -> None:
    """Sign a device out and free its place; what was bought or played on it stays on record.

    Raises NotFound, and Invalid (`reason`).
    """
    reason = checked_reason(reason)
    await lock_customer(tx, operator_id=operator_id, customer_id=customer_id)
    tag = await tx.execute(
        """DELETE FROM customer_lookups
           WHERE operator_id = $1 AND kind = 'device' AND value = $2 AND customer_id = $3""",
        operator_id, str(device_id), customer_id,
    )  # fmt: skip
    if tag == "DELETE 0":
        raise NotFound("This customer has no such device.")
    await end_sessions(tx, operator_id=operator_id, customer_id=customer_id, device_id=device_id)
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="customer.device_removed", subject_kind="customer",
        subject_id=customer_id, now=now, reason=reason, details={"device_id": str(device_id)},
    )  # fmt: skip
