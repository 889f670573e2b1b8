"""Reading a file row by row, then comparing each row with its purchase, and each purchase with the rows.

Each batch is a transaction of its own, and says by what it wrote where the next one begins: a job that was cut off
goes on there.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog

from matinee.kernel.errors import MatineeError
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator, get_operator
from matinee.platform.storage import ObjectStorage
from matinee.provisions.queries import billing_version
from matinee.provisions.types import Capabilities
from matinee.purchases.queries.matching import (
    Place,
    Returned,
    purchases_named,
    purchases_of_period,
    refunds_of_period,
)
from matinee.purchases.rules import quiet_period
from matinee.purchases.types import Named, Purchase
from matinee.reconciliation.jobs.progress import Progress, Stopped
from matinee.reconciliation.operations.files import finish, hold
from matinee.reconciliation.operations.rows import Absence, write_absences, write_judgements, write_rows
from matinee.reconciliation.queries.files import get_file
from matinee.reconciliation.queries.rows import (
    last_line,
    mentioned,
    references_of,
    rows_named,
    unjudged_references,
)
from matinee.reconciliation.reading import Row, rows_of
from matinee.reconciliation.rules.cells import read_row
from matinee.reconciliation.rules.judging import (
    Judgement,
    StoredRow,
    judge_absent,
    judge_rows,
    judge_unknown,
)
from matinee.reconciliation.types import FileState, KindBy, Mapping, ReadRow, RowKind, SettlementFile, Verdict

BATCH: Final = 1000
_READ_UNTIL, _COMPARED_UNTIL = 40, 85  # percent of a job
_OUR_FAULT: Final = "Something went wrong on our side. Upload the file again."

Found = TypeVar("Found")

_log = structlog.get_logger(__name__)


async def import_file(
    database: Database, storage: ObjectStorage, *, operator_id: UUID, file_id: UUID
) -> None:
    """Read and compare one file to its end; safe to repeat after a crash, and nothing to do when it has ended."""
    async with database.transaction(operator_id) as tx:
        operator = await get_operator(tx, operator_id=operator_id)
        file = await get_file(tx, operator_id=operator_id, file_id=file_id)
    if file.state is not FileState.READING or file.mapping is None:
        return
    work = _Import(database, operator, file, file.mapping)
    error = None
    try:
        with tempfile.TemporaryDirectory(prefix="matinee-settlement-") as folder:
            path = Path(folder) / "file"
            await storage.download(file.storage_key, path)
            await work.read(path)
        await work.compare()
        await work.look_for_absent()
    except Stopped:
        _log.info("settlement_cancelled", file_id=str(file_id))
        return
    except MatineeError as known:
        _log.warning("settlement_failed", file_id=str(file_id), code=known.code)
        fields = getattr(known, "fields", {})
        error = " ".join(fields.values()) or known.message
    except Exception as unknown:
        _log.error("settlement_failed", file_id=str(file_id), exc_info=unknown)
        error = _OUR_FAULT
    async with database.transaction(operator_id) as tx:
        state = FileState.READY if error is None else FileState.FAILED
        await finish(tx, file=file, to=state, error=error, now=await tx.now())


class _Import:
    """The long part of one import."""

    def __init__(
        self, database: Database, operator: Operator, file: SettlementFile, mapping: Mapping
    ) -> None:
        self._database, self._operator, self._file, self._mapping = database, operator, file, mapping
        self._progress = Progress(database, file)
        self._versions: dict[tuple[UUID, int], tuple[Capabilities, int]] = {}

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[Transaction]:
        """Open a transaction in which no other worker writes to this file. Raises Stopped when its job has ended."""
        async with self._database.transaction(self._file.operator_id) as tx:
            if not await hold(tx, file=self._file):
                raise Stopped
            yield tx

    async def read(self, path: Path) -> None:
        """Write every row down, from where an earlier try stopped."""
        async with self._database.transaction(self._file.operator_id) as tx:
            done = await last_line(tx, operator_id=self._file.operator_id, file_id=self._file.file_id)
        rows = rows_of(path, self._file.layout)
        if self._mapping.headings:
            await asyncio.to_thread(next, rows, None)
        share = _READ_UNTIL / max(self._file.layout.row_count, 1)
        count = 0
        while batch := await asyncio.to_thread(lambda: list(islice(rows, BATCH))):
            count += len(batch)
            read = await asyncio.to_thread(self._read_batch, [row for row in batch if row[0] > done])
            if read:
                async with self._held() as tx:
                    await write_rows(tx, file=self._file, rows=read)
            await self._progress.note("Reading rows", count * share)

    def _read_batch(self, batch: Sequence[tuple[int, Row]]) -> list[ReadRow]:
        zone = self._operator.zone
        return [read_row(cells, line=line, mapping=self._mapping, zone=zone) for line, cells in batch]

    async def compare(self) -> None:
        """Compare rows with the purchases that their references lead to."""
        step = (_COMPARED_UNTIL - _READ_UNTIL) * BATCH / max(self._file.layout.row_count, 1)
        percent = float(_READ_UNTIL)
        while True:
            await self._progress.note("Comparing with purchases", percent)
            async with self._held() as tx:
                references = await unjudged_references(
                    tx, operator_id=self._file.operator_id, file_id=self._file.file_id, limit=BATCH
                )
                if not references:
                    return
                await write_judgements(tx, file=self._file, judgements=await self._judge(tx, references))
            percent = min(percent + step, _COMPARED_UNTIL)

    async def _judge(self, tx: Transaction, references: Sequence[str]) -> list[Judgement]:
        now = await tx.now()
        named = await purchases_named(tx, operator_id=self._file.operator_id, references=references)
        every = set(references).union(*(references_of(one) for one in named.values()))
        rows = await rows_named(tx, file=self._file, references=every)
        judgements: list[Judgement] = []
        for reference in references:
            mine = [row for row in rows[reference] if row.is_mine]
            found = named.get(reference)
            if found is None:
                judgements += [judge_unknown(row) for row in mine]
            else:
                judgements += judge_rows(
                    mine,
                    found,
                    of_purchase=_rows_of(found, rows),
                    provision_id=self._file.provision_id,
                    now=now,
                )
        return judgements

    async def look_for_absent(self) -> None:
        """Find what the file should list and does not: charges of its period, and what was given back in it."""
        async for purchases in _pages(self._purchases):
            async with self._held() as tx:
                listed = await mentioned(
                    tx, file=self._file, references=[purchase.reference for purchase in purchases]
                )
                absent = [
                    await self._absence(tx, purchase)
                    for purchase in purchases
                    if purchase.reference not in listed
                ]
                await write_absences(tx, file=self._file, absences=absent)
            await self._progress.note("Looking for what the file leaves out", _COMPARED_UNTIL)
        if self._mapping.kind_by is not KindBy.ALL_CHARGES:
            await self._look_for_absent_refunds()

    async def _absence(self, tx: Transaction, purchase: Purchase) -> Absence:
        capabilities, longest_seconds = await self._version(tx, purchase)
        effect, note = judge_absent(
            purchase, capabilities=capabilities, quiet=quiet_period(longest_seconds),
            covers_until=self._file.covers_until, now=await tx.now(),
        )  # fmt: skip
        return Absence(
            purchase=purchase, verdict=Verdict.OURS_ONLY, reference=purchase.reference, kind=RowKind.CHARGE,
            note=note, effect=effect,
        )  # fmt: skip

    async def _version(self, tx: Transaction, purchase: Purchase) -> tuple[Capabilities, int]:
        assert purchase.provision_id is not None
        assert purchase.provision_version is not None
        key = purchase.provision_id, purchase.provision_version
        if key not in self._versions:
            target, capabilities = await billing_version(
                tx, operator_id=purchase.operator_id, provision_id=key[0], version=key[1]
            )
            self._versions[key] = capabilities, target.config.longest_processing_seconds
        return self._versions[key]

    async def _look_for_absent_refunds(self) -> None:
        async for returned in _pages(self._refunds):
            references = [ref for one in returned for ref in (one.refund_reference, one.purchase.reference)]
            async with self._held() as tx:
                listed = await mentioned(tx, file=self._file, references=references, refunds_only=True)
                absent = [
                    Absence(
                        purchase=one.purchase, verdict=Verdict.REFUND_MISSING, reference=one.refund_reference,
                        kind=RowKind.REFUND, note="Given back here in the period; the file lists no refund.",
                    )
                    for one in returned
                    if not {one.refund_reference, one.purchase.reference} & listed
                ]  # fmt: skip
                await write_absences(tx, file=self._file, absences=absent)

    async def _purchases(self, after: Place | None) -> tuple[list[Purchase], Place | None]:
        file = self._file
        async with self._database.transaction(file.operator_id) as tx:
            found = await purchases_of_period(
                tx, operator_id=file.operator_id, provision_id=file.provision_id,
                period=(file.covers_from, file.covers_until), after=after, limit=BATCH,
            )  # fmt: skip
        return found, Place(found[-1].confirmed_at, found[-1].purchase_id) if found else None

    async def _refunds(self, after: UUID | None) -> tuple[list[Returned], UUID | None]:
        file = self._file
        async with self._database.transaction(file.operator_id) as tx:
            found = await refunds_of_period(
                tx, operator_id=file.operator_id, provision_id=file.provision_id,
                period=(file.covers_from, file.covers_until), after=after, limit=BATCH,
            )  # fmt: skip
        return [one for _, one in found], found[-1][0] if found else None


async def _pages(read: Callable[[Any], Awaitable[tuple[list[Found], Any]]]) -> AsyncIterator[list[Found]]:
    """Yield pages until there is none."""
    place: Any = None
    while True:
        page, place = await read(place)
        if not page:
            return
        yield page


def _rows_of(named: Named, rows: dict[str, list[StoredRow]]) -> list[StoredRow]:
    return [row for reference in references_of(named) for row in rows.get(reference, [])]
