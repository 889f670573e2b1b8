"""Looking at a purchase when its check is due, whatever its state: the table of who does what stands in `check`."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from matinee.platform.db import Transaction
from matinee.platform.operators import get_operator
from matinee.provisions.types import CancelKind, Capabilities, Capability, ExchangeRecord, StatusKind
from matinee.purchases.jobs.charge import charge, repeat
from matinee.purchases.jobs.closing import as_it_is, cancel, closed_by_cancel, granted_meanwhile
from matinee.purchases.jobs.watch import count_charges, watch_closed
from matinee.purchases.operations.charging import BillingOrder, billing_order, claim, past_deadline
from matinee.purchases.operations.late_charges import grant_or_give_back
from matinee.purchases.operations.transitions import Change, look_again, move, note, take_lease
from matinee.purchases.queries import get_purchase
from matinee.purchases.rules import (
    ALERT_AFTER,
    ASK_AGAIN_AFTER,
    ASKING,
    CALL_MARGIN,
    CANCEL_REFUSED,
    LEASE,
    NOT_FOUND_TWICE,
    RESOLVE_GIVES_UP_AFTER,
    STAFF_LOOK,
    cancels,
    may_repeat,
    person_delay,
    resolve_delay,
)
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Evidence, Purchase, PurchaseState

log = structlog.get_logger(__name__)

Check = Callable[[PurchaseServices, BillingOrder, datetime], Awaitable[None]]


async def check(
    services: PurchaseServices, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> None:
    """Do what is due for one purchase. Safe to call at any time and by several workers at once."""
    async with services.database.transaction(operator_id) as tx:
        taken = await _take(tx, operator_id, customer_id, purchase_id)
        if taken is None:
            return
        order, now = taken
        if order.purchase.state is PurchaseState.CHARGING:
            await past_deadline(tx, operator=order.operator, purchase=order.purchase, now=now)
            return
        if order.purchase.state is PurchaseState.RESERVED:
            claimed = await claim(tx, order=order, now=now)
            if claimed is None:
                return
            order = claimed
    if order.purchase.state is PurchaseState.CHARGING:
        await charge(services, order)
        return
    await _CHECKS.get(order.purchase.state, count_charges)(services, order, now)


async def _take(
    tx: Transaction, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> tuple[BillingOrder, datetime] | None:
    """Take the lease on a due purchase and collect what its check needs; None if it is not due (any more)."""
    operator = await get_operator(tx, operator_id=operator_id)
    purchase = await get_purchase(
        tx, operator_id=operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    now = await tx.now()
    if purchase.next_check_at is None or purchase.next_check_at > now:
        return None
    order = await billing_order(tx, operator=operator, purchase=purchase)
    return await _leased(tx, order, now + LEASE, now)


async def _leased(
    tx: Transaction, order: BillingOrder, until: datetime | None, now: datetime
) -> tuple[BillingOrder, datetime] | None:
    """Take the lease; where that leads to a cancel, a success that was on its way before it proves nothing any more."""
    purchase = order.purchase
    leased = await take_lease(
        tx, purchase=purchase, until=until, new_epoch=purchase.state in _CLOSED_BY and cancels(order.capabilities),
        now=now,
    )  # fmt: skip
    return None if leased is None else (order.with_purchase(leased), now)


async def ask_now(
    services: PurchaseServices, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> None:
    """Resolve an UNKNOWN purchase at once because somebody is looking; its schedule does not move on."""
    async with services.database.transaction(operator_id) as tx:
        taken = await _take_extra(tx, operator_id, customer_id, purchase_id, _UNCLEAR, ASKING)
    if taken is not None:
        await _resolve(services, *taken, scheduled=False)


async def look_now(
    services: PurchaseServices, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> None:
    """Ask billing what stands under a purchase because billing itself said that something happened.

    UNKNOWN is resolved, after success charges are counted, a closed purchase is watched. Only where billing can be
    asked: nothing is ever charged or cancelled for this. The schedule does not move on.
    """
    async with services.database.transaction(operator_id) as tx:
        taken = await _take_extra(
            tx, operator_id, customer_id, purchase_id, _LOOKED_AT, frozenset({Capability.STATUS})
        )
    if taken is None:
        return
    order, now = taken
    match order.purchase.state:
        case PurchaseState.UNKNOWN:
            await _by_status(services, order, now, scheduled=False)
        case PurchaseState.DECLINED | PurchaseState.VOID:
            await watch_closed(services, order, now, scheduled=False)
        case _:
            await count_charges(services, order, now, scheduled=False)


_CLOSED_BY = frozenset({PurchaseState.UNKNOWN, PurchaseState.DECLINED, PurchaseState.VOID})
"""States whose check closes the reference, where billing can be asked nothing."""

_UNCLEAR = frozenset({PurchaseState.UNKNOWN})
_LOOKED_AT = frozenset(PurchaseState) - {
    PurchaseState.RESERVED,
    PurchaseState.CHARGING,
    PurchaseState.REVIEW,
    PurchaseState.NOT_SENT,
}
"""States in which billing may be asked out of turn: nothing is under way, and its answer can change something."""


async def _take_extra(
    tx: Transaction,
    operator_id: UUID,
    customer_id: UUID,
    purchase_id: UUID,
    states: frozenset[PurchaseState],
    needs_one_of: Capabilities,
) -> tuple[BillingOrder, datetime] | None:
    """Take the lease for a question out of turn; None where it would be in vain, or somebody has just asked."""
    operator = await get_operator(tx, operator_id=operator_id)
    purchase = await get_purchase(
        tx, operator_id=operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    now = await tx.now()
    asked_lately = purchase.checked_at is not None and now - purchase.checked_at < ASK_AGAIN_AFTER
    if purchase.state not in states or purchase.provision_id is None or asked_lately:
        return None
    order = await billing_order(tx, operator=operator, purchase=purchase)
    if not needs_one_of & order.capabilities or _may_be_cancelling(order, now):
        return None
    # The lease ends when the check was due anyway: an extra ask never delays the schedule.
    return await _leased(tx, order, purchase.next_check_at, now)


def _may_be_cancelling(order: BillingOrder, now: datetime) -> bool:
    """Say whether a cancel, or the charge after it, may be under way: one more would make void what it brings."""
    began_at = order.purchase.checked_at
    if began_at is None or not cancels(order.capabilities):
        return False
    calls = 2 if Capability.IDEMPOTENT in order.capabilities else 1
    return now - began_at < timedelta(seconds=order.config.timeout_seconds) * calls + CALL_MARGIN


async def _resolve(
    services: PurchaseServices, order: BillingOrder, now: datetime, *, scheduled: bool = True
) -> None:
    """Settle UNKNOWN: by status; else by cancel; else, with idempotence alone, by repeating; else by a person."""
    if Capability.STATUS in order.capabilities:
        await _by_status(services, order, now, scheduled=scheduled)
    elif Capability.CANCEL in order.capabilities:
        await _by_cancel(services, order, now, scheduled=scheduled)
    elif Capability.IDEMPOTENT in order.capabilities:
        await _by_repeating(services, order, now, scheduled=scheduled)
    else:
        await _by_person(services, order, now)


async def _by_cancel(
    services: PurchaseServices, order: BillingOrder, now: datetime, *, scheduled: bool
) -> None:
    """Close the reference. Acknowledged: nobody was charged, nor ever will be under it.

    A refusal says that it was charged, and is no proof of it: an idempotent billing system is asked for its answer
    by sending the charge again, which can add nothing; else a person decides.
    """
    result = await cancel(services, order)
    if result is None:
        return
    refused = result.outcome.kind is CancelKind.REFUSED
    async with services.database.transaction(order.operator.operator_id) as tx:
        current = await as_it_is(tx, order)
        if await granted_meanwhile(tx, services, current, result):
            return
        after = await tx.now()
        if result.outcome.kind is CancelKind.CANCELLED:
            await closed_by_cancel(tx, current, result.record, after)
            return
        if refused and not _may_repeat(order, now):
            change = Change(
                to=PurchaseState.REVIEW, cause=CANCEL_REFUSED, check_in=STAFF_LOOK, record=result.record
            )
            await move(tx, operator=order.operator, purchase=order.purchase, change=change, now=after)
            return
        await note(tx, purchase=order.purchase, record=result.record, now=after)
        if not refused:
            if scheduled:
                await _wait(tx, order, after)
            return
    await _by_repeating(services, order, now, scheduled=scheduled)


def _may_repeat(order: BillingOrder, now: datetime) -> bool:
    purchase = order.purchase
    return Capability.IDEMPOTENT in order.capabilities and may_repeat(
        age=now - purchase.charge_began_at,
        gave_up=purchase.gave_up_at is not None,
        ends_at=purchase.licence_ends_at,
        timeout=timedelta(seconds=order.config.timeout_seconds),
        now=now,
    )


async def _by_status(
    services: PurchaseServices, order: BillingOrder, now: datetime, *, scheduled: bool
) -> None:
    result = await services.gateway.status(order.target, order.values)
    async with services.database.transaction(order.operator.operator_id) as tx:
        after = await tx.now()
        purchase = order.purchase
        quiet = now - purchase.charge_began_at >= order.quiet
        change = None
        match result.outcome.kind:
            case StatusKind.CHARGED:
                change = msgspec.structs.replace(
                    _settled(order, PurchaseState.GRANTED, "status_charged", result.record),
                    billing_transaction=result.outcome.charge_ids[0],
                )
            case StatusKind.DECLINED:
                change = _settled(order, PurchaseState.DECLINED, "status_declined", result.record)
            case StatusKind.NOT_FOUND if quiet and _was_not_found_before(purchase, now):
                change = _settled(order, PurchaseState.VOID, "status_not_found", result.record)
            case StatusKind.NOT_FOUND if quiet:
                await note(tx, purchase=purchase, record=result.record, now=after)
                await look_again(
                    tx, purchase=purchase, next_check_at=after + NOT_FOUND_TWICE,
                    check_count=purchase.check_count, not_found_at=purchase.not_found_at or now, now=after,
                )  # fmt: skip
                return
            case _:
                pass
        if change is not None and change.to is PurchaseState.GRANTED:
            key = services.reference_key
            await grant_or_give_back(tx, order=order, reference_key=key, change=change, now=after)
            return
        if change is not None:
            await move(tx, operator=order.operator, purchase=purchase, change=change, now=after)
            return
        await note(tx, purchase=purchase, record=result.record, now=after)
        if scheduled:
            await _wait(tx, order, after)


async def _by_repeating(
    services: PurchaseServices, order: BillingOrder, now: datetime, *, scheduled: bool
) -> None:
    purchase = order.purchase
    if not _may_repeat(order, now):
        async with services.database.transaction(purchase.operator_id) as tx:
            change = Change(to=PurchaseState.REVIEW, cause="repeating_ended", check_in=STAFF_LOOK)
            await move(tx, operator=order.operator, purchase=purchase, change=change, now=await tx.now())
        return
    after = await repeat(services, order)
    if scheduled and (after is None or after.state is PurchaseState.UNKNOWN):
        async with services.database.transaction(purchase.operator_id) as tx:
            await _wait(tx, order, await tx.now())


async def _by_person(services: PurchaseServices, order: BillingOrder, now: datetime) -> None:
    async with services.database.transaction(order.operator.operator_id) as tx:
        await _wait(tx, order, now)


async def _wait(tx: Transaction, order: BillingOrder, now: datetime) -> None:
    """Keep UNKNOWN and set the next check by the schedule; after a day staff are told, after a week they decide."""
    purchase = order.purchase
    age = now - purchase.charge_began_at
    if age >= RESOLVE_GIVES_UP_AFTER:
        change = Change(to=PurchaseState.REVIEW, cause="unanswered_for_a_week", check_in=STAFF_LOOK)
        await move(tx, operator=order.operator, purchase=purchase, change=change, now=now)
        return
    if age >= ALERT_AFTER and purchase.alerted_at is None:
        log.warning("purchase_unclear_for_a_day", **_named(purchase))
    asks = ASKING & order.capabilities
    count = purchase.check_count + 1
    delay = resolve_delay(count) if asks else person_delay(age)
    await look_again(
        tx, purchase=purchase, next_check_at=now + delay, check_count=count,
        not_found_at=purchase.not_found_at, alert=age >= ALERT_AFTER, now=now,
    )  # fmt: skip


async def _await_staff(services: PurchaseServices, order: BillingOrder, now: datetime) -> None:
    """REVIEW waits for a person; the alert is raised again each day."""
    log.warning(
        "purchase_waits_for_staff", since=order.purchase.state_since.isoformat(), **_named(order.purchase)
    )
    async with services.database.transaction(order.operator.operator_id) as tx:
        await look_again(
            tx, purchase=order.purchase, next_check_at=now + STAFF_LOOK,
            check_count=order.purchase.check_count + 1, alert=True, now=now,
        )  # fmt: skip


def _settled(order: BillingOrder, to: PurchaseState, cause: str, record: ExchangeRecord) -> Change:
    return Change(
        to=to,
        cause=cause,
        check_in=order.check_after(to),
        evidence=Evidence.STATUS if to is PurchaseState.GRANTED else None,
        record=record,
    )


def _was_not_found_before(purchase: Purchase, now: datetime) -> bool:
    return purchase.not_found_at is not None and now - purchase.not_found_at >= NOT_FOUND_TWICE


def _named(purchase: Purchase) -> dict[str, str]:
    return {"operator_id": str(purchase.operator_id), "purchase_id": str(purchase.purchase_id)}


_CHECKS: Mapping[PurchaseState, Check] = {
    PurchaseState.UNKNOWN: _resolve,
    PurchaseState.REVIEW: _await_staff,
    PurchaseState.DECLINED: watch_closed,
    PurchaseState.VOID: watch_closed,
}
