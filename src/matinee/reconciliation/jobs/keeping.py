"""Giving up uploads that nobody went on with, and removing the bytes of files that are long done with."""

from datetime import datetime
from uuid import UUID

from matinee.platform.audit import SYSTEM
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator
from matinee.platform.rounds import for_every_operator, sweep
from matinee.platform.storage import ObjectStorage
from matinee.reconciliation.operations.files import cancel_file, note_content_removed
from matinee.reconciliation.queries.files import abandoned_files, contents_to_remove


async def remove_old_contents(database: Database, storage: ObjectStorage) -> int:
    """Give up what was abandoned, then remove old files from storage; returns how many were removed.

    The bytes go before the note that they are gone: what is cut off between the two is repeated.
    """
    await sweep(database, _give_up_abandoned)

    async def remove(operator: Operator) -> int:
        operator_id, removed = operator.operator_id, 0
        while True:
            async with database.transaction(operator_id) as tx:
                found = await contents_to_remove(tx, operator_id=operator_id, now=await tx.now())
            if not found:
                return removed
            for key in found.values():
                await storage.delete(key)
            async with database.transaction(operator_id) as tx:
                await note_content_removed(
                    tx, operator_id=operator_id, file_ids=list(found), now=await tx.now()
                )
            removed += len(found)

    return await for_every_operator(database, remove)


async def _give_up_abandoned(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    found = await abandoned_files(tx, operator_id=operator_id, now=now)
    for file_id in found:
        await cancel_file(tx, operator_id=operator_id, file_id=file_id, actor=SYSTEM, now=now)
    return len(found)
