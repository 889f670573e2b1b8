"""After the outcome: a charge may turn up under a closed purchase, stand twice, or not stand at all."""

from datetime import datetime, timedelta

import structlog

from matinee.customers.queries import lock_customer
from matinee.platform.db import Transaction
from matinee.provisions.types import CancelKind, Capability, StatusKind
from matinee.purchases.jobs.closing import as_it_is, cancel, granted_meanwhile
from matinee.purchases.operations.charging import BillingOrder
from matinee.purchases.operations.late_charges import charge_turned_up
from matinee.purchases.operations.reversing import NONE_STANDS, begin_reversal, book_duplicates
from matinee.purchases.operations.transitions import look_again, note
from matinee.purchases.rules import (
    BOOK_REST_AFTER,
    FIRST_CHECK,
    MOST_BOOKED_AT_ONCE,
    NOT_FOUND_TWICE,
    STATUS_RETRY,
    WATCH_GIVES_UP_AFTER,
    cancels,
    count_delays,
    resolve_delay,
    retry_delay,
    watch_delays,
)
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState

log = structlog.get_logger(__name__)


async def watch_closed(
    services: PurchaseServices, order: BillingOrder, now: datetime, *, scheduled: bool = True
) -> None:
    """Look for a week whether a charge turns up under a DECLINED or VOID purchase; it is honoured or reversed.

    Where billing cannot be asked but can cancel, the reference is closed, so that none can turn up any more.
    """
    purchase = order.purchase
    if cancels(order.capabilities):
        await _close_reference(services, order, now)
        return
    if Capability.STATUS not in order.capabilities:
        await _never_again(services, purchase)
        return
    result = await services.gateway.status(order.target, order.values)
    async with services.database.transaction(purchase.operator_id) as tx:
        if result.outcome.kind is StatusKind.CHARGED:
            await charge_turned_up(
                tx, order=order, reference_key=services.reference_key,
                charge_id=result.outcome.charge_ids[0], record=result.record,
            )  # fmt: skip
            return
        after = await tx.now()
        await note(tx, purchase=purchase, record=result.record, now=after)
        if not scheduled:
            return
        answered = result.outcome.kind is not StatusKind.NO_ANSWER
        next_check_at = _next_watch(order, after, answered=answered)
        await look_again(
            tx, purchase=purchase, next_check_at=next_check_at, check_count=purchase.check_count + answered,
            now=after,
        )  # fmt: skip


async def _close_reference(services: PurchaseServices, order: BillingOrder, now: datetime) -> None:
    """Cancel until it is acknowledged, for a week. A refusal means that there is a charge, which is given back."""
    purchase = order.purchase
    result = await cancel(services, order)
    if result is None:
        return
    async with services.database.transaction(purchase.operator_id) as tx:
        if await granted_meanwhile(tx, services, await as_it_is(tx, order), result):
            return
        if result.outcome.kind is CancelKind.REFUSED:
            await charge_turned_up(
                tx, order=order, reference_key=services.reference_key, charge_id=None, record=result.record,
                proved=False,
            )  # fmt: skip
            return
        after = await tx.now()
        await note(tx, purchase=purchase, record=result.record, now=after)
        closed = result.outcome.kind is CancelKind.CANCELLED
        given_up = now - purchase.state_since >= WATCH_GIVES_UP_AFTER
        count = purchase.check_count + 1
        if given_up and not closed:
            log.warning("reference_not_closed", purchase_id=str(purchase.purchase_id))
        await look_again(
            tx, purchase=purchase, next_check_at=None if closed or given_up else after + resolve_delay(count),
            check_count=count, now=after,
        )  # fmt: skip


def _next_watch(order: BillingOrder, now: datetime, *, answered: bool) -> datetime | None:
    """Return when a closed purchase is looked at next; a question that was not answered is asked again."""
    purchase = order.purchase
    age = now - purchase.state_since
    if not answered:
        return now + retry_delay(STATUS_RETRY, age) if age < WATCH_GIVES_UP_AFTER else None
    delays = watch_delays(order.quiet)[purchase.check_count + 1 :]
    return now + delays[0] if delays else None


async def count_charges(
    services: PurchaseServices, order: BillingOrder, now: datetime, *, scheduled: bool = True
) -> None:
    """Ask how many charges stand: extras are reversed; if none stands under a granted purchase, access ends.

    Runs at once after success, after the quiet period and a day later, whatever the state is by then.
    """
    purchase = order.purchase
    if Capability.STATUS not in order.capabilities:
        await _never_again(services, purchase)
        return
    result = await services.gateway.status(order.target, order.values)
    async with services.database.transaction(purchase.operator_id) as tx:
        await lock_customer(tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id)
        after = await tx.now()
        booked = 0
        await note(tx, purchase=purchase, record=result.record, now=after)
        match result.outcome.kind:
            case StatusKind.NO_ANSWER if not scheduled:
                return
            case StatusKind.NO_ANSWER:
                await look_again(
                    tx, purchase=purchase,
                    next_check_at=after + retry_delay(STATUS_RETRY, after - purchase.state_since),
                    check_count=purchase.check_count, not_found_at=purchase.not_found_at, now=after,
                )  # fmt: skip
                return
            case StatusKind.CHARGED:
                booked = await book_duplicates(
                    tx, reference_key=services.reference_key, purchase=purchase,
                    standing=result.outcome.charge_ids, quiet=order.quiet, most=MOST_BOOKED_AT_ONCE, now=after,
                )  # fmt: skip
            case _ if await _none_stands(tx, services, order, now):
                return
            case _:
                pass
        if scheduled or booked:
            await _count_again(tx, order, after, booked)


async def _none_stands(
    tx: Transaction, services: PurchaseServices, order: BillingOrder, now: datetime
) -> bool:
    """Handle an answer that no charge stands; True if the next check is set or the purchase has moved."""
    purchase = order.purchase
    late = now - purchase.state_since >= order.quiet
    if purchase.state is not PurchaseState.GRANTED or not late:
        return False
    if purchase.not_found_at is None or now - purchase.not_found_at < NOT_FOUND_TWICE:
        await look_again(
            tx, purchase=purchase, next_check_at=now + NOT_FOUND_TWICE, check_count=purchase.check_count,
            not_found_at=purchase.not_found_at or now, now=now,
        )  # fmt: skip
        return True
    await begin_reversal(
        tx,
        operator=order.operator,
        reference_key=services.reference_key,
        purchase=purchase,
        cause=NONE_STANDS,
        check_in=order.check_after(PurchaseState.REVERSING),
        now=now,
    )
    return True


async def _count_again(tx: Transaction, order: BillingOrder, now: datetime, booked: int) -> None:
    """Set the next count. When a reversal was booked, one more is made to see that it did what it should.

    One that booked as many as it might is soon followed by another one for the rest.
    """
    purchase = order.purchase
    delays: tuple[timedelta, ...] = count_delays(order.quiet)[purchase.check_count :]
    next_check_at = now + delays[0] if delays else None
    if booked:
        rest = booked >= MOST_BOOKED_AT_ONCE
        next_check_at = now + (BOOK_REST_AFTER if rest else order.quiet + FIRST_CHECK)
    await look_again(
        tx, purchase=purchase, next_check_at=next_check_at,
        check_count=purchase.check_count + (not booked), now=now,
    )  # fmt: skip


async def _never_again(services: PurchaseServices, purchase: Purchase) -> None:
    """End the checks of a purchase whose billing cannot be asked."""
    async with services.database.transaction(purchase.operator_id) as tx:
        await look_again(
            tx, purchase=purchase, next_check_at=None, check_count=purchase.check_count, now=await tx.now()
        )
