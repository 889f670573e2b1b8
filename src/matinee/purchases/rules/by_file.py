"""What a settlement file of billing's proves of a purchase. Pure.

A row is evidence by itself. A missing row is evidence only where staff have declared that the file is complete,
and where the charge could not have landed after the period that it covers.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from matinee.provisions.types import Capabilities, Capability
from matinee.purchases.types import Evidence, Purchase, PurchaseState, Reversal, ReversalState

LATE_CHARGE_WITHIN = timedelta(days=7)
"""A charge under a closed purchase is acted on for so long by itself; a later one is only reported."""

LISTED_WITHIN = timedelta(days=1)
"""So long after a charge would have landed, a file that does not list it is believed."""

S = PurchaseState


class FileEffect(StrEnum):
    """What a file makes of a purchase."""

    GRANT = "grant"
    VOID = "void"
    REVIEW = "review"
    LATE_CHARGE = "late_charge"
    END_ACCESS = "end_access"
    REVERSE_DUPLICATES = "reverse_duplicates"


OF_ABSENCE = frozenset({FileEffect.VOID, FileEffect.END_ACCESS})
"""Effects of what a file does not list: they need its completeness."""


class FileEntry(msgspec.Struct, frozen=True):
    """One charge or refund of a file, in minor units."""

    transaction_id: str | None
    amount_minor: int
    currency: str

    def fits(self, purchase: Purchase) -> bool:
        """Say whether it is about the price that was quoted."""
        return (self.amount_minor, self.currency) == (purchase.amount_minor, purchase.currency)


class FileEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What files list under one purchase, in their order. Without charges: what a file of a period leaves out.

    `covers_until`: where that period ends.
    """

    charges: tuple[FileEntry, ...] = ()
    refunds: tuple[FileEntry, ...] = ()
    covers_until: datetime | None = None


def effect_of_rows(
    purchase: Purchase, evidence: FileEvidence, *, reversals: Sequence[Reversal], now: datetime
) -> FileEffect | None:
    """Return what the rows under a purchase make of it; None: nothing, or only a person can say."""
    entries = (*evidence.charges, *evidence.refunds)
    if not all(entry.fits(purchase) for entry in entries):
        return FileEffect.REVIEW if purchase.state is S.UNKNOWN else None
    stands = len(evidence.charges) > len(evidence.refunds)
    match purchase.state:
        case S.UNKNOWN | S.REVIEW:
            return FileEffect.GRANT if stands else None
        case S.DECLINED | S.VOID:
            in_time = now - purchase.state_since <= LATE_CHARGE_WITHIN
            return FileEffect.LATE_CHARGE if stands and in_time else None
        case S.GRANTED | S.REVERSING | S.REFUND_OPEN | S.REVERSED:
            many = unreturned(purchase, evidence, reversals)
            waiting = sum(
                one.state is not ReversalState.REVERSED and one.charge_id is None for one in reversals
            )
            due = waiting + (purchase.state is S.GRANTED)
            return FileEffect.REVERSE_DUPLICATES if len(many) > due else None
        case _:
            return None


def unreturned(purchase: Purchase, evidence: FileEvidence, reversals: Sequence[Reversal]) -> list[str]:
    """Return the charges that a file lists by id and that were not given back, however long ago.

    A file goes on listing a charge that has been given back since, so every reversal takes its charge out, and a
    refund row that no reversal of ours explains takes one as well.
    """
    named = {one.charge_id for one in reversals if one.charge_id is not None}
    ids = [entry.transaction_id for entry in evidence.charges if entry.transaction_id]
    free = [charge for charge in dict.fromkeys(ids) if charge not in named]
    ended = sum(one.state is ReversalState.REVERSED for one in reversals)
    unnamed = sum(one.state is ReversalState.REVERSED and one.charge_id is None for one in reversals)
    return free[: max(0, len(free) - unnamed - max(0, len(evidence.refunds) - ended))]


def effect_of_absence(
    purchase: Purchase,
    *,
    capabilities: Capabilities,
    quiet: timedelta,
    covers_until: datetime,
    now: datetime,
) -> FileEffect | None:
    """Return what it makes of a purchase that a complete file of its period does not list.

    Access ends only where billing cannot be asked, and only if billing's own answer was all that we had.
    """
    landed = purchase.charge_began_at + quiet
    if landed > covers_until or now < landed + LISTED_WITHIN:
        return None
    if purchase.state is S.UNKNOWN:
        return FileEffect.VOID
    answered = purchase.state is S.GRANTED and purchase.evidence is Evidence.ANSWER
    return FileEffect.END_ACCESS if answered and Capability.STATUS not in capabilities else None
