"""The manifest in storage follows the row in the database, which is the truth."""

from uuid import UUID

import msgspec
import structlog

from matinee.kernel.errors import MatineeError
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.rounds import for_every_operator
from matinee.platform.storage import ObjectMissing, ObjectStorage
from matinee.publishing.queries.runs import get_published
from matinee.publishing.rules import manifest_key
from matinee.publishing.types import Manifest, Published, Section, SnapshotIndex

_log = structlog.get_logger(__name__)


async def write_manifest(
    database: Database, storage: ObjectStorage, *, operator_id: UUID, section: Section
) -> bool:
    """Write a section's manifest as its row says, unless it is so already; return whether it was written.

    A slower writer may come after a faster one: the row is read again afterwards, until nothing has moved.
    """
    written = False
    while (wanted := await _published(database, operator_id, section)) is not None:
        body = await _manifest(storage, wanted)
        key = manifest_key(operator_id, section)
        if await _current(storage, key) != body:
            await storage.put(key, body, content_type="application/json")
            written = True
        if await _published(database, operator_id, section) == wanted:
            break
    return written


async def repair_manifests(database: Database, storage: ObjectStorage) -> int:
    """Write every manifest that does not say what its row says; return how many. For the worker's start."""

    async def repair(operator: Operator) -> int:
        repaired = 0
        for section in Section:
            try:
                if await write_manifest(database, storage, operator_id=operator.operator_id, section=section):
                    repaired += 1
                    _log.warning("manifest_repaired", operator=operator.slug, section=section.value)
            except MatineeError as error:
                _log.error(
                    "manifest_not_repaired", operator=operator.slug, section=section.value, code=error.code
                )
        return repaired

    return await for_every_operator(database, repair)


async def _published(database: Database, operator_id: UUID, section: Section) -> Published | None:
    async with database.transaction(operator_id) as tx:
        return await get_published(tx, operator_id=operator_id, section=section)


async def _manifest(storage: ObjectStorage, published: Published) -> bytes:
    index = msgspec.json.decode(await storage.get(published.manifest_key), type=SnapshotIndex)
    return msgspec.json.encode(
        Manifest(
            section=published.section,
            snapshot=published.digest,
            published_at=published.published_at,
            item_count=published.item_count,
            pages=index.pages,
        )
    )


async def _current(storage: ObjectStorage, key: str) -> bytes | None:
    try:
        return await storage.get(key)
    except ObjectMissing:
        return None
