"""Rights, quotes, purchases and rentals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody

from matinee.catalog.queries import item_titles
from matinee.customers.queries import get_customer
from matinee.customers.types import PaymentType
from matinee.entitlements.queries import (
    best_right,
    entitlement_of_purchase,
    entitlements_of_customer,
    entitlements_to_item,
    right_to_item,
)
from matinee.entitlements.rules import startable_until
from matinee.entitlements.types import Entitlement
from matinee.kernel.errors import NotFound, Refused
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
from matinee.purchases.operations.quoting import current_terms, make_quote
from matinee.purchases.operations.transitions import right_until
from matinee.purchases.rules import OPEN, cancellable_until
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState
from matinee.viewer_api.hot.rights import ITEM_KINDS
from matinee.viewer_api.problems import documented, problem_response
from matinee.viewer_api.session_auth import Subscriber
from matinee.viewer_api.views import (
    ItemKindView,
    ItemView,
    PurchaseView,
    RightView,
    ended_view,
    playable_view,
    purchase_view,
    settled_view,
)

_NO_STORE: Final = {"Cache-Control": "no-store"}


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


class RentalView(msgspec.Struct, frozen=True, kw_only=True):
    purchase: PurchaseView
    right: RightView


class FreeGrantView(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator's staff gave without a payment."""

    grant_id: UUID
    item: ItemView
    granted_at: datetime
    right: RightView


class RentalsView(msgspec.Struct, frozen=True, kw_only=True):
    """What was bought and what was given, each newest first."""

    rentals: list[RentalView]
    grants: list[FreeGrantView]


@get(
    "/items/{item_kind:str}/{item_id:uuid}/right",
    summary="What I may do with an item",
    tags=["purchases"],
    responses=documented(401, 404),
)
async def show_right(
    subscriber: NamedDependency[Subscriber],
    purchases: NamedDependency[PurchaseServices],
    item_kind: FromPath[str],
    item_id: FromPath[UUID],
) -> Response[RightView]:
    """Return whether an item can be played, is being confirmed, or can be rented now."""
    if item_kind not in ITEM_KINDS:
        raise NotFound("There is no such kind of item.")
    async with purchases.database.transaction(subscriber.operator_id) as tx:
        holder = await queries.slot_holder(
            tx,
            operator_id=subscriber.operator_id,
            customer_id=subscriber.customer_id,
            item_kind=item_kind,
            item_id=item_id,
        )
    if holder is not None and holder.state is PurchaseState.UNKNOWN:
        await _ask(purchases, holder)
    async with purchases.database.transaction(subscriber.operator_id) as tx:
        view = await _right(tx, subscriber, item_kind, item_id)
    return Response(view, headers=_NO_STORE)


async def _right(tx: Transaction, subscriber: Subscriber, item_kind: str, item_id: UUID) -> RightView:
    now = await tx.now()
    operator_id, customer_id = subscriber.operator_id, subscriber.customer_id
    customer = await get_customer(tx, operator_id=operator_id, customer_id=customer_id)
    right = await right_to_item(
        tx, operator_id=operator_id, customer=customer, item_kind=item_kind, item_id=item_id, now=now
    )
    if right is not None:
        return playable_view(right)
    holder = await queries.slot_holder(
        tx, operator_id=operator_id, customer_id=customer_id, item_kind=item_kind, item_id=item_id
    )
    if holder is not None and holder.state in OPEN:
        return RightView(state="confirming", purchase_id=holder.purchase_id)
    earlier = await entitlements_to_item(
        tx, operator_id=operator_id, customer_id=customer_id, item_kind=item_kind, item_id=item_id
    )
    view = ended_view(earlier[0]) if earlier else RightView(state="none")
    try:
        await current_terms(
            tx,
            operator=subscriber.operator,
            customer=customer,
            section=movies_section(subscriber.category),
            item_kind=item_kind,
            item_id=item_id,
            now=now,
        )
    except Refused as refused:
        return msgspec.structs.replace(view, not_for_sale_reason=refused.message)
    return msgspec.structs.replace(view, for_sale=True)


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
    return Response(view, status_code=201, headers=_NO_STORE)


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
        return Response(settled, status_code=201, headers=_NO_STORE)
    view = await _view(purchases.database, subscriber, purchase)
    return Response(view, status_code=202 if purchase.state in OPEN else 201, headers=_NO_STORE)


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
        await _ask(purchases, purchase)
        purchase = await _mine(purchases.database, subscriber, purchase_id)
    return Response(await _view(purchases.database, subscriber, purchase), headers=_NO_STORE)


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
    return Response(await _view(purchases.database, subscriber, purchase), headers=_NO_STORE)


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
    return Response(await _view(purchases.database, subscriber, purchase), headers=_NO_STORE)


@get("/rentals", summary="What I bought", tags=["purchases"], responses=documented(401))
async def list_rentals(
    subscriber: NamedDependency[Subscriber], database: NamedDependency[Database]
) -> Response[RentalsView]:
    """Return every purchase and every free grant with what it allows now, newest first."""
    operator_id, customer_id = subscriber.operator_id, subscriber.customer_id
    async with database.transaction(operator_id) as tx:
        now = await tx.now()
        bought = await queries.purchases_of_customer(tx, operator_id=operator_id, customer_id=customer_id)
        held = await entitlements_of_customer(tx, operator_id=operator_id, customer_id=customer_id)
        rights = {entitlement.purchase_id: entitlement for entitlement in held}
        given = [entitlement for entitlement in held if entitlement.purchase_id is None]
        grants = await _grants(tx, operator_id, given, now)
        rentals = [
            RentalView(
                purchase=await purchase_view(
                    tx,
                    operator=subscriber.operator,
                    purchase=purchase,
                    entitlement=rights.get(purchase.purchase_id),
                    now=now,
                ),
                right=_rental_right(purchase, rights.get(purchase.purchase_id), now),
            )
            for purchase in bought
        ]
    return Response(RentalsView(rentals=rentals, grants=grants), headers=_NO_STORE)


async def _grants(
    tx: Transaction, operator_id: UUID, given: Sequence[Entitlement], now: datetime
) -> list[FreeGrantView]:
    if not given:
        return []
    titles = await item_titles(tx, operator_id=operator_id, item_ids={grant.item_id for grant in given})
    return [
        FreeGrantView(
            grant_id=grant.entitlement_id,
            item=ItemView(
                kind=cast(ItemKindView, grant.item_kind),
                id=grant.item_id,
                title=titles.get(grant.item_id, ""),
            ),
            granted_at=grant.granted_at,
            right=_lasting_right(grant, now),
        )
        for grant in given
    ]


def _rental_right(purchase: Purchase, entitlement: Entitlement | None, now: datetime) -> RightView:
    if purchase.state in OPEN:
        return RightView(state="confirming", purchase_id=purchase.purchase_id)
    if entitlement is None:
        return RightView(state="none", purchase_id=purchase.purchase_id)
    return _lasting_right(entitlement, now)


def _lasting_right(entitlement: Entitlement, now: datetime) -> RightView:
    right = best_right([entitlement], now=now)
    return ended_view(entitlement) if right is None else playable_view(right)


async def _ask(purchases: PurchaseServices, purchase: Purchase) -> None:
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


ROUTES: Final[list[Any]] = [
    show_right, quote, confirm, show_purchase, give_purchase_up, cancel_purchase, list_rentals,
]  # fmt: skip
