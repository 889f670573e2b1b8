"""Work of several transactions: telling of rights that ran out."""

from matinee.entitlements.operations import note_ends
from matinee.platform.db import Database
from matinee.platform.rounds import sweep


async def note_ended_rights(database: Database) -> int:
    """Record the end of every right that has run out since the last time; returns how many there were."""
    return await sweep(database, note_ends)
