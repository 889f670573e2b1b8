"""Words of the staff domain."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from matinee.platform.audit import Actor


class Role(StrEnum):
    """What a person may change. Everybody who is signed in may look."""

    ADMIN = "admin"
    CATALOGUE = "catalogue"
    CARE = "care"
    FINANCE = "finance"
    INTEGRATION = "integration"


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the operator's staff. `email` is in lower case and is the sign-in name."""

    operator_id: UUID
    staff_id: UUID
    email: str
    name: str
    roles: frozenset[Role]

    @property
    def actor(self) -> Actor:
        """Return who is written into audit entries."""
        return Actor("staff", self.staff_id, self.name)


class StaffRow(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the list of staff shows it. `version` rises with every change of name or roles."""

    staff: Staff
    version: int
    disabled_at: datetime | None
    created_at: datetime
    last_seen_at: datetime | None


class OpenedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session just opened. `secret` goes into the cookie and is stored nowhere."""

    staff: Staff
    secret: str
    expires_at: datetime
