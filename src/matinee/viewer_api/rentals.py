"""What a subscriber may watch: the right to one item, and everything that was rented or given."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from matinee.catalog.queries import item_titles
from matinee.customers.queries import get_customer
from matinee.entitlements.queries import (
    best_right,
    entitlements_of_customer,
    entitlements_to_item,
    right_to_item,
)
from matinee.entitlements.types import Entitlement
from matinee.kernel.errors import NotFound, Refused
from matinee.offers.documents import movies_section
from matinee.platform.db import Database, Transaction
from matinee.purchases import queries
from matinee.purchases.operations.quoting import current_terms
from matinee.purchases.rules import OPEN
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState
from matinee.viewer_api.hot.rights import ITEM_KINDS
from matinee.viewer_api.problems import documented
from matinee.viewer_api.purchases import ask_billing
from matinee.viewer_api.session_auth import NO_STORE, Subscriber
from matinee.viewer_api.views import (
    ItemKindView,
    ItemView,
    PurchaseView,
    RightView,
    ended_view,
    playable_view,
    purchase_view,
)


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
        await ask_billing(purchases, holder)
    async with purchases.database.transaction(subscriber.operator_id) as tx:
        view = await _right(tx, subscriber, item_kind, item_id)
    return Response(view, headers=NO_STORE)


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
    return Response(RentalsView(rentals=rentals, grants=grants), headers=NO_STORE)


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


ROUTES: Final[list[Any]] = [show_right, list_rentals]
