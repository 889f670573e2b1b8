"""Reading rights and playback sessions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from matinee.catalog.selling import live_item
from matinee.customers.queries import get_product
from matinee.customers.rules import status_of
from matinee.customers.types import Customer, EffectiveStatus
from matinee.entitlements.rules import may_start, right_ends_at
from matinee.entitlements.types import Entitlement, PlaybackSession, Right, RightVia
from matinee.platform.db import Transaction

_ENTITLEMENT = """
    operator_id, customer_id, entitlement_id, item_kind, item_id, purchase_id, granted_at, startable_until,
    finish_window_hours, runtime_minutes, first_played_at, last_started_at, revoked_at,
    rule_name, for_purchase_id, granted_by, grant_reason,
    (SELECT l.ends_at FROM live_events l
     WHERE entitlements.item_kind = 'live_event' AND l.operator_id = entitlements.operator_id
       AND l.item_id = entitlements.item_id) AS item_ends_at
"""
_SESSION = """
    operator_id, customer_id, session_id, entitlement_id, item_kind, item_id, episode_id, device_id, started_at,
    lease_until, ended_at, position_seconds
"""


async def entitlement_of_purchase(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> Entitlement | None:
    """Return the right that a purchase gave, ended or not; None if it never gave one."""
    row = await tx.fetchrow(
        f"SELECT {_ENTITLEMENT} FROM entitlements WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3",
        operator_id, customer_id, purchase_id,
    )  # fmt: skip
    return None if row is None else Entitlement(**row)


async def entitlements_of_customer(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID
) -> list[Entitlement]:
    """Return every right that a customer has or had, newest first."""
    rows = await tx.fetch(
        f"SELECT {_ENTITLEMENT} FROM entitlements WHERE operator_id = $1 AND customer_id = $2 "
        "ORDER BY granted_at DESC",
        operator_id, customer_id,
    )  # fmt: skip
    return [Entitlement(**row) for row in rows]


async def entitlements_to_item(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, item_kind: str, item_id: UUID
) -> list[Entitlement]:
    """Return every right of a customer to one item, newest first."""
    rows = await tx.fetch(
        f"SELECT {_ENTITLEMENT} FROM entitlements WHERE operator_id = $1 AND customer_id = $2 "
        "AND item_kind = $3 AND item_id = $4 ORDER BY granted_at DESC",
        operator_id, customer_id, item_kind, item_id,
    )  # fmt: skip
    return [Entitlement(**row) for row in rows]


def best_right(entitlements: Sequence[Entitlement], *, now: datetime) -> Right | None:
    """Return the playable right that lasts longest, or None."""
    playable = [e for e in entitlements if may_start(e, now=now)]
    if not playable:
        return None
    best = max(playable, key=right_ends_at)
    via = RightVia.GRANT if best.purchase_id is None else RightVia.PURCHASE
    return Right(via=via, play_until=right_ends_at(best), entitlement=best)


async def right_to_item(
    tx: Transaction, *, operator_id: UUID, customer: Customer, item_kind: str, item_id: UUID, now: datetime
) -> Right | None:
    """Return what lets a customer play an item at `now`: something bought or granted, else the subscription."""
    bought = best_right(
        await entitlements_to_item(
            tx,
            operator_id=operator_id,
            customer_id=customer.customer_id,
            item_kind=item_kind,
            item_id=item_id,
        ),
        now=now,
    )
    if bought is not None:
        return bought
    item = await live_item(tx, operator_id=operator_id, item_kind=item_kind, item_id=item_id)
    subscribes = status_of(customer, now) in (EffectiveStatus.ACTIVE, EffectiveStatus.TRIAL)
    if item is None or item.payment_method != "subscription" or not item.on_offer(now=now) or not subscribes:
        return None
    product = await get_product(tx, operator_id=operator_id, product_id=customer.product_id)
    if not set(product.packages) & set(item.packages):
        return None
    return Right(via=RightVia.SUBSCRIPTION, play_until=None, entitlement=None)


async def get_entitlement(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, entitlement_id: UUID
) -> Entitlement | None:
    """Return one right, or None."""
    row = await tx.fetchrow(
        f"SELECT {_ENTITLEMENT} FROM entitlements WHERE operator_id = $1 AND customer_id = $2 "
        "AND entitlement_id = $3",
        operator_id, customer_id, entitlement_id,
    )  # fmt: skip
    return None if row is None else Entitlement(**row)


async def get_session(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, session_id: UUID
) -> PlaybackSession | None:
    """Return one playback session, alive or not, or None."""
    row = await tx.fetchrow(
        f"SELECT {_SESSION} FROM playback_sessions WHERE operator_id = $1 AND customer_id = $2 AND session_id = $3",
        operator_id, customer_id, session_id,
    )  # fmt: skip
    return None if row is None else PlaybackSession(**row)


async def live_sessions(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, now: datetime
) -> list[PlaybackSession]:
    """Return the sessions that hold one of the customer's streams at `now`, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_SESSION} FROM playback_sessions WHERE operator_id = $1 AND customer_id = $2 "
        "AND ended_at IS NULL AND lease_until > $3 ORDER BY started_at",
        operator_id, customer_id, now,
    )  # fmt: skip
    return [PlaybackSession(**row) for row in rows]


async def last_position(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer_id: UUID,
    item_kind: str,
    item_id: UUID,
    episode_id: UUID | None = None,
) -> int:
    """Return where the customer last stopped in an item or an episode of it, in seconds; 0 when never played."""
    position: int | None = await tx.fetchval(
        """SELECT position_seconds FROM playback_sessions
           WHERE operator_id = $1 AND customer_id = $2 AND item_kind = $3 AND item_id = $4
             AND episode_id IS NOT DISTINCT FROM $5
           ORDER BY started_at DESC LIMIT 1""",
        operator_id, customer_id, item_kind, item_id, episode_id,
    )  # fmt: skip
    return position or 0
