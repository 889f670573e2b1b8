"""A person settles one row of the report."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.purchases.operations.by_staff import StaffVerdict, close_open_refund, settle_by_staff
from matinee.purchases.types import PurchaseState
from matinee.reconciliation.operations.rows import write_resolution
from matinee.reconciliation.queries.files import get_file
from matinee.reconciliation.queries.report import get_row
from matinee.reconciliation.types import ReportRow, Resolution

_VERDICT: Mapping[Resolution, StaffVerdict] = {
    Resolution.CHARGED: StaffVerdict.CHARGED,
    Resolution.NOT_CHARGED: StaffVerdict.NOT_CHARGED,
}
_UNSETTLED = frozenset({PurchaseState.UNKNOWN, PurchaseState.REVIEW})


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided about a row, and who it is. Hand it to `resolve` once nobody else need agree."""

    file_id: UUID
    row_id: UUID
    resolution: Resolution
    reason: str


def resolutions_for(row: ReportRow) -> tuple[Resolution, ...]:
    """Return how a row may be settled; nothing when it is."""
    if row.resolution is not None or row.effect_done == "applied":
        return ()
    kinds = [Resolution.ACCEPTED]
    if row.state in _UNSETTLED:
        kinds += [Resolution.CHARGED, Resolution.NOT_CHARGED]
    if row.purchase_id is not None:
        kinds.append(Resolution.REFUND_BOOKED)
    return (*kinds, Resolution.WRITTEN_OFF)


async def resolve(
    tx: Transaction, *, operator: Operator, decision: Decision, actor: Actor, now: datetime
) -> ReportRow:
    """Settle a row with a reason; audited. What it says of the purchase is done by the purchases' own operations.

    `charged` and `not_charged` settle an unclear purchase; `refund_booked` closes a refund that waits for finance,
    and is a note otherwise, as are the others. Raises NotFound, Invalid (`reason`, `resolution`) and Conflict.
    """
    reason = checked_reason(decision.reason)
    operator_id = operator.operator_id
    file = await get_file(tx, operator_id=operator_id, file_id=decision.file_id)
    if not file.has_report:
        raise Conflict("There is no report of this file yet.")
    row = await get_row(tx, operator_id=operator_id, file_id=decision.file_id, row_id=decision.row_id)
    if decision.resolution not in resolutions_for(row):
        if row.resolution is not None:
            raise Conflict("Somebody else has settled this row. Look at its present state.")
        raise Invalid({"resolution": "This row cannot be settled so."})
    # The row is locked before the customer, as applying a file does it.
    if not await write_resolution(
        tx, operator_id=operator_id, file_id=decision.file_id, row_id=decision.row_id,
        resolution=decision.resolution, reason=reason, by=actor.name, now=now,
    ):  # fmt: skip
        raise Conflict("Somebody else has settled this row. Look at its present state.")
    await _settle_purchase(tx, operator, row, decision.resolution, reason, actor)
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="settlement.row_resolved",
        subject_kind="settlement_file", subject_id=decision.file_id, now=now, reason=reason,
        details={
            "row_id": str(decision.row_id), "reference": row.reference, "verdict": row.verdict.value,
            "resolution": decision.resolution.value,
        },
    )  # fmt: skip
    return await get_row(tx, operator_id=operator_id, file_id=decision.file_id, row_id=decision.row_id)


async def _settle_purchase(
    tx: Transaction, operator: Operator, row: ReportRow, resolution: Resolution, reason: str, actor: Actor
) -> None:
    if row.customer_id is None or row.purchase_id is None:
        return
    if resolution in _VERDICT:
        await settle_by_staff(
            tx, operator=operator, customer_id=row.customer_id, purchase_id=row.purchase_id,
            verdict=_VERDICT[resolution], reason=reason, actor=actor,
        )  # fmt: skip
    elif resolution is Resolution.REFUND_BOOKED and row.state is PurchaseState.REFUND_OPEN:
        await close_open_refund(
            tx, operator=operator, customer_id=row.customer_id, purchase_id=row.purchase_id, reason=reason,
            actor=actor,
        )  # fmt: skip
