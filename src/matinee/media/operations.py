"""Writing uploaded films and what became of them. One transaction each, opened by the caller."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from matinee.kernel.ids import new_id
from matinee.media import queries
from matinee.media.rules import clean_file_name
from matinee.media.types import Asset, ContentKey
from matinee.platform.db import Transaction
from matinee.platform.jobs import enqueue
from matinee.platform.secrets import SecretBox

TASK = "media.package_asset"


async def register_asset(
    tx: Transaction,
    *,
    operator_id: UUID,
    file_name: str,
    source_key: str,
    now: datetime,
    asset_id: UUID | None = None,
) -> Asset:
    """Record a film whose upload is complete under `source_key` in storage; it waits to be packaged.

    `file_name` is what the person called it, for showing only.
    """
    asset_id = asset_id or new_id()
    await tx.execute(
        """INSERT INTO assets (operator_id, asset_id, file_name, state, source_key, created_at, updated_at)
           VALUES ($1, $2, $3, 'uploaded', $4, $5, $5)""",
        operator_id, asset_id, clean_file_name(file_name), source_key, now,
    )  # fmt: skip
    return await queries.get_asset(tx, operator_id=operator_id, asset_id=asset_id)


async def request_packaging(tx: Transaction, *, operator_id: UUID, asset_id: UUID) -> None:
    """Have a film packaged by a worker once this transaction commits; of one film, one job after the other."""
    await enqueue(tx, TASK, lock=f"asset:{asset_id}", operator_id=str(operator_id), asset_id=str(asset_id))


async def start_packaging(
    tx: Transaction, *, operator_id: UUID, asset_id: UUID, now: datetime
) -> Asset | None:
    """Mark the film as being packaged; None if it is ready already. Raises NotFound.

    A film that failed, or whose worker died, starts again from nothing.
    """
    tag = await tx.execute(
        """UPDATE assets SET state = 'packaging', progress_percent = 0, error = NULL, updated_at = $3
           WHERE operator_id = $1 AND asset_id = $2 AND state <> 'ready'""",
        operator_id, asset_id, now,
    )  # fmt: skip
    asset = await queries.get_asset(tx, operator_id=operator_id, asset_id=asset_id)
    return asset if tag == "UPDATE 1" else None


async def note_progress(
    tx: Transaction, *, operator_id: UUID, asset_id: UUID, percent: int, now: datetime
) -> None:
    """Show how far packaging is, 0 to 100; ignored once it has ended."""
    await tx.execute(
        """UPDATE assets SET progress_percent = $3, updated_at = $4
           WHERE operator_id = $1 AND asset_id = $2 AND state = 'packaging'""",
        operator_id, asset_id, percent, now,
    )  # fmt: skip


async def finish_packaging(
    tx: Transaction,
    *,
    secret_box: SecretBox,
    operator_id: UUID,
    asset_id: UUID,
    playlist_key: str,
    duration_seconds: int,
    keys: Sequence[ContentKey],
    now: datetime,
) -> bool:
    """Make the film playable from `playlist_key` with `keys`; False if another run was first.

    Raises NotFound if there is no such film.
    """
    tag = await tx.execute(
        """UPDATE assets SET state = 'ready', progress_percent = 100, error = NULL, playlist_key = $3,
                             duration_seconds = $4, updated_at = $5
           WHERE operator_id = $1 AND asset_id = $2 AND state <> 'ready'""",
        operator_id, asset_id, playlist_key, duration_seconds, now,
    )  # fmt: skip
    if tag != "UPDATE 1":
        await queries.get_asset(tx, operator_id=operator_id, asset_id=asset_id)
        return False
    rows: list[tuple[object, ...]] = []
    for key in keys:
        context = queries.key_context(operator_id, asset_id, key.key_id)
        rows.append((operator_id, asset_id, key.key_id, secret_box.seal(key.key, context=context), now))
    await tx.executemany(
        """INSERT INTO asset_keys (operator_id, asset_id, key_id, sealed_key, created_at)
           VALUES ($1, $2, $3, $4, $5)""",
        rows,
    )
    return True


async def fail_packaging(
    tx: Transaction, *, operator_id: UUID, asset_id: UUID, error: str, now: datetime
) -> None:
    """Record why packaging stopped, in words for staff; ignored if it ended well. Raises NotFound."""
    tag = await tx.execute(
        """UPDATE assets SET state = 'failed', error = $3, updated_at = $4
           WHERE operator_id = $1 AND asset_id = $2 AND state <> 'ready'""",
        operator_id, asset_id, error, now,
    )  # fmt: skip
    if tag != "UPDATE 1":
        await queries.get_asset(tx, operator_id=operator_id, asset_id=asset_id)
