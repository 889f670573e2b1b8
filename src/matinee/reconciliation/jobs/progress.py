"""How far a job is, written down now and then; and whether it must stop."""

import asyncio
from typing import Final

from matinee.platform.db import Database
from matinee.reconciliation.operations.files import note_progress
from matinee.reconciliation.types import SettlementFile

_EVERY_SECONDS: Final = 0.5


class Stopped(Exception):
    """The job was cancelled."""


class Progress:
    """Of one job of one file."""

    def __init__(self, database: Database, file: SettlementFile) -> None:
        self._database, self._file = database, file
        self._noted_at = float("-inf")

    async def note(self, stage: str, percent: float, *, at_once: bool = False) -> None:
        """Write progress down, at most twice a second. Raises Stopped when the job was cancelled."""
        moment = asyncio.get_running_loop().time()
        if not at_once and moment - self._noted_at < _EVERY_SECONDS:
            return
        self._noted_at = moment
        async with self._database.transaction(self._file.operator_id) as tx:
            if not await note_progress(
                tx, file=self._file, stage=stage, percent=int(min(percent, 99)), now=await tx.now()
            ):
                raise Stopped
