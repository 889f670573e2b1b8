"""Reading the rows of files while they are compared and applied."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from uuid import UUID

import msgspec

from matinee.platform.db import Record, Transaction
from matinee.purchases.types import Named, Purchase
from matinee.reconciliation.rules.judging import StoredRow
from matinee.reconciliation.types import RowKind, SettlementFile


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A row whose effect has not been applied yet. `line` None: a purchase that the file does not list."""

    row_id: UUID
    line: int | None
    customer_id: UUID
    purchase_id: UUID
    effect: str


async def last_line(tx: Transaction, *, operator_id: UUID, file_id: UUID) -> int:
    """Return the last line that is written down; 0 before the first. Lines are written in their order."""
    line: int = await tx.fetchval(
        "SELECT coalesce(max(line), 0) FROM settlement_rows WHERE operator_id = $1 AND file_id = $2",
        operator_id, file_id,
    )  # fmt: skip
    return line


async def unjudged_references(tx: Transaction, *, operator_id: UUID, file_id: UUID, limit: int) -> list[str]:
    """Return references of a file whose rows are not compared yet, in the order of the alphabet."""
    rows = await tx.fetch(
        """SELECT DISTINCT reference FROM settlement_rows
           WHERE operator_id = $1 AND file_id = $2 AND verdict IS NULL ORDER BY reference LIMIT $3""",
        operator_id, file_id, limit,
    )  # fmt: skip
    return [row["reference"] for row in rows]


async def rows_named(
    tx: Transaction, *, file: SettlementFile, references: Collection[str]
) -> dict[str, list[StoredRow]]:
    """Return the readable rows with these references, of this file and of others that came to something."""
    # One look into the index a reference (OFFSET 0 keeps it so): a table that has just grown has no statistics.
    rows = await tx.fetch(
        """SELECT r.row_id, r.line, r.file_id = $2 AS is_mine, r.reference, r.kind, r.amount_minor, r.currency,
                  r.transaction_id
           FROM unnest($3::text[]) AS asked (reference)
           CROSS JOIN LATERAL (
               SELECT one.* FROM settlement_rows one
               WHERE one.operator_id = $1 AND one.reference = asked.reference AND one.line IS NOT NULL
                 AND one.amount_minor IS NOT NULL OFFSET 0
           ) AS r
           JOIN settlement_files f ON f.operator_id = r.operator_id AND f.file_id = r.file_id
           WHERE f.provision_id = $4 AND (r.file_id = $2 OR f.state IN ('ready', 'applying', 'applied'))
           ORDER BY f.created_at, r.line""",
        file.operator_id, file.file_id, list(references), file.provision_id,
    )  # fmt: skip
    found: dict[str, list[StoredRow]] = defaultdict(list)
    for row in rows:
        found[row["reference"]].append(_stored(row))
    return found


def references_of(named: Named) -> set[str]:
    """Return every reference under which billing may list something of a purchase."""
    return {named.purchase.reference, *(one.refund_reference for one in named.reversals)}


async def mentioned(
    tx: Transaction, *, file: SettlementFile, references: Iterable[str], refunds_only: bool = False
) -> set[str]:
    """Return those references that any row mentions, even one that could not be read, in any live file."""
    rows = await tx.fetch(
        """SELECT DISTINCT r.reference FROM unnest($2::text[]) AS asked (reference)
           CROSS JOIN LATERAL (
               SELECT one.* FROM settlement_rows one
               WHERE one.operator_id = $1 AND one.reference = asked.reference AND one.line IS NOT NULL
                 AND (NOT $5 OR one.kind = 'refund') OFFSET 0
           ) AS r
           JOIN settlement_files f ON f.operator_id = r.operator_id AND f.file_id = r.file_id
           WHERE f.provision_id = $3 AND (r.file_id = $4 OR f.state IN ('ready', 'applying', 'applied'))""",
        file.operator_id, list(references), file.provision_id, file.file_id, refunds_only,
    )  # fmt: skip
    return {row["reference"] for row in rows}


async def due_effects(tx: Transaction, *, file: SettlementFile, after: UUID | None, limit: int) -> list[Due]:
    """Return rows whose effect is to be applied, from the one after `after` on."""
    rows = await tx.fetch(
        """SELECT row_id, line, customer_id, purchase_id, effect FROM settlement_rows
           WHERE operator_id = $1 AND file_id = $2 AND effect IS NOT NULL AND effect_done IS NULL
             AND resolution IS NULL AND (line IS NOT NULL OR $3) AND ($4::uuid IS NULL OR row_id > $4)
           ORDER BY row_id LIMIT $5""",
        file.operator_id, file.file_id, file.is_complete, after, limit,
    )  # fmt: skip
    return [Due(**dict(row)) for row in rows]


async def is_listed(tx: Transaction, *, file: SettlementFile, purchase: Purchase) -> bool:
    """Say whether any live file mentions a purchase by now."""
    return bool(await mentioned(tx, file=file, references=[purchase.reference]))


def _stored(row: Record) -> StoredRow:
    return StoredRow(**(dict(row) | {"kind": RowKind(row["kind"])}))
