"""What each row of a file, and each purchase without one, comes to."""

from collections.abc import Mapping, Sequence
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
    judged, listed = [], _listed(of_purchase, purchase)
    for row in sorted(rows, key=_by_line):
        judge = _judge_refund if row.kind is RowKind.REFUND else _judge_charge
        judgement = judge(row, named, listed)
        if row.row_id == carries:
            judgement = msgspec.structs.replace(judgement, effect=effect)
        judged.append(judgement)
    return judged


def _by_line(row: StoredRow) -> int:
    return row.line


def _of(row: StoredRow, purchase: Purchase, verdict: Verdict, note: str = "") -> Judgement:
    return Judgement(row_id=row.row_id, verdict=verdict, note=note, purchase=purchase)


class _Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What each row of a purchase is compared with, found once: a file may list one reference a thousand times.

    `first`: of this file, by transaction id. `kept`: the charge that the purchase keeps, for rows that name their
    transaction; `kept_unnamed`: for those that do not.
    """

    given_back: bool
    first: Mapping[str, StoredRow]
    kept: StoredRow | None
    kept_unnamed: StoredRow | None


def _listed(rows: Sequence[StoredRow], purchase: Purchase) -> _Listed:
    charges = [row for row in rows if row.kind is RowKind.CHARGE]
    own = [row for row in charges if row.is_mine]
    last_first = sorted(own, key=_by_line, reverse=True)
    return _Listed(
        given_back=_given_back(rows),
        first={row.transaction_id: row for row in last_first if row.transaction_id is not None},
        kept=_kept([row for row in charges if row.is_mine or row.transaction_id], purchase),
        kept_unnamed=_kept(own, purchase),
    )


def _kept(charges: Sequence[StoredRow], purchase: Purchase) -> StoredRow | None:
    if purchase.billing_transaction is not None:
        for one in charges:
            if one.transaction_id == purchase.billing_transaction:
                return one
    # One that was in an earlier file is known already.
    return min(charges, key=lambda one: (one.is_mine, one.line), default=None)


def _judge_charge(row: StoredRow, named: Named, listed: _Listed) -> Judgement:
    purchase = named.purchase
    first = row if row.transaction_id is None else listed.first.get(row.transaction_id, row)
    if first.line < row.line:
        note = f"Repeats row {first.line}: the same transaction."
        return _of(row, purchase, Verdict.UNREADABLE, note)
    if not row.entry.fits(purchase):
        return _of(row, purchase, Verdict.DIFFERS)
    if purchase.state in _CLOSED:
        note = "Charged and given back by billing itself." if listed.given_back else ""
        return _of(row, purchase, Verdict.THEIRS_ONLY, note)
    if named.nothing_stood and not listed.given_back:
        note = "Access had ended because no charge stood."
        return _of(row, purchase, Verdict.THEIRS_ONLY, note)
    if _is_surplus(row, listed):
        note = (
            "" if row.transaction_id else "It names no transaction, so only a person can have it given back."
        )
        return _of(row, purchase, Verdict.DUPLICATE, note)
    return _of(row, purchase, Verdict.MATCHED)


def _given_back(rows: Sequence[StoredRow]) -> bool:
    """Say whether billing lists its charges and as many refunds of them, so that by its books none stands."""
    charges = sum(row.kind is RowKind.CHARGE for row in rows)
    return 0 < charges <= len(rows) - charges


def _is_surplus(row: StoredRow, listed: _Listed) -> bool:
    """Say whether another charge is the one that the purchase keeps."""
    kept = listed.kept if row.transaction_id else listed.kept_unnamed
    if kept is None or kept.row_id == row.row_id:
        return False
    return kept.transaction_id is None or kept.transaction_id != row.transaction_id


def _judge_refund(row: StoredRow, named: Named, listed: _Listed) -> Judgement:
    if not row.entry.fits(named.purchase):
        return _of(row, named.purchase, Verdict.DIFFERS)
    if named.reversals and (not named.nothing_stood or listed.given_back):
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
