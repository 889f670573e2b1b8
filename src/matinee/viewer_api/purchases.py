"""Invoices, and the purchases that are made of them."""

from datetime import datetime
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody

from matinee.customers.types import PaymentType
from matinee.entitlements.queries import entitlement_of_purchase
from matinee.entitlements.rules import startable_until
from matinee.kernel.periods import WindowUnit
from matinee.offers.documents import movies_section
from matinee.offers.quotes import SignedQuote
from matinee.platform.db import Database, Transaction
from matinee.purchases import queries
from matinee.purchases.errors import AlreadyHeld, QuoteStale
from matinee.purchases.jobs.charge import confirm_and_charge
from matinee.purchases.jobs.resolve import ask_now
from matinee.purchases.operations.by_subscriber import cancel_by_subscriber
from matinee.purchases.operations.charging import give_up
from matinee.purchases.operations.quoting import make_quote
from matinee.purchases.operations.transitions import right_until
from matinee.purchases.rules import OPEN, cancellable_until
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState
from matinee.viewer_api.problems import documented, problem_response
from matinee.viewer_api.session_auth import NO_STORE, Subscriber
from matinee.viewer_api.views import ItemKindView, PurchaseView, purchase_view, settled_view


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    item_kind: ItemKindView
    item_id: UUID


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """Who is charged and how. The balances are credits, before and after; None unless a wallet pays."""

    type: PaymentType
    operator_name: str
    balance_before_minor: int | None
    balance_after_minor: int | None


class QuoteView(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice. `quote` is what is sent back to confirm it; `purchase_id` is the idempotency key.

    `ends_at`: when a live event, and with it the rental, is over; None for everything else.
    """

    quote: str
    purchase_id: UUID
    item_kind: ItemKindView
    title: str
    rule_name: str
    rule_unit: WindowUnit
    rule_quantity: int
    finish_window_hours: int | None
    amount_minor: int
    currency: str
    tax_minor: int
    tax_rate_basis_points: int
    startable_until: datetime
    ends_at: datetime | None
    payment: PaymentView
    expires_at: datetime


class ConfirmRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    quote: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


@post(
    "/quotes",
    summary="Get an invoice",
    tags=["purchases"],
    responses={201: ResponseSpec(QuoteView, generate_examples=False), **documented(401, 403, 409, 415, 422)},
)
async def quote(
    subscriber: NamedDependency[Subscriber],
    purchases: NamedDependency[PurchaseServices],
    data: JSONBody[QuoteRequest],
) -> Response[Any]:
    """Return what renting would cost and give. Nothing is charged or kept.

    `already_held` names the purchase that is open or whose right still lasts.
    """
    async with purchases.database.transaction(subscriber.operator_id) as tx:
        now = await tx.now()
        try:
            signed = await make_quote(
                tx,
                operator=subscriber.operator,
                signer=purchases.quotes,
                customer_id=subscriber.customer_id,
                section=movies_section(subscriber.category),
                item_kind=data.item_kind,
                item_id=data.item_id,
                now=now,
            )
        except AlreadyHeld as held:
            return problem_response(held, purchase_id=str(held.purchase_id))
        view = await _quote_view(tx, subscriber, signed, now)
    return Response(view, status_code=201, headers=NO_STORE)


async def _quote_view(
    tx: Transaction, subscriber: Subscriber, signed: SignedQuote, now: datetime
) -> QuoteView:
    terms = signed.quote
    balance = None
    if terms.payment_type == PaymentType.WALLET:
        balance = await queries.wallet_balance(
            tx, operator_id=terms.operator_id, customer_id=terms.customer_id
        )
    return QuoteView(
        quote=signed.token,
        purchase_id=terms.purchase_id,
        item_kind=cast(ItemKindView, terms.item_kind),
        title=terms.title,
        rule_name=terms.rule_name,
        rule_unit=terms.rule_unit,
        rule_quantity=terms.rule_quantity,
        finish_window_hours=terms.finish_window_hours,
        amount_minor=terms.amount_minor,
        currency=terms.currency,
        tax_minor=terms.tax_minor,
        tax_rate_basis_points=terms.tax_rate_basis_points,
        startable_until=startable_until(
            now,
            unit=terms.rule_unit,
            quantity=terms.rule_quantity,
            zone=subscriber.operator.zone,
            licence_ends_at=terms.licence_ends_at,
        ),
        ends_at=terms.licence_ends_at if terms.item_kind == "live_event" else None,
        payment=PaymentView(
            type=PaymentType(terms.payment_type),
            operator_name=subscriber.operator.name,
            balance_before_minor=balance,
            balance_after_minor=None if balance is None else balance - terms.amount_minor,
        ),
        expires_at=terms.expires_at,
    )


@post(
    "/purchases",
    summary="Confirm an invoice",
    tags=["purchases"],
    responses={
        201: ResponseSpec(PurchaseView, description="Settled", generate_examples=False),
        202: ResponseSpec(PurchaseView, description="Being confirmed", generate_examples=False),
        **documented(401, 403, 409, 415, 422, 503),
    },
)
async def confirm(
    subscriber: NamedDependency[Subscriber],
    purchases: NamedDependency[PurchaseServices],
    data: JSONBody[ConfirmRequest],
    idempotency_key: Annotated[UUID, HeaderParameter(name="Idempotency-Key")],
) -> Response[Any]:
    """Buy what the invoice says. 201: settled, 202: being confirmed; either may be asked for again at any time.

    The same key and invoice give the same purchase. `quote_stale` brings a new invoice in `quote`.
    """
    try:
        purchase = await confirm_and_charge(
            purchases,
            operator=subscriber.operator,
            signed=purchases.quotes.read(data.quote),
            idempotency_key=idempotency_key,
            customer_id=subscriber.customer_id,
            device_id=subscriber.device_id,
            section=movies_section(subscriber.category),
        )
    except QuoteStale as stale:
        async with purchases.database.transaction(subscriber.operator_id) as tx:
            renewed = await _quote_view(tx, subscriber, stale.renewed, await tx.now())
        return problem_response(stale, quote=msgspec.to_builtins(renewed))
    if purchase.state is PurchaseState.GRANTED and purchase.granted_at is not None:
        # What the settle step has just written, by the same rule: no need to read it again.
        until = right_until(purchase, subscriber.operator, purchase.granted_at)
        cancel = cancellable_until(
            purchase.granted_at, right_until=until, hours=subscriber.operator.self_cancel_hours
        )
        settled = settled_view(purchase, startable_until=until, cancel_until=cancel)
        return Response(settled, status_code=201, headers=NO_STORE)
    view = await _view(purchases.database, subscriber, purchase)
    return Response(view, status_code=202 if purchase.state in OPEN else 201, headers=NO_STORE)


@get(
    "/purchases/{purchase_id:uuid}",
    summary="One purchase",
    tags=["purchases"],
    responses=documented(401, 404),
)
async def show_purchase(
    subscriber: NamedDependency[Subscriber],
    purchases: NamedDependency[PurchaseServices],
    purchase_id: FromPath[UUID],
) -> Response[PurchaseView]:
    """Return a purchase as it stands; one that is unclear is asked for at billing first."""
    purchase = await _mine(purchases.database, subscriber, purchase_id)
    if purchase.state is PurchaseState.UNKNOWN:
        await ask_billing(purchases, purchase)
        purchase = await _mine(purchases.database, subscriber, purchase_id)
    return Response(await _view(purchases.database, subscriber, purchase), headers=NO_STORE)


@post(
    "/purchases/{purchase_id:uuid}/give-up",
    status_code=200,
    summary="Give an unclear purchase up",
    tags=["purchases"],
    responses=documented(401, 404, 415),
)
async def give_purchase_up(
    subscriber: NamedDependency[Subscriber],
    purchases: NamedDependency[PurchaseServices],
    purchase_id: FromPath[UUID],
) -> Response[PurchaseView]:
    """Stop asking billing to charge an unclear purchase; if it was charged all the same, the money comes back."""
    async with purchases.database.transaction(subscriber.operator_id) as tx:
        purchase = await give_up(
            tx,
            operator_id=subscriber.operator_id,
            customer_id=subscriber.customer_id,
            purchase_id=purchase_id,
            now=await tx.now(),
        )
    return Response(await _view(purchases.database, subscriber, purchase), headers=NO_STORE)


@post(
    "/purchases/{purchase_id:uuid}/cancel",
    status_code=200,
    summary="Cancel a purchase that was not played",
    tags=["purchases"],
    responses=documented(401, 403, 404, 409, 415),
)
async def cancel_purchase(
    subscriber: NamedDependency[Subscriber],
    purchases: NamedDependency[PurchaseServices],
    purchase_id: FromPath[UUID],
) -> Response[PurchaseView]:
    """Take a purchase back: access ends now, and the money follows. The same again is the same answer.

    `cannot_cancel` where it was played, its time is over, or the operator does not allow it.
    """
    async with purchases.database.transaction(subscriber.operator_id) as tx:
        purchase = await cancel_by_subscriber(
            tx,
            operator=subscriber.operator,
            reference_key=purchases.reference_key,
            customer_id=subscriber.customer_id,
            purchase_id=purchase_id,
        )
    return Response(await _view(purchases.database, subscriber, purchase), headers=NO_STORE)


async def ask_billing(purchases: PurchaseServices, purchase: Purchase) -> None:
    """Resolve an unclear purchase at once, because its subscriber is looking."""
    await ask_now(
        purchases,
        operator_id=purchase.operator_id,
        customer_id=purchase.customer_id,
        purchase_id=purchase.purchase_id,
    )


async def _mine(database: Database, subscriber: Subscriber, purchase_id: UUID) -> Purchase:
    async with database.transaction(subscriber.operator_id) as tx:
        return await queries.get_purchase(
            tx,
            operator_id=subscriber.operator_id,
            customer_id=subscriber.customer_id,
            purchase_id=purchase_id,
        )


async def _view(database: Database, subscriber: Subscriber, purchase: Purchase) -> PurchaseView:
    async with database.transaction(purchase.operator_id) as tx:
        entitlement = await entitlement_of_purchase(
            tx,
            operator_id=purchase.operator_id,
            customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id,
        )
        return await purchase_view(
            tx, operator=subscriber.operator, purchase=purchase, entitlement=entitlement, now=await tx.now()
        )


ROUTES: Final[list[Any]] = [quote, confirm, show_purchase, give_purchase_up, cancel_purchase]
