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
