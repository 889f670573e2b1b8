"""More time for a right, as far as one person may give it."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from matinee.customers.queries import lock_customer
from matinee.entitlements.operations import extend_right
from matinee.entitlements.queries import get_entitlement
from matinee.entitlements.rules import may_start
from matinee.entitlements.types import Entitlement
from matinee.kernel.errors import Invalid, NotFound, Refused
from matinee.kernel.ids import new_id
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.purchases.operations.acting import Case, Weight, end_of_item, weigh, weight_of_purchase
from matinee.purchases.operations.alone import NEEDS_SECOND, count_alone
from matinee.purchases.operations.transitions import right_until
from matinee.purchases.queries import get_purchase
from matinee.purchases.types import GrantProposal

MORE_AT_MOST: Final = timedelta(days=30)
"""So much longer than it was sold for a right may become by the word of staff; more is a grant of its own."""


async def extend_by_staff(
    tx: Transaction, *, case: Case, entitlement_id: UUID, until: datetime, reason: str, actor: Actor
) -> Entitlement:
    """Let a right be started until later: one that was sold, at most `MORE_AT_MOST` later in all than it was sold for.

    One that is over would be given a second time by this: above the operator's limit that is a free grant, which a
    second person agrees to. Raises as `extend_right`, Invalid (`until`), and Refused (`needs_second_person`).
    """
    ids = {"operator_id": case.operator.operator_id, "customer_id": case.customer_id}
    await lock_customer(tx, **ids)
    now = await tx.now()
    right = await get_entitlement(tx, **ids, entitlement_id=entitlement_id)
    if right is None:
        raise NotFound("There is no such right.")
    if right.revoked_at is None and not may_start(right, now=now):
        weight = await _weight(tx, case, right, until, now)
        alone = actor.actor_id is None or await count_alone(
            tx, operator_id=ids["operator_id"], staff_id=actor.actor_id, kind=weight.kind,
            amounts=[weight.worth] if weight.worth else [], action_id=new_id(),
        )  # fmt: skip
        if not alone:
            raise Refused(
                "This right is over, and the film is worth more than one person may give away within 24 hours. Grant"
                " it anew: a second person is then asked.",
                code=NEEDS_SECOND,
            )
    latest = await latest_extension(tx, case=case, right=right)
    if latest is not None and right.startable_until < until and until > latest:
        raise Invalid(
            {
                "until": f"A right that was sold gets {MORE_AT_MOST.days} days more in all, and none beyond the"
                " licence, or the live event, that it was sold with. Choose an earlier time, or grant the title anew."
            }
        )
    return await extend_right(
        tx, **ids, entitlement_id=entitlement_id, until=until, reason=reason, actor=actor,
        licence_ends_at=await end_of_item(
            tx, operator_id=ids["operator_id"], item_kind=right.item_kind, item_id=right.item_id
        ),
    )  # fmt: skip


async def latest_extension(tx: Transaction, *, case: Case, right: Entitlement) -> datetime | None:
    """Return until when staff may extend a right that was sold; None: it was given away, its grant was weighed."""
    purchase_id = right.purchase_id or right.for_purchase_id
    if purchase_id is None:
        return None
    purchase = await get_purchase(
        tx, operator_id=right.operator_id, customer_id=right.customer_id, purchase_id=purchase_id
    )
    sold = right_until(purchase, case.operator, purchase.granted_at or right.granted_at)
    latest = sold + MORE_AT_MOST
    return min(latest, purchase.licence_ends_at) if purchase.licence_ends_at is not None else latest


async def _weight(tx: Transaction, case: Case, right: Entitlement, until: datetime, now: datetime) -> Weight:
    """Return what the right was sold for, or what its item costs where it was granted."""
    purchase_id = right.purchase_id or right.for_purchase_id
    if purchase_id is not None:
        return await weight_of_purchase(tx, case=case, kind="grant", purchase_id=purchase_id)
    proposal = GrantProposal(item_kind=right.item_kind, item_id=right.item_id, until=until)
    try:
        return await weigh(tx, case=case, proposal=proposal, now=now)
    except Invalid as error:
        raise Refused(" ".join(error.fields.values()), code="right_ended") from error
