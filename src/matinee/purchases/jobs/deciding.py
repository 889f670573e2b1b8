"""Agreeing to what somebody asked for: done now, or closed if the world does not allow it any more."""

from uuid import UUID

from matinee.kernel.errors import Conflict, Invalid, NotFound, Refused
from matinee.platform.db import Database
from matinee.purchases.operations.acting import Case
from matinee.purchases.operations.four_eyes import ALREADY_DECIDED, OWN_REQUEST, Person, approve, lapse
from matinee.purchases.types import Decision

_STAYS_OPEN = frozenset({ALREADY_DECIDED, OWN_REQUEST, "still_being_asked"})


async def approve_or_lapse(
    database: Database, *, case: Case, decision_id: UUID, reason: str, person: Person
) -> Decision:
    """Approve a request; one that cannot be done any more is closed as lapsed, with what stood against it.

    Raises as `operations.four_eyes.approve` where the request stays as it is: no fit reason, one's own request,
    decided otherwise, or a purchase that cannot be settled yet.
    """
    operator_id = case.operator.operator_id
    try:
        async with database.transaction(operator_id) as tx:
            return await approve(tx, case=case, decision_id=decision_id, reason=reason, person=person)
    except (Conflict, Refused, Invalid, NotFound) as error:
        about_reason = isinstance(error, Invalid) and "reason" in error.fields
        if about_reason or error.code in _STAYS_OPEN:
            raise
        why = " ".join(error.fields.values()) if isinstance(error, Invalid) else error.message
    async with database.transaction(operator_id) as tx:
        return await lapse(tx, case=case, decision_id=decision_id, why=why, person=person)
