"""Work of several transactions: telling of rights that ran out."""

from matinee.entitlements.operations import note_ends
from matinee.platform.db import Database
from matinee.platform.operators import list_operators


async def note_ended_rights(database: Database) -> int:
    """Record the end of every right that has run out since the last time; returns how many there were."""
    async with database.directory() as tx:
        operators = await list_operators(tx)
    found = 0
    for operator in operators:
        while True:
            async with database.transaction(operator.operator_id) as tx:
                batch = await note_ends(tx, operator_id=operator.operator_id, now=await tx.now())
            if not batch:
                break
            found += batch
    return found
