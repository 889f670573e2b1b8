"""Writing the rows of a file, what they come to, and what was done about them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from matinee.kernel.ids import new_id
from matinee.platform.db import Transaction
from matinee.purchases.rules.by_file import FileEffect
from matinee.purchases.rules.references import customer_of
from matinee.purchases.types import Purchase
from matinee.reconciliation.rules.judging import Judgement
from matinee.reconciliation.types import ReadRow, RowKind, SettlementFile, Verdict


async def write_rows(tx: Transaction, *, file: SettlementFile, rows: Sequence[ReadRow]) -> None:
    """Write rows as they were read; those that stand there already stay as they are."""
    await tx.executemany(
        """INSERT INTO settlement_rows (operator_id, file_id, row_id, line, reference, kind, amount_minor, currency,
                                        transaction_id, charged_at, note, verdict, customer_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
           ON CONFLICT (operator_id, file_id, line) WHERE line IS NOT NULL DO NOTHING""",
        [
            (
                file.operator_id, file.file_id, new_id(), row.line, row.reference, row.kind, row.amount_minor,
                row.currency, row.transaction_id, row.charged_at, row.problem,
                Verdict.UNREADABLE if row.problem else None, customer_of(row.reference),
            )
            for row in rows
        ],
    )  # fmt: skip


async def write_judgements(tx: Transaction, *, file: SettlementFile, judgements: Sequence[Judgement]) -> None:
    """Write down what rows come to."""
    await tx.executemany(
        """UPDATE settlement_rows SET verdict = $4, note = $5, purchase_id = $6, found_state = $7,
                  expected_minor = $8, expected_currency = $9, effect = $10
           WHERE operator_id = $1 AND file_id = $2 AND row_id = $3""",
        [
            (
                file.operator_id, file.file_id, one.row_id, one.verdict, one.note, *_expected(one.purchase),
                one.effect,
            )
            for one in judgements
        ],
    )  # fmt: skip


def _expected(purchase: Purchase | None) -> tuple[UUID | None, str | None, int | None, str | None]:
    if purchase is None:
        return None, None, None, None
    return purchase.purchase_id, purchase.state, purchase.amount_minor, purchase.currency


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase, or what was given back of it, that no file lists under `reference`."""

    purchase: Purchase
    verdict: Verdict
    reference: str
    kind: RowKind
    note: str
    effect: FileEffect | None = None


async def write_absences(tx: Transaction, *, file: SettlementFile, absences: Sequence[Absence]) -> None:
    """Write what a file does not list; what stands there already stays as it is."""
    await tx.executemany(
        """INSERT INTO settlement_rows (operator_id, file_id, row_id, reference, kind, note, verdict, customer_id,
                                        purchase_id, found_state, expected_minor, expected_currency, effect)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
           ON CONFLICT (operator_id, file_id, purchase_id, verdict) WHERE line IS NULL DO NOTHING""",
        [
            (
                file.operator_id, file.file_id, new_id(), one.reference, one.kind, one.note, one.verdict,
                one.purchase.customer_id, *_expected(one.purchase), one.effect,
            )
            for one in absences
        ],
    )  # fmt: skip


async def mark_effect(
    tx: Transaction, *, file: SettlementFile, row_id: UUID, done: bool, note: str = ""
) -> None:
    """Note that a row's effect was applied, or why it was passed over."""
    await tx.execute(
        """UPDATE settlement_rows SET effect_done = $4, note = CASE WHEN $5 = '' THEN note ELSE $5 END
           WHERE operator_id = $1 AND file_id = $2 AND row_id = $3 AND effect_done IS NULL""",
        file.operator_id, file.file_id, row_id, "applied" if done else "passed_over", note,
    )  # fmt: skip


async def take_row(tx: Transaction, *, file: SettlementFile, row_id: UUID) -> bool:
    """Lock a row whose effect is to be applied; False: it was, or a person has settled it."""
    row = await tx.fetchrow(
        """SELECT row_id FROM settlement_rows
           WHERE operator_id = $1 AND file_id = $2 AND row_id = $3 AND effect_done IS NULL AND resolution IS NULL
           FOR UPDATE""",
        file.operator_id, file.file_id, row_id,
    )  # fmt: skip
    return row is not None


async def lock_row(tx: Transaction, *, operator_id: UUID, file_id: UUID, row_id: UUID) -> None:
    """Keep a row from everybody else until the transaction ends."""
    await tx.execute(
        """SELECT row_id FROM settlement_rows WHERE operator_id = $1 AND file_id = $2 AND row_id = $3
           FOR UPDATE""",
        operator_id, file_id, row_id,
    )  # fmt: skip


async def write_resolution(
    tx: Transaction,
    *,
    operator_id: UUID,
    file_id: UUID,
    row_id: UUID,
    resolution: str,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    """Note how a person settled a row, which is locked."""
    await tx.execute(
        """UPDATE settlement_rows SET resolution = $4, resolution_reason = $5, resolved_by = $6, resolved_at = $7
           WHERE operator_id = $1 AND file_id = $2 AND row_id = $3""",
        operator_id, file_id, row_id, resolution, reason, by, now,
    )  # fmt: skip
