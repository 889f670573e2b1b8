"""Whether a commit survives a fail-over: a standby that may take over must confirm it before we do."""

from enum import StrEnum
from typing import Final

from matinee.platform.db.database import Transaction


class Standby(StrEnum):
    """What the installation says of standbys that may take over from its database.

    ATTACHED: look whether there is one. SYNCHRONOUS: there is, also while it is not attached. NONE: whatever is
    attached never takes over (an archive, a copy for reports).
    """

    ATTACHED = "attached"
    SYNCHRONOUS = "synchronous"
    NONE = "none"


STANDBY_ASYNCHRONOUS: Final = (
    "A standby is attached to the database and commits do not wait for it, so a fail-over would forget charges. "
    "Set synchronous_standby_names, or MATINEE_DATABASE_STANDBY=none if it never takes over."
)
STANDBY_NOT_NAMED: Final = (
    "MATINEE_DATABASE_STANDBY is synchronous, but commits wait for no standby: set synchronous_standby_names."
)

# What any role may see of replication: the senders' process ids. A base backup sends as well, and is no standby.
_STREAMS: Final = """
    SELECT count(*) FROM pg_stat_replication sender
    WHERE NOT EXISTS (SELECT FROM pg_stat_progress_basebackup backup WHERE backup.pid = sender.pid)
      AND NOT EXISTS (SELECT FROM pg_replication_slots slot WHERE slot.active_pid = sender.pid
                      AND (slot.temporary OR slot.slot_type = 'logical'))
"""


async def durability_problem(tx: Transaction, *, standby: Standby) -> str | None:
    """Return why commits would not survive a fail-over, for a person to read; None: they would.

    Every connection of ours asks for synchronous commits itself; this is about whom the server waits for.
    """
    if standby is Standby.NONE or await tx.fetchval("SHOW synchronous_standby_names"):
        return None
    if standby is Standby.SYNCHRONOUS:
        return STANDBY_NOT_NAMED
    return STANDBY_ASYNCHRONOUS if await tx.fetchval(_STREAMS) else None
