"""What staff give without a payment: a right to one item, more time for a right, and its end."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from asyncpg import UniqueViolationError

from matinee.customers.queries import lock_customer
from matinee.entitlements.operations.rights import TOLD
from matinee.entitlements.queries import best_right, entitlements_to_item, get_entitlement
from matinee.entitlements.rules import right_ends_at
from matinee.entitlements.types import Entitlement, GrantTerms
from matinee.kernel.errors import Conflict, Invalid, NotFound, Refused
from matinee.kernel.ids import new_id
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction

LONGEST_GRANT: Final = timedelta(days=3660)


async def give_grant(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer_id: UUID,
    grant_id: UUID,
    terms: GrantTerms,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Entitlement:
    """Let a customer play an item without paying. The same `grant_id` again is the same grant.

    The caller holds the lock on the customer. Raises Invalid (`until`, `reason`), and Conflict while the customer
    may play the item anyway.
    """
    reason = checked_reason(reason)
    ids = {"operator_id": operator_id, "customer_id": customer_id}
    earlier = await get_entitlement(tx, **ids, entitlement_id=grant_id)
    if earlier is not None:
        if (earlier.item_kind, earlier.item_id) != (terms.item_kind, terms.item_id):
            raise Conflict("This form was sent before for another title. Open the page again.")
        return earlier
    await check_grant(tx, **ids, terms=terms, now=now)
    try:
        await tx.execute(
            """INSERT INTO entitlements (operator_id, customer_id, entitlement_id, item_kind, item_id, granted_at,
                   startable_until, finish_window_hours, runtime_minutes, rule_name, for_purchase_id, granted_by,
                   grant_reason)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
            operator_id, customer_id, grant_id, terms.item_kind, terms.item_id, now, terms.startable_until,
            terms.finish_window_hours, terms.runtime_minutes, terms.rule_name, terms.for_purchase_id, actor.name,
            reason,
        )  # fmt: skip
    except UniqueViolationError:
        raise Conflict("A right was granted for this purchase before.") from None
    await _record(tx, operator_id, customer_id, grant_id, actor, "entitlement.granted", reason, now, {
        "item_id": str(terms.item_id), "until": terms.startable_until.isoformat(),
    })  # fmt: skip
    granted = await get_entitlement(tx, **ids, entitlement_id=grant_id)
    if granted is None:
        raise LookupError("a grant that was just written is not there")
    return granted


async def check_grant(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, terms: GrantTerms, now: datetime
) -> None:
    """See that a grant could be given. Raises Invalid (`until`), and Conflict while the item may be played anyway."""
    _check_until(terms.startable_until, terms.licence_ends_at, now)
    rights = await entitlements_to_item(
        tx, operator_id=operator_id, customer_id=customer_id, item_kind=terms.item_kind, item_id=terms.item_id
    )
    if best_right(rights, now=now) is not None:
        raise Conflict("The customer may watch this already. Give that right more time instead.")


async def extend_right(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer_id: UUID,
    entitlement_id: UUID,
    until: datetime,
    licence_ends_at: datetime | None,
    reason: str,
    actor: Actor,
) -> Entitlement:
    """Let a right, also one that has run out, be started until later. It never becomes shorter.

    Raises NotFound, Invalid (`until`, `reason`), and Refused for a right that was taken away or whose finish
    window runs.
    """
    reason = checked_reason(reason)
    right, now = await _locked(tx, operator_id, customer_id, entitlement_id)
    if right.revoked_at is not None:
        raise Refused("This right was taken away. Grant it anew.", code="right_ended")
    if right.first_played_at is not None and right.finish_window_hours is not None:
        raise Refused(
            "The customer has started to watch, so the finish window counts. Grant it anew when that is over.",
            code="finish_window_runs",
        )
    if until == right.startable_until:
        return right
    if until < max(right.startable_until, right_ends_at(right)):
        raise Invalid({"until": "A right only becomes longer. Choose a later time."})
    _check_until(until, licence_ends_at, now)
    await tx.execute(
        """UPDATE entitlements SET startable_until = $4, end_noted_at = NULL
           WHERE operator_id = $1 AND customer_id = $2 AND entitlement_id = $3""",
        operator_id, customer_id, entitlement_id, until,
    )  # fmt: skip
    await _record(tx, operator_id, customer_id, entitlement_id, actor, "entitlement.extended", reason, now, {
        "item_id": str(right.item_id),
        "until": {"from": right.startable_until.isoformat(), "to": until.isoformat()},
    })  # fmt: skip
    return await _one(tx, operator_id, customer_id, entitlement_id)


async def revoke_grant(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer_id: UUID,
    entitlement_id: UUID,
    reason: str,
    actor: Actor,
) -> Entitlement:
    """End a free grant; what plays stops within one lease. Harmless when it was ended before.

    Raises NotFound, Invalid (`reason`), and Refused for a right that was paid for: that is a refund.
    """
    reason = checked_reason(reason)
    right, now = await _locked(tx, operator_id, customer_id, entitlement_id)
    if right.purchase_id is not None:
        raise Refused("This right was paid for. Refund the purchase: that ends it too.", code="paid_for")
    if right.revoked_at is not None:
        return right
    await tx.execute(
        f"""WITH changed AS (
                UPDATE entitlements SET revoked_at = $4, end_noted_at = $4
                WHERE operator_id = $5 AND customer_id = $6 AND entitlement_id = $7 AND revoked_at IS NULL
                RETURNING *
            ) {TOLD}""",
        new_id(), "entitlement.ended", "revoked", now, operator_id, customer_id, entitlement_id,
    )  # fmt: skip
    await _record(tx, operator_id, customer_id, entitlement_id, actor, "entitlement.revoked", reason, now, {
        "item_id": str(right.item_id),
    })  # fmt: skip
    return await _one(tx, operator_id, customer_id, entitlement_id)


def _check_until(until: datetime, licence_ends_at: datetime | None, now: datetime) -> None:
    if until <= now:
        raise Invalid({"until": "Choose a time in the future."})
    if until > now + LONGEST_GRANT:
        raise Invalid({"until": "Choose a time within ten years."})
    if licence_ends_at is not None and until > licence_ends_at:
        raise Invalid({"until": "Its licence, or the live event, ends before. Choose an earlier time."})


async def _locked(
    tx: Transaction, operator_id: UUID, customer_id: UUID, entitlement_id: UUID
) -> tuple[Entitlement, datetime]:
    await lock_customer(tx, operator_id=operator_id, customer_id=customer_id)
    await tx.fetchval(
        """SELECT 1 FROM entitlements WHERE operator_id = $1 AND customer_id = $2 AND entitlement_id = $3
           FOR NO KEY UPDATE""",
        operator_id, customer_id, entitlement_id,
    )  # fmt: skip
    return await _one(tx, operator_id, customer_id, entitlement_id), await tx.now()


async def _one(tx: Transaction, operator_id: UUID, customer_id: UUID, entitlement_id: UUID) -> Entitlement:
    found = await get_entitlement(
        tx, operator_id=operator_id, customer_id=customer_id, entitlement_id=entitlement_id
    )
    if found is None:
        raise NotFound("There is no such right.")
    return found


async def _record(
    tx: Transaction, operator_id: UUID, customer_id: UUID, entitlement_id: UUID, actor: Actor, action: str,
    reason: str, now: datetime, details: dict[str, object],
) -> None:  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=action, subject_kind="customer",
        subject_id=customer_id, now=now, reason=reason,
        details=details | {"entitlement_id": str(entitlement_id)},
    )  # fmt: skip
