"""After the outcome: a charge may turn up under a closed purchase, stand twice, or not stand at all."""

from datetime import datetime, timedelta

from matinee.customers.queries import lock_customer
from matinee.kernel.periods import window_end
from matinee.platform.db import Transaction
from matinee.provisions.types import Capability, ExchangeRecord, StatusKind
from matinee.purchases.operations.charging import BillingOrder
from matinee.purchases.operations.reversing import LATE_CHARGE, NONE_STANDS, begin_reversal, book_duplicates
from matinee.purchases.operations.transitions import Change, look_again, move, note
from matinee.purchases.queries import slot_holder
from matinee.purchases.rules import (
    FIRST_CHECK,
    NOT_FOUND_TWICE,
    STATUS_RETRY,
    check_after,
    count_delays,
    watch_delays,
)
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Evidence, Purchase, PurchaseState


async def watch_closed(services: PurchaseServices, order: BillingOrder, now: datetime) -> None:
    """Look for a week whether a charge turns up under a DECLINED or VOID purchase; it is honoured or reversed."""
    purchase = order.purchase
    if Capability.STATUS not in order.capabilities:
        await _never_again(services, purchase)
        return
    result = await services.gateway.status(order.config, order.values)
    async with services.database.transaction(purchase.operator_id) as tx:
        if result.outcome.kind is StatusKind.CHARGED:
            await _turned_up(tx, services, order, result.outcome.charge_ids[0], result.record)
            return
        after = await tx.now()
        await note(tx, purchase=purchase, record=result.record, now=after)
        count = purchase.check_count + 1
        delays = watch_delays(order.quiet)
        next_at = after + delays[count] if count < len(delays) else None
        await look_again(tx, purchase=purchase, next_check_at=next_at, check_count=count, now=after)


async def _turned_up(
    tx: Transaction, services: PurchaseServices, order: BillingOrder, charge_id: str, record: ExchangeRecord
) -> None:
    """Honour a late charge if the operator chose so, the slot is free and its window is open; else reverse it."""
    purchase, operator = order.purchase, order.operator
    await lock_customer(tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id)
    now = await tx.now()
    honour = operator.honour_late_charges and await _could_be_honoured(tx, order, now)
    if honour:
        change = Change(
            to=PurchaseState.GRANTED,
            cause="late_charge_honoured",
            check_in=FIRST_CHECK,
            evidence=Evidence.LATE_CHARGE,
            billing_transaction=charge_id,
            record=record,
        )
        await move(tx, operator=operator, purchase=purchase, change=change, now=now)
        return
    await begin_reversal(
        tx,
        operator=operator,
        reference_key=services.reference_key,
        purchase=purchase,
        cause=LATE_CHARGE,
        check_in=check_after(PurchaseState.REVERSING, capabilities=order.capabilities, quiet=order.quiet),
        evidence=Evidence.LATE_CHARGE,
        record=record,
        now=now,
    )


async def _could_be_honoured(tx: Transaction, order: BillingOrder, now: datetime) -> bool:
    purchase = order.purchase
    holder = await slot_holder(
        tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id,
        item_kind=purchase.item_kind, item_id=purchase.item_id,
    )  # fmt: skip
    if holder is not None:
        return False
    window = window_end(
        purchase.claimed_at or purchase.confirmed_at,
        unit=purchase.rule_unit,
        quantity=purchase.rule_quantity,
        zone=order.operator.zone,
    )
    return now < window


async def count_charges(services: PurchaseServices, order: BillingOrder, now: datetime) -> None:
    """Ask how many charges stand: extras are reversed; if none stands under a granted purchase, access ends.

    Runs at once after success, after the quiet period and a day later, whatever the state is by then.
    """
    purchase = order.purchase
    if Capability.STATUS not in order.capabilities:
        await _never_again(services, purchase)
        return
    result = await services.gateway.status(order.config, order.values)
    async with services.database.transaction(purchase.operator_id) as tx:
        await lock_customer(tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id)
        after = await tx.now()
        await note(tx, purchase=purchase, record=result.record, now=after)
        match result.outcome.kind:
            case StatusKind.NO_ANSWER:
                await look_again(
                    tx, purchase=purchase, next_check_at=after + STATUS_RETRY, check_count=purchase.check_count,
                    not_found_at=purchase.not_found_at, now=after,
                )  # fmt: skip
                return
            case StatusKind.CHARGED:
                await book_duplicates(
                    tx, reference_key=services.reference_key, purchase=purchase,
                    standing=result.outcome.charge_ids, now=after,
                )  # fmt: skip
            case _ if await _none_stands(tx, services, order, now):
                return
            case _:
                pass
        await _count_again(tx, order, after)


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
        check_in=check_after(PurchaseState.REVERSING, capabilities=order.capabilities, quiet=order.quiet),
        now=now,
    )
    return True


async def _count_again(tx: Transaction, order: BillingOrder, now: datetime) -> None:
    purchase = order.purchase
    delays: tuple[timedelta, ...] = count_delays(order.quiet)[purchase.check_count :]
    await look_again(
        tx, purchase=purchase, next_check_at=now + delays[0] if delays else None,
        check_count=purchase.check_count + 1, now=now,
    )  # fmt: skip


async def _never_again(services: PurchaseServices, purchase: Purchase) -> None:
    """End the checks of a purchase whose billing cannot be asked."""
    async with services.database.transaction(purchase.operator_id) as tx:
        await look_again(
            tx, purchase=purchase, next_check_at=None, check_count=purchase.check_count, now=await tx.now()
        )
