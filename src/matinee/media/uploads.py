"""Taking in large files: they stream into storage and are never whole in memory."""

from collections.abc import AsyncIterator
from uuid import UUID

from matinee.kernel.errors import Invalid
from matinee.media.rules import source_key_of
from matinee.platform.storage import ObjectStorage, StoredObject

MAX_UPLOAD_BYTES = 100 * 1024**3


async def save_upload(
    storage: ObjectStorage,
    *,
    operator_id: UUID,
    asset_id: UUID,
    chunks: AsyncIterator[bytes],
    limit: int = MAX_UPLOAD_BYTES,
) -> StoredObject:
    """Store an uploaded film as it arrives; the result's `key` is the asset's `source_key`.

    Raises ObjectTooLarge (an Invalid, field `file`) above `limit` bytes and Invalid for an empty file;
    then, and when the sender goes away, nothing stays behind.
    """
    key = source_key_of(operator_id, asset_id)
    stored = await storage.put_stream(key, chunks, limit_bytes=limit)
    if stored.size_bytes == 0:
        await storage.delete(key)
        raise Invalid({"file": "This file is empty. Choose the film again."})
    return stored
