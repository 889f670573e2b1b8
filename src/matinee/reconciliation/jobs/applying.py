"""Applying a report: each effect in a transaction of its own, decided anew, and once.

The row is marked in the transaction that moves the purchase, so a job that was cut off, or begun twice, does
nothing a second time.
"""

from typing import Final
from uuid import UUID

import structlog

from matinee.kernel.errors import MatineeError
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator, get_operator
from matinee.purchases.operations.by_file import settle_by_file
from matinee.purchases.queries import get_purchase
from matinee.purchases.queries.matching import purchases_named
from matinee.purchases.rules.by_file import OF_ABSENCE, FileEffect, FileEvidence
from matinee.purchases.services import PurchaseServices
from matinee.reconciliation.jobs.progress import Progress, Stopped
from matinee.reconciliation.operations.files import finish
from matinee.reconciliation.operations.rows import mark_effect, take_row
from matinee.reconciliation.queries.files import get_file
from matinee.reconciliation.queries.report import effect_tallies
from matinee.reconciliation.queries.rows import Due, due_effects, is_listed, references_of, rows_named
from matinee.reconciliation.rules.judging import evidence_from
from matinee.reconciliation.types import FileState, SettlementFile

BATCH: Final = 200
_OUR_FAULT: Final = "Something went wrong on our side. What was applied stays; apply again for the rest."
_PASSED_OVER: Final = (
    "Passed over: the purchase has moved on since the file was compared, or billing is asked to cancel it."
)

_log = structlog.get_logger(__name__)


async def apply_file(services: PurchaseServices, *, operator_id: UUID, file_id: UUID) -> None:
    """Apply a report to its end; safe to repeat after a crash, and nothing to do when it has ended."""
    async with services.database.transaction(operator_id) as tx:
        operator = await get_operator(tx, operator_id=operator_id)
        file = await get_file(tx, operator_id=operator_id, file_id=file_id)
        total = sum(one.planned for one in await effect_tallies(tx, operator_id=operator_id, file_id=file_id))
    if file.state is not FileState.APPLYING:
        return
    error = None
    try:
        await _apply_all(services, operator, file, total)
    except Stopped:
        _log.info("settlement_cancelled", file_id=str(file_id))
        return
    except Exception as failure:
        _log.error("settlement_not_applied", file_id=str(file_id), exc_info=failure)
        error = failure.message if isinstance(failure, MatineeError) else _OUR_FAULT
    async with services.database.transaction(operator_id) as tx:
        state = FileState.APPLIED if error is None else FileState.READY
        await finish(tx, file=file, to=state, error=error, now=await tx.now())


async def _apply_all(
    services: PurchaseServices, operator: Operator, file: SettlementFile, total: int
) -> None:
    progress = Progress(services.database, file)
    after: UUID | None = None
    count = 0
    while True:
        async with services.database.transaction(file.operator_id) as tx:
            due = await due_effects(tx, file=file, after=after, limit=BATCH)
        if not due:
            return
        for row in due:
            await progress.note("Applying to purchases", 100 * count / max(total, 1))
            await _apply_one(services, operator, file, row)
            count += 1
        after = due[-1].row_id


async def _apply_one(services: PurchaseServices, operator: Operator, file: SettlementFile, row: Due) -> None:
    effect = FileEffect(row.effect)
    actor = Actor("staff", file.applied_by_id, file.applied_by or "")
    async with services.database.transaction(file.operator_id) as tx:
        if not await take_row(tx, file=file, row_id=row.row_id):
            return
        evidence = await _evidence(tx, file, row, effect)
        moved = evidence and await settle_by_file(
            tx, operator=operator, reference_key=services.reference_key, customer_id=row.customer_id,
            purchase_id=row.purchase_id, effect=effect, evidence=evidence, file_id=file.file_id,
            reason=file.apply_reason or "", actor=actor,
        )  # fmt: skip
        await mark_effect(
            tx, file=file, row_id=row.row_id, done=bool(moved), note="" if moved else _PASSED_OVER
        )


async def _evidence(
    tx: Transaction, file: SettlementFile, row: Due, effect: FileEffect
) -> FileEvidence | None:
    """Return what files say of the purchase by now; None when an absence is none any more."""
    purchase = await get_purchase(
        tx, operator_id=file.operator_id, customer_id=row.customer_id, purchase_id=row.purchase_id
    )
    if effect in OF_ABSENCE:
        listed = await is_listed(tx, file=file, purchase=purchase)
        return None if listed else FileEvidence(covers_until=file.covers_until)
    named = await purchases_named(tx, operator_id=file.operator_id, references=[purchase.reference])
    references = references_of(named[purchase.reference])
    rows = await rows_named(tx, file=file, references=references)
    return evidence_from([one for reference in references for one in rows.get(reference, [])])
