"""What verdicts, effects and states are called, and what they mean."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from matinee.console.crm.words import Word
from matinee.purchases.rules.by_file import OF_ABSENCE, FileEffect
from matinee.reconciliation.types import EffectTally, FileState, Resolution, Verdict

PATH: Final = "/console/crm/reconciliation"

STATE: Final[Mapping[str, Word]] = {
    FileState.UPLOADED: Word("Columns to be named", "warn"),
    FileState.READING: Word("Being compared", "info"),
    FileState.READY: Word("Report ready", "info"),
    FileState.APPLYING: Word("Being applied", "info"),
    FileState.APPLIED: Word("Applied", "good"),
    FileState.FAILED: Word("Failed", "bad"),
    FileState.CANCELLED: Word("Cancelled", "neutral"),
}

VERDICT: Final[Mapping[str, Word]] = {
    Verdict.MATCHED: Word("Matched", "good", "Billing and Matinee agree on this charge."),
    Verdict.REFUND_MATCHED: Word("Refund matched", "good", "Both know that this was given back."),
    Verdict.THEIRS_ONLY: Word(
        "Theirs only", "bad", "Billing lists it; here there is no purchase that was charged."
    ),
    Verdict.OURS_ONLY: Word(
        "Ours only", "bad", "Here it counts as charged, or is still open; the file lacks it."
    ),
    Verdict.DIFFERS: Word(
        "Amount differs", "bad", "Billing charged another amount or currency than was quoted."
    ),
    Verdict.DUPLICATE: Word("Duplicate", "bad", "Another charge stands under the same reference."),
    Verdict.REFUND_MISSING: Word("Refund missing", "warn", "Given back here; the file lists no refund."),
    Verdict.UNREADABLE: Word("Unreadable", "warn", "The row could not be read."),
}

EFFECT: Final[Mapping[str, Word]] = {
    FileEffect.GRANT: Word("Give access", "good"),
    FileEffect.REVIEW: Word("To a person", "warn"),
    FileEffect.LATE_CHARGE: Word("Late charge", "warn"),
    FileEffect.REVERSE_DUPLICATES: Word("Give back extra", "warn"),
    FileEffect.VOID: Word("Not charged", "neutral"),
    FileEffect.END_ACCESS: Word("End access", "bad"),
}

_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    FileEffect.GRANT: (
        "purchase that was unclear or in review is charged in the file: it is granted.",
        "purchases that were unclear or in review are charged in the file: they are granted.",
    ),
    FileEffect.REVIEW: (
        "unclear purchase was charged another amount: a person decides on it.",
        "unclear purchases were charged other amounts: a person decides on them.",
    ),
    FileEffect.LATE_CHARGE: (
        "purchase that had ended was charged after all: it is honoured or given back, as your settings say.",
        "purchases that had ended were charged after all: they are honoured or given back, as your settings say.",
    ),
    FileEffect.REVERSE_DUPLICATES: (
        "purchase was charged more than once: what is too much is given back.",
        "purchases were charged more than once: what is too much is given back.",
    ),
    FileEffect.VOID: (
        "unclear purchase is not in the file: it is closed as not charged.",
        "unclear purchases are not in the file: they are closed as not charged.",
    ),
    FileEffect.END_ACCESS: (
        "granted purchase is not in the file: its access ends, and nothing is refunded.",
        "granted purchases are not in the file: their access ends, and nothing is refunded.",
    ),
}

RESOLUTION: Final[Mapping[str, Word]] = {
    Resolution.ACCEPTED: Word("Accepted", "neutral", "It is as it should be; nothing is to be done."),
    Resolution.CHARGED: Word(
        "Settled as charged", "good", "The customer was charged: the purchase is granted."
    ),
    Resolution.NOT_CHARGED: Word(
        "Settled as not charged", "neutral", "Nobody was charged: the purchase is closed."
    ),
    Resolution.REFUND_BOOKED: Word(
        "Refund booked",
        "neutral",
        "The money was given back. A refund that waits for finance is closed by this.",
    ),
    Resolution.WRITTEN_OFF: Word("Written off", "neutral", "The difference is left as it is."),
}


class Promise(msgspec.Struct, frozen=True):
    """One sentence of the preview. `needs_complete`: done only if the file is declared complete."""

    effect: str
    count: int
    sentence: str
    needs_complete: bool


def promises(tallies: Sequence[EffectTally]) -> list[Promise]:
    """Return what applying will do, in sentences; what rests on completeness comes last."""
    found = {one.effect: one.planned for one in tallies if one.planned}
    return [
        Promise(effect, found[effect], f"{found[effect]:,} {words[found[effect] > 1]}", effect in OF_ABSENCE)
        for effect, words in _SENTENCES.items()
        if effect in found
    ]
