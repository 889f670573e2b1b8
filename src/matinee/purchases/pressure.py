"""What one process knows of the billing systems that it calls: how many calls are under way, and who is silent.

Neither is a truth about billing, only a reason to hold back; what all processes must agree on is in the database.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from uuid import UUID

from matinee.purchases.rules.gate import CALLS_AT_ONCE, QUESTIONS_AT_ONCE, SILENCES, SILENT_WITHIN

Billing = tuple[UUID, UUID]
"""An operator's provision: (operator id, provision id)."""


class Pressure:
    """Counts calls under way and silences in a row, by billing system."""

    def __init__(self) -> None:
        self._under_way: Counter[Billing] = Counter()
        self._asked: Counter[Billing] = Counter()
        self._silences: dict[Billing, list[datetime]] = {}

    def call(self, billing: Billing | None) -> AbstractContextManager[bool]:
        """Count a charge for as long as the block lasts; False: there are so many that this one must wait its turn.

        A billing system that hangs may so hold up its own purchases, but not fill this process with them.
        None is for what needs no call.
        """
        return nullcontext(True) if billing is None else _counted(self._under_way, billing, CALLS_AT_ONCE)

    def question(self, billing: Billing) -> AbstractContextManager[bool]:
        """Count a question that nobody waits for; False: there are so many that this one is left out."""
        return _counted(self._asked, billing, QUESTIONS_AT_ONCE)

    def answered(self, billing: Billing) -> None:
        """Note that billing gave an answer, whatever it says."""
        self._silences.pop(billing, None)

    def silent(self, billing: Billing, at: datetime) -> bool:
        """Note a call, begun at `at` by the database's clock, that had no answer. True: it was one too many."""
        recent = [one for one in self._silences.get(billing, []) if at - one < SILENT_WITHIN]
        self._silences[billing] = [*recent, at][-SILENCES:]
        return len(recent) + 1 >= SILENCES


@contextmanager
def _counted(under_way: Counter[Billing], billing: Billing, most: int) -> Iterator[bool]:
    if under_way[billing] >= most:
        yield False
        return
    under_way[billing] += 1
    try:
        yield True
    finally:
        under_way[billing] -= 1
        if not under_way[billing]:
            del under_way[billing]
