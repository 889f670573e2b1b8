"""Carrying out what staff decide about money and rights, alone or by asking a second person."""

from uuid import UUID

from matinee.kernel.ids import new_id, parse_id
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.purchases.operations.acting import Case, Done
from matinee.purchases.operations.four_eyes import Person, act_or_ask
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Decision, Proposal
from matinee.staff.types import Staff

ASKED = (
    "With what you did in the last 24 hours this is above the limit for one person. Somebody else of finance has to"
    " agree: see Approvals."
)


def person_of(staff: Staff) -> Person:
    """Return who decides."""
    return Person(staff.staff_id, staff.actor)


def case_of(operator: Operator, purchases: PurchaseServices, customer_id: UUID) -> Case:
    """Return whom it is about."""
    return Case(operator=operator, customer_id=customer_id, reference_key=purchases.reference_key)


def once(text: str | None) -> UUID:
    """Return the id that a form carries, so that sending it twice does its work once; a new one where it has none."""
    try:
        return UUID(text or "")
    except ValueError:
        return new_id()


async def act(
    database: Database,
    *,
    operator: Operator,
    staff: Staff,
    purchases: PurchaseServices,
    customer: str,
    proposal: Proposal,
    action_id: UUID,
    reason: str,
) -> Done | Decision:
    """Do it, or ask a second person. `action_id` is that of the form, so that sending it twice does it once.

    Raises as `act_or_ask`.
    """
    case = case_of(operator, purchases, parse_id(customer))
    async with database.transaction(operator.operator_id) as tx:
        return await act_or_ask(
            tx, case=case, proposal=proposal, action_id=action_id, reason=reason, person=person_of(staff)
        )
