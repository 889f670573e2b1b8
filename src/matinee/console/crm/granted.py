"""Free grants as the Content tab shows them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from matinee.catalog.queries import item_titles
from matinee.console.crm.words import Word
from matinee.entitlements.rules import may_extend, right_ends_at
from matinee.entitlements.types import Entitlement
from matinee.platform.db import Transaction


class GrantedView(msgspec.Struct, frozen=True, kw_only=True):
    """One free grant."""

    right: Entitlement
    title: str
    now: datetime

    @property
    def key(self) -> UUID:
        return self.right.entitlement_id

    @property
    def lasts(self) -> bool:
        return self.right.revoked_at is None and self.now < right_ends_at(self.right)

    @property
    def word(self) -> Word:
        if self.right.revoked_at is not None:
            return Word("Taken away")
        return Word("Playable", "good") if self.lasts else Word("Over")

    @property
    def finish_by(self) -> datetime | None:
        return None if self.right.first_played_at is None else right_ends_at(self.right)

    @property
    def may_extend(self) -> bool:
        return may_extend(self.right)


async def granted_to(
    tx: Transaction, *, operator_id: UUID, rights: Sequence[Entitlement], now: datetime
) -> list[GrantedView]:
    """Return the free grants among a customer's rights, newest first."""
    free = [right for right in rights if right.purchase_id is None]
    titles = await item_titles(tx, operator_id=operator_id, item_ids={right.item_id for right in free})
    return [GrantedView(right=right, title=titles.get(right.item_id, "—"), now=now) for right in free]
