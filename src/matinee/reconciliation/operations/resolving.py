"""A person settles one row of the report."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.purchases.operations.acting import Case
from matinee.purchases.operations.by_staff import close_open_refund
from matinee.purchases.operations.four_eyes import Person, act_or_ask
from matinee.purchases.types import Decision, PurchaseState, SettleProposal, StaffVerdict
from matinee.reconciliation.operations.files import hold_file
from matinee.reconciliation.operations.rows import lock_row, write_resolution
from matinee.reconciliation.queries.files import get_file
from matinee.reconciliation.queries.report import get_row
from matinee.reconciliation.types import ReportRow, Resolution

_VERDICT: Mapping[Resolution, StaffVerdict] = {
    Resolution.CHARGED: StaffVerdict.CHARGED,
    Resolution.NOT_CHARGED: StaffVerdict.NOT_CHARGED,
}
_UNSETTLED = frozenset({PurchaseState.UNKNOWN, PurchaseState.REVIEW})


class RowDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided about a row. `action_id` is of the form: sent twice, it is done once."""

    file_id: UUID
    row_id: UUID
    resolution: Resolution
    reason: str
    action_id: UUID


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
    tx: Transaction,
    *,
    operator: Operator,
    reference_key: bytes,
    decision: RowDecision,
    person: Person,
    now: datetime,
) -> ReportRow | Decision:
    """Settle a row with a reason; audited. What it says of the purchase is done by the purchases' own operations.

    `charged` and `not_charged` settle an unclear purchase; above the operator's limit a second person is asked, whose
    decision is returned, and the row stays open. `refund_booked` closes a refund that waits for finance, and is a note
    otherwise, as are the others. Raises NotFound, Invalid (`reason`, `resolution`) and Conflict.
    """
    reason = checked_reason(decision.reason)
    operator_id = operator.operator_id
    key = {"operator_id": operator_id, "file_id": decision.file_id, "row_id": decision.row_id}
    await hold_file(tx, operator_id=operator_id, file_id=decision.file_id)
    file = await get_file(tx, operator_id=operator_id, file_id=decision.file_id)
    if not file.has_report:
        raise Conflict("There is no report of this file yet.")
    # The row is locked before the customer, as applying a file does it.
    await lock_row(tx, **key)
    row = await get_row(tx, **key)
    if decision.resolution not in resolutions_for(row):
        if row.resolution is not None or row.effect_done == "applied":
            raise Conflict("This row is settled by now. Look at its present state.")
        raise Invalid({"resolution": "This row cannot be settled so."})
    asked = await _settle_purchase(tx, operator, reference_key, row, decision, person)
    if asked is not None:
        return asked
    await write_resolution(
        tx, **key, resolution=decision.resolution, reason=reason, by=person.actor.name, now=now
    )
    await audit.record(
        tx, operator_id=operator_id, actor=person.actor, action="settlement.row_resolved",
        subject_kind="settlement_file", subject_id=decision.file_id, now=now, reason=reason,
        details={
            "row_id": str(decision.row_id), "reference": row.reference, "verdict": row.verdict.value,
            "resolution": decision.resolution.value,
        },
    )  # fmt: skip
    return await get_row(tx, **key)


async def _settle_purchase(
    tx: Transaction,
    operator: Operator,
    reference_key: bytes,
    row: ReportRow,
    decision: RowDecision,
    person: Person,
) -> Decision | None:
    """Do what the decision means for the purchase; returns what a second person was asked."""
    if row.customer_id is None or row.purchase_id is None:
        return None
    if decision.resolution in _VERDICT:
        done = await act_or_ask(
            tx, case=Case(operator=operator, customer_id=row.customer_id, reference_key=reference_key),
            proposal=SettleProposal(
                purchase_id=row.purchase_id, verdict=_VERDICT[decision.resolution]
            ),
            action_id=decision.action_id, reason=decision.reason, person=person,
        )  # fmt: skip
        return done if isinstance(done, Decision) else None
    if decision.resolution is Resolution.REFUND_BOOKED and row.state is PurchaseState.REFUND_OPEN:
        await close_open_refund(
            tx, operator=operator, customer_id=row.customer_id, purchase_id=row.purchase_id,
            reason=decision.reason, actor=person.actor,
        )  # fmt: skip
    return None
