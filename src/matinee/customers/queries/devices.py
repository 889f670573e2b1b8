"""Reading devices."""

from uuid import UUID

from matinee.customers.types import Device, DeviceCategory
from matinee.platform.db import Transaction


async def list_devices(tx: Transaction, *, operator_id: UUID, customer_id: UUID) -> list[Device]:
    """Return every device that a customer ever signed in on: registered ones first, then last seen first."""
    rows = await tx.fetch(
        """SELECT d.device_id, d.category, d.model, d.created_at, d.last_seen_at,
                  l.customer_id IS NOT NULL AS is_registered
           FROM devices d
           LEFT JOIN customer_lookups l ON l.operator_id = d.operator_id AND l.kind = 'device'
                AND l.value = d.device_id::text AND l.customer_id = d.customer_id
           WHERE d.operator_id = $1 AND d.customer_id = $2
           ORDER BY is_registered DESC, d.last_seen_at DESC, d.device_id""",
        operator_id, customer_id,
    )  # fmt: skip
    return [Device(**(dict(row) | {"category": DeviceCategory(row["category"])})) for row in rows]
