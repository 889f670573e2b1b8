"""Reading uploaded films and their keys."""

from collections.abc import Sequence
from uuid import UUID

from matinee.kernel.errors import NotFound
from matinee.media.types import Asset
from matinee.platform.db import Transaction
from matinee.platform.secrets import SecretBox

_ASSET = """
    operator_id, asset_id, file_name, state, progress_percent, error, source_key, playlist_key,
    duration_seconds, created_at, updated_at
"""


async def get_asset(tx: Transaction, *, operator_id: UUID, asset_id: UUID) -> Asset:
    """Return an uploaded film and how far its packaging is. Raises NotFound."""
    row = await tx.fetchrow(
        f"SELECT {_ASSET} FROM assets WHERE operator_id = $1 AND asset_id = $2",  # nosec B608
        operator_id, asset_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such uploaded film.")
    return Asset(**row)


async def assets_by_id(tx: Transaction, *, operator_id: UUID, asset_ids: Sequence[UUID]) -> dict[UUID, Asset]:
    """Return the uploaded films with these ids; one that does not exist is not in it."""
    rows = await tx.fetch(
        f"SELECT {_ASSET} FROM assets WHERE operator_id = $1 AND asset_id = ANY($2::uuid[])",
        operator_id, list(asset_ids),
    )  # fmt: skip
    return {row["asset_id"]: Asset(**row) for row in rows}


async def get_key(
    tx: Transaction, *, secret_box: SecretBox, operator_id: UUID, asset_id: UUID, key_id: UUID
) -> bytes:
    """Return the 16 bytes that decrypt a film's segments. Raises NotFound.

    Whoever asks has checked the right to watch before; the answer must not be cached or logged.
    """
    sealed = await tx.fetchval(
        "SELECT sealed_key FROM asset_keys WHERE operator_id = $1 AND asset_id = $2 AND key_id = $3",
        operator_id, asset_id, key_id,
    )  # fmt: skip
    if sealed is None:
        raise NotFound("There is no such key.")
    return secret_box.open(sealed, context=key_context(operator_id, asset_id, key_id))


def key_context(operator_id: UUID, asset_id: UUID, key_id: UUID) -> bytes:
    """Return what a sealed key is bound to: moved to another row, it does not open."""
    return f"asset-key:{operator_id}:{asset_id}:{key_id}".encode()
