"""Which secrets a provision has. No query returns a text."""

from datetime import datetime
from uuid import UUID

import msgspec

from matinee.platform.db import Transaction


class SecretEntry(msgspec.Struct, frozen=True, kw_only=True):
    """That a secret is there, and who set it last."""

    name: str
    updated_by: str
    updated_at: datetime


async def list_secret_names(tx: Transaction, *, operator_id: UUID, provision_id: UUID) -> list[SecretEntry]:
    """Return the secrets of a provision by name; none when there is no such provision."""
    rows = await tx.fetch(
        """SELECT name, created_by AS updated_by, updated_at FROM provision_secrets
           WHERE operator_id = $1 AND provision_id = $2 ORDER BY name""",
        operator_id, provision_id,
    )  # fmt: skip
    return [SecretEntry(**dict(row)) for row in rows]


async def callback_secret(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID
) -> tuple[str, bytes] | None:
    """Return name and sealed text of the secret that a provision's callbacks are signed with; None: there is none."""
    row = await tx.fetchrow(
        """SELECT s.name, s.sealed FROM provisions p
           JOIN provision_versions v ON v.operator_id = p.operator_id AND v.provision_id = p.provision_id
                                    AND v.version = p.current_version
           JOIN provision_secrets s ON s.operator_id = p.operator_id AND s.provision_id = p.provision_id
                                   AND s.name = v.config ->> 'callback_secret'
           WHERE p.operator_id = $1 AND p.provision_id = $2""",
        operator_id, provision_id,
    )  # fmt: skip
    return None if row is None else (row["name"], row["sealed"])
