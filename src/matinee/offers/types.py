"""Words of the offers domain."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from matinee.catalog.types import ItemKind
from matinee.kernel.periods import WindowUnit


class PpvRuleDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What staff say of a rule.

    The start window is `quantity` `unit`s after the purchase. `finish_window_hours` counts from the first
    play; None lets whoever started in time finish the film.
    """

    name: str
    unit: WindowUnit
    quantity: int
    finish_window_hours: int | None


class PpvRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it stands. `version` rises with every edit."""

    rule_id: UUID
    name: str
    unit: WindowUnit
    quantity: int
    finish_window_hours: int | None
    version: int
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def draft(self) -> PpvRuleDraft:
        """Return what staff said of it."""
        return PpvRuleDraft(
            name=self.name,
            unit=self.unit,
            quantity=self.quantity,
            finish_window_hours=self.finish_window_hours,
        )


class PpvRuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list: the rule and how many items (archived ones left out) of each kind are sold by it."""

    rule: PpvRule
    used: Mapping[ItemKind, int]

    @property
    def item_count(self) -> int:
        return sum(self.used.values())
