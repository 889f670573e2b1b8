"""The versions of a provision: who saved each, when, and which settings differ from the one before."""

from typing import Any
from uuid import UUID

import msgspec

from matinee.platform.db import Transaction
from matinee.provisions.types import VersionNote

MOST_VERSIONS = 200


async def version_history(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, limit: int = MOST_VERSIONS
) -> list[VersionNote]:
    """Return the newest versions, newest first. What changed is told by its path, never by its text."""
    rows = await tx.fetch(
        """SELECT version, created_by, created_at, config::text AS config FROM provision_versions
           WHERE operator_id = $1 AND provision_id = $2 ORDER BY version DESC LIMIT $3""",
        operator_id, provision_id, limit + 1,
    )  # fmt: skip
    configs = [msgspec.json.decode(row["config"]) for row in rows]
    before = [*configs[1:], None]
    return [
        VersionNote(
            version=row["version"],
            created_by=row["created_by"],
            created_at=row["created_at"],
            changed=() if earlier is None else tuple(sorted(_differences(config, earlier))),
        )
        for row, config, earlier in zip(rows, configs, before, strict=True)
    ][:limit]


def _differences(one: Any, other: Any, path: str = "") -> set[str]:
    """Return the paths, two steps deep, at which two settings differ."""
    if one == other:
        return set()
    if path.count(".") == 1 or not (isinstance(one, dict) and isinstance(other, dict)):
        return {path}
    found: set[str] = set()
    for name in one.keys() | other.keys():
        found |= _differences(one.get(name), other.get(name), f"{path}.{name}" if path else name)
    return found
