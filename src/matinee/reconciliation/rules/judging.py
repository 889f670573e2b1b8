"""What each row of a file, and each purchase without one, comes to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from matinee.provisions.types import Capabilities
from matinee.purchases.rules.by_file import (
    FileEffect,
    FileEntry,
    FileEvidence,
    effect_of_absence,
    effect_of_rows,
)
from matinee.purchases.rules.references import customer_of
from matinee.purchases.types import Named, Purchase, PurchaseState
from matinee.reconciliation.types import RowKind, Verdict

S = PurchaseState
_CLOSED = frozenset({S.DECLINED, S.VOID, S.NOT_SENT})


class StoredRow(msgspec.Struct, frozen=True, kw_only=True):
    """A readable row as it is compared. `is_mine`: of the file at hand; others were in an earlier or later one."""

    row_id: UUID
    line: int
    is_mine: bool
    reference: str
    kind: RowKind
    amount_minor: int
    currency: str
    transaction_id: str | None

    @property
    def entry(self) -> FileEntry:
        return FileEntry(self.transaction_id, self.amount_minor, self.currency)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a row comes to, with the purchase that it is about."""

    row_id: UUID
    verdict: Verdict
    note: str = ""
    purchase: Purchase | None = None
    effect: FileEffect | None = None


def evidence_from(rows: Sequence[StoredRow]) -> FileEvidence:
    """Return what files say of one purchase: the same transaction in two rows, or in two files, is one.

    Rows of other files count only where they name their transaction: without, they may be the same charge.
    """
    seen: set[tuple[RowKind, str]] = set()
    entries: dict[RowKind, list[FileEntry]] = {RowKind.CHARGE: [], RowKind.REFUND: []}
    for row in sorted(rows, key=lambda row: (not row.is_mine, row.line)):
        if row.transaction_id is None:
            if row.is_mine:
                entries[row.kind].append(row.entry)
        elif (row.kind, row.transaction_id) not in seen:
            seen.add((row.kind, row.transaction_id))
            entries[row.kind].append(row.entry)
    return FileEvidence(charges=tuple(entries[RowKind.CHARGE]), refunds=tuple(entries[RowKind.REFUND]))


def judge_unknown(row: StoredRow) -> Judgement:
    """Return what a row without a purchase comes to."""
    ours = customer_of(row.reference) is not None
    note = "No purchase has this reference." if ours else "Matinee did not give out this reference."
    return Judgement(row_id=row.row_id, verdict=Verdict.THEIRS_ONLY, note=note)


def judge_rows(
    rows: Sequence[StoredRow],
    named: Named,
    *,
    of_purchase: Sequence[StoredRow],
    provision_id: UUID,
    now: datetime,
) -> list[Judgement]:
    """Return what rows of the file at hand come to, all of one purchase, of which `of_purchase` are all rows."""
    purchase = named.purchase
    if purchase.provision_id != provision_id:
        note = "This purchase was not charged through this provision."
        return [_of(row, purchase, Verdict.THEIRS_ONLY, note) for row in rows]
    evidence = evidence_from(of_purchase)
    effect = (
        effect_of_rows(purchase, evidence, reversals=named.reversals, now=now) if evidence.charges else None
    )
    mine = sorted((row for row in of_purchase if row.is_mine and row.kind is RowKind.CHARGE), key=_by_line)
    carries = mine[0].row_id if mine else None
    judged = []
    for row in sorted(rows, key=_by_line):
        judge = _judge_refund if row.kind is RowKind.REFUND else _judge_charge
        judgement = judge(row, named, of_purchase)
        if row.row_id == carries:
            judgement = msgspec.structs.replace(judgement, effect=effect)
        judged.append(judgement)
    return judged


def _by_line(row: StoredRow) -> int:
    return row.line


def _of(row: StoredRow, purchase: Purchase, verdict: Verdict, note: str = "") -> Judgement:
    return Judgement(row_id=row.row_id, verdict=verdict, note=note, purchase=purchase)


def _judge_charge(row: StoredRow, named: Named, others: Sequence[StoredRow]) -> Judgement:
    purchase = named.purchase
    charges = [other for other in others if other.kind is RowKind.CHARGE]
    repeated = _repeats(row, charges)
    if repeated is not None:
        note = f"Repeats row {repeated.line}: the same transaction."
        return _of(row, purchase, Verdict.UNREADABLE, note)
    if not row.entry.fits(purchase):
        return _of(row, purchase, Verdict.DIFFERS)
    if purchase.state in _CLOSED:
        note = "Charged and given back by billing itself." if _given_back(others) else ""
        return _of(row, purchase, Verdict.THEIRS_ONLY, note)
    if named.nothing_stood and not _given_back(others):
        note = "Access had ended because no charge stood."
        return _of(row, purchase, Verdict.THEIRS_ONLY, note)
    if _is_surplus(row, purchase, charges):
        note = (
            "" if row.transaction_id else "It names no transaction, so only a person can have it given back."
        )
        return _of(row, purchase, Verdict.DUPLICATE, note)
    return _of(row, purchase, Verdict.MATCHED)


def _given_back(rows: Sequence[StoredRow]) -> bool:
    """Say whether billing lists its charges and as many refunds of them, so that by its books none stands."""
    charges = sum(row.kind is RowKind.CHARGE for row in rows)
    return 0 < charges <= len(rows) - charges


def _repeats(row: StoredRow, charges: Sequence[StoredRow]) -> StoredRow | None:
    """Return the earlier row of the same file with the same transaction."""
    if row.transaction_id is None:
        return None
    return next(
        (
            other
            for other in charges
            if other.is_mine and other.line < row.line and other.transaction_id == row.transaction_id
        ),
        None,
    )


def _is_surplus(row: StoredRow, purchase: Purchase, charges: Sequence[StoredRow]) -> bool:
    """Say whether another charge is the one that the purchase keeps."""
    known = [other for other in charges if other.is_mine or (other.transaction_id and row.transaction_id)]
    kept = next((one for one in known if one.transaction_id == purchase.billing_transaction), None)
    if kept is None or purchase.billing_transaction is None:
        # One that was in an earlier file is known already.
        kept = min(known, key=lambda one: (one.is_mine, one.line))
    return kept.row_id != row.row_id and (
        kept.transaction_id is None or kept.transaction_id != row.transaction_id
    )


def _judge_refund(row: StoredRow, named: Named, others: Sequence[StoredRow]) -> Judgement:
    if not row.entry.fits(named.purchase):
        return _of(row, named.purchase, Verdict.DIFFERS)
    if named.reversals and (not named.nothing_stood or _given_back(others)):
        return _of(row, named.purchase, Verdict.REFUND_MATCHED)
    note = "Billing gave this back, but no refund is booked here."
    return _of(row, named.purchase, Verdict.THEIRS_ONLY, note)


def judge_absent(
    purchase: Purchase,
    *,
    capabilities: Capabilities,
    quiet: timedelta,
    covers_until: datetime,
    now: datetime,
) -> tuple[FileEffect | None, str]:
    """Return what a purchase that no file lists comes to, and what there is to say of it."""
    effect = effect_of_absence(
        purchase, capabilities=capabilities, quiet=quiet, covers_until=covers_until, now=now
    )
    if effect is not None:
        return effect, ""
    if purchase.charge_began_at + quiet > covers_until:
        return None, "Confirmed just before the end of the period: the next file may list it."
    if purchase.state is S.GRANTED:
        return (
            None,
            "It keeps its access until a person decides, or billing's status call says that nothing stands.",
        )
    return None, "It waits for billing's answer, or for a person."
