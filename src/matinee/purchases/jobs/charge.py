"""Charging: claim, one request, settle. Run by the web process that confirms, or by a worker after it."""

import asyncio
from uuid import UUID

import msgspec
import structlog

from matinee.kernel.errors import Unavailable
from matinee.kernel.ids import new_id
from matinee.offers.quotes import SignedQuote
from matinee.platform.operators import Operator
from matinee.provisions.types import ChargeKind, ChargeResult, StatusKind
from matinee.purchases.operations.charging import BillingOrder, asks_first, release, time_to_charge
from matinee.purchases.operations.confirming import confirm
from matinee.purchases.operations.gate import Breaker, Pass, admit, close_breaker, open_breaker
from matinee.purchases.operations.late_charges import charge_turned_up, grant_or_give_back
from matinee.purchases.operations.settling import settle
from matinee.purchases.operations.transitions import Change, move
from matinee.purchases.queries import get_purchase, state_and_epoch
from matinee.purchases.rules import FIRST_CHECK, cancels
from matinee.purchases.rules.gate import is_silence
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Evidence, Purchase, PurchaseState

SAVE_AGAIN_AFTER_SECONDS = (0.1, 1.0)
"""Pauses between the tries to save an answer while the database is away."""

log = structlog.get_logger(__name__)


async def confirm_and_charge(
    services: PurchaseServices,
    *,
    operator: Operator,
    signed: SignedQuote,
    idempotency_key: UUID,
    customer_id: UUID,
    device_id: UUID,
    section: str,
) -> Purchase:
    """Confirm a quote and, if that made a purchase, charge it; returns the purchase as it then stands.

    Raises as `operations.confirming.confirm`. When the commit of the confirmation is in doubt, nothing is
    sent and the error says so: the same key may be used again and finds what there is.
    """
    provision_id = signed.quote.provision_id
    billing = (operator.operator_id, provision_id) if provision_id else None
    with services.pressure.call(billing) as may_claim:
        async with services.database.transaction(operator.operator_id) as tx:
            confirmed = await confirm(
                tx,
                operator=operator,
                signer=services.quotes,
                reference_key=services.reference_key,
                signed=signed,
                idempotency_key=idempotency_key,
                customer_id=customer_id,
                device_id=device_id,
                section=section,
                may_claim=may_claim,
            )
        if confirmed.order is None:
            return confirmed.purchase
        return await charge(services, confirmed.order)


async def charge(services: PurchaseServices, order: BillingOrder) -> Purchase:
    """Send the one request that a committed claim allows and settle its answer; returns the purchase after it.

    When the database cannot be reached afterwards, the purchase is returned as it was claimed: the resolver
    finds it after its deadline.
    """
    try:
        if asks_first(order.capabilities):
            settled = await _ask_before_charging(services, order)
            if settled is not None:
                return settled
        if not await still_ours(services, order):
            return await _read(services, order)
        return await _send(services, order)
    except Unavailable as error:
        log.warning("charge_left_to_resolver", purchase_id=str(order.purchase.purchase_id), code=error.code)
        return order.purchase


async def _ask_before_charging(services: PurchaseServices, order: BillingOrder) -> Purchase | None:
    """Ask for an earlier charge under this reference. None: there is none, go on."""
    result = await services.gateway.status(order.target, order.values)
    match result.outcome.kind:
        case StatusKind.NO_ANSWER:
            change = Change(
                to=PurchaseState.NOT_SENT, cause="status_unanswered", check_in=None, record=result.record
            )
        case StatusKind.CHARGED:
            change = Change(
                to=PurchaseState.GRANTED,
                cause="status_charged",
                check_in=FIRST_CHECK,
                evidence=Evidence.STATUS,
                billing_transaction=result.outcome.charge_ids[0],
                record=result.record,
            )
        case _:
            return None
    async with services.database.transaction(order.operator.operator_id) as tx:
        now = await tx.now()
        await release(tx, order)
        if change.to is PurchaseState.GRANTED:
            moved = await grant_or_give_back(
                tx, order=order, reference_key=services.reference_key, change=change, now=now
            )
        else:
            moved = await move(tx, operator=order.operator, purchase=order.purchase, change=change, now=now)
    await heard(services, order, result.outcome.cause)
    return moved or await _read(services, order)


async def still_ours(services: PurchaseServices, order: BillingOrder) -> bool:
    """Read state and epoch just before sending; False: this caller slept through its deadline and must not send."""
    purchase = order.purchase
    async with services.database.hot(purchase.operator_id) as connection:
        seen = await state_and_epoch(
            connection,
            operator_id=purchase.operator_id,
            customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id,
        )
    return seen == (purchase.state, purchase.epoch)


async def _read(services: PurchaseServices, order: BillingOrder) -> Purchase:
    purchase = order.purchase
    async with services.database.transaction(purchase.operator_id) as tx:
        return await get_purchase(
            tx,
            operator_id=purchase.operator_id,
            customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id,
        )


async def repeat(services: PurchaseServices, order: BillingOrder) -> Purchase | None:
    """Send the charge of an UNKNOWN purchase again, where billing is idempotent. None: it was not sent."""
    if order.config.most_at_once is not None:
        order = msgspec.structs.replace(order, held=await _place_to_repeat(services, order))
        if order.held.place is None:
            return None
    if await still_ours(services, order):
        return await _send(services, order)
    if order.held.place is not None:
        async with services.database.transaction(order.operator.operator_id) as tx:
            await release(tx, order)
    return None


async def _place_to_repeat(services: PurchaseServices, order: BillingOrder) -> Pass:
    """Take one of the places that billing has for charges; no place: it has none now."""
    operator_id, provision_id = order.billing
    async with services.database.transaction(operator_id) as tx:
        now = await tx.now()
        held = await admit(
            tx,
            operator_id=operator_id,
            provision_id=provision_id,
            breaker=Breaker(),
            most_at_once=order.config.most_at_once,
            until=now + time_to_charge(order.config, order.capabilities),
            behind=None,
            now=now,
        )
    return held if isinstance(held, Pass) else Pass()


async def _send(services: PurchaseServices, order: BillingOrder) -> Purchase:
    """Send the request and settle its answer; the answer is worth several tries to save it, the request is not."""
    result = await services.gateway.charge(order.target, order.values)
    attempt_id = new_id()
    saved: Purchase | None = None
    for pause in SAVE_AGAIN_AFTER_SECONDS:
        try:
            saved = await _save(services, order, result, attempt_id)
            break
        except Unavailable:
            await asyncio.sleep(pause)
    saved = saved or await _save(services, order, result, attempt_id)
    await heard(services, order, result.outcome.cause)
    return saved


async def heard(services: PurchaseServices, order: BillingOrder, cause: str) -> None:
    """Let the breaker know whether billing gave an answer; what it says does not matter here.

    One silence too many opens it, and a trial decides it. That this could not be saved is no reason to forget what
    became of the purchase: the trial runs out by itself, and silences go on.
    """
    operator_id, provision_id = order.billing
    trial_until = order.held.trial_until
    silent = is_silence(cause)
    if silent and order.purchase.state is PurchaseState.UNKNOWN:
        return  # a repeat: the silence is the one that it follows
    if silent:
        full = services.pressure.silent(order.billing, order.purchase.charge_began_at)
    else:
        services.pressure.answered(order.billing)
        full = False
    if trial_until is None and not full:
        return
    facts = {"operator_id": str(operator_id), "provision_id": str(provision_id)}
    try:
        async with services.database.transaction(operator_id) as tx:
            if not silent and trial_until is not None:
                await close_breaker(
                    tx, operator_id=operator_id, provision_id=provision_id, trial_until=trial_until
                )
                log.info("breaker_closed", **facts)
                return
            until = await open_breaker(
                tx, operator_id=operator_id, provision_id=provision_id, trial_until=trial_until,
                too_silent=full, now=await tx.now(),
            )  # fmt: skip
        if until is not None:
            log.warning("breaker_opened", until=until.isoformat(), cause=cause, **facts)
    except Unavailable as error:
        log.warning("breaker_not_saved", code=error.code, **facts)


async def _save(
    services: PurchaseServices, order: BillingOrder, result: ChargeResult, attempt_id: UUID
) -> Purchase:
    async with services.database.transaction(order.operator.operator_id) as tx:
        purchase = await settle(
            tx, order=order, reference_key=services.reference_key, outcome=result.outcome, record=result.record,
            attempt_id=attempt_id,
        )  # fmt: skip
        closed = purchase.state in (PurchaseState.DECLINED, PurchaseState.VOID)
        if not closed or result.outcome.kind is not ChargeKind.SUCCESS or cancels(order.capabilities):
            return purchase  # whose reference is closed in any case, and nothing stands under it then
        moved = await charge_turned_up(
            tx, order=order.with_purchase(purchase), reference_key=services.reference_key,
            charge_id=result.outcome.transaction_id, record=None,
        )  # fmt: skip
        return moved or purchase
