"""The audit's entry about a customer."""

from datetime import datetime
from typing import Any
from uuid import UUID

from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction


async def record(
    tx: Transaction,
    operator_id: UUID,
    actor: Actor,
    customer_id: UUID,
    action: str,
    now: datetime,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Note what somebody did to a customer."""
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=action, subject_kind="customer",
        subject_id=customer_id, now=now, reason=reason, details=details,
    )  # fmt: skip
