"""Signing in and out, and who is signed in."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from matinee.customers.jobs import sign_in_subscriber
from matinee.customers.operations import note_seen, sign_out
from matinee.customers.queries import get_customer, get_product
from matinee.customers.types import Customer, DeviceCategory, DeviceInput, PaymentType, Product
from matinee.kernel.errors import NotFound
from matinee.offers.documents import ProductDocument
from matinee.offers.queries.published_items import published_document
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator
from matinee.purchases.queries import wallet_balance
from matinee.viewer_api.problems import documented
from matinee.viewer_api.session_auth import (
    COOKIE,
    NO_STORE,
    Subscriber,
    no_session_cookie,
    not_signed_in,
    session_cookie,
)


class OperatorView(msgspec.Struct, frozen=True, kw_only=True):
    """The operator, as far as a sign-in page shows it anyway."""

    name: str
    slug: str
    locale: str
    time_zone: str
    currency: str


class DeviceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The device that signs in. It makes `device_id` once and keeps it."""

    device_id: UUID
    category: DeviceCategory
    model: Annotated[str, msgspec.Meta(max_length=200)] = ""


class SignInRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    username: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    device: DeviceRequest


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    customer_id: UUID
    username: str
    display_name: str


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    device_id: UUID
    category: DeviceCategory


class ProductView(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer subscribes to; `packages` are the ids of those that it contains."""

    name: str
    payment_type: PaymentType
    currency: str
    packages: list[UUID]


class CatalogueView(msgspec.Struct, frozen=True, kw_only=True):
    """Where the published films for this category of device are listed."""

    manifest_url: str


class WalletView(msgspec.Struct, frozen=True, kw_only=True):
    balance_minor: int
    currency: Literal["CREDIT"]


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in. `wallet` is None unless the product is paid in credits."""

    customer: CustomerView
    device: DeviceView
    operator: OperatorView
    product: ProductView
    catalogue: CatalogueView
    wallet: WalletView | None


@get("/operator", summary="Operator of this host", tags=["session"], responses=documented(404))
async def show_operator(operator: NamedDependency[Operator]) -> Response[OperatorView]:
    """Return the operator that this host name belongs to."""
    return Response(_operator_view(operator), headers={"Cache-Control": "no-cache"})


@post(
    "/session", summary="Sign in", tags=["session"], responses=documented(401, 403, 404, 415, 422, 429, 503)
)
async def sign_in(
    request: Request[Any, Any, Any],
    operator: NamedDependency[Operator],
    database: NamedDependency[Database],
    data: JSONBody[SignInRequest],
) -> Response[SessionView]:
    """Open a session on this device; an earlier one on it ends. The secret comes in a cookie."""
    signed_in = await sign_in_subscriber(
        database,
        operator_id=operator.operator_id,
        username=data.username,
        password=data.password,
        device=DeviceInput(
            device_id=data.device.device_id, category=data.device.category, model=data.device.model
        ),
        address=request.client.host if request.client else "unknown",
    )
    session = signed_in.session
    subscriber = Subscriber(
        operator=operator,
        customer_id=session.customer_id,
        device_id=session.device_id,
        category=session.category,
    )
    view = await _session_view(database, subscriber)
    return Response(view, headers=NO_STORE, cookies=[session_cookie(signed_in.token)])


@get("/session", summary="Who is signed in", tags=["session"], responses=documented(401, 404))
async def show_session(
    subscriber: NamedDependency[Subscriber], database: NamedDependency[Database]
) -> Response[SessionView]:
    """Return the session of the cookie; an app asks for it when it starts."""
    async with database.transaction(subscriber.operator_id) as tx:
        await note_seen(
            tx,
            operator_id=subscriber.operator_id,
            customer_id=subscriber.customer_id,
            device_id=subscriber.device_id,
            now=await tx.now(),
        )
    return Response(await _session_view(database, subscriber), headers=NO_STORE)


@delete("/session", summary="Sign out", tags=["session"], responses=documented(403, 404))
async def sign_out_here(
    request: Request[Any, Any, Any], operator: NamedDependency[Operator], database: NamedDependency[Database]
) -> Response[None]:
    """End the session of the cookie; harmless without one."""
    token = request.cookies.get(COOKIE)
    if token:
        async with database.transaction(operator.operator_id) as tx:
            await sign_out(tx, operator_id=operator.operator_id, token=token)
    return Response(None, status_code=204, headers=NO_STORE, cookies=[no_session_cookie()])


async def _session_view(database: Database, subscriber: Subscriber) -> SessionView:
    operator_id, customer_id = subscriber.operator_id, subscriber.customer_id
    async with database.transaction(operator_id) as tx:
        try:
            customer = await get_customer(tx, operator_id=operator_id, customer_id=customer_id)
        except NotFound:
            raise not_signed_in() from None
        product = await get_product(tx, operator_id=operator_id, product_id=customer.product_id)
        shown = await _shown_product(tx, product, operator_id)
        wallet = await _wallet(tx, customer, shown, operator_id)
    return SessionView(
        customer=CustomerView(
            customer_id=customer_id, username=customer.username, display_name=customer.display_name
        ),
        device=DeviceView(device_id=subscriber.device_id, category=subscriber.category),
        operator=_operator_view(subscriber.operator),
        product=shown,
        catalogue=CatalogueView(
            manifest_url=f"/published/{operator_id}/movies_{subscriber.category}/manifest.json"
        ),
        wallet=wallet,
    )


async def _shown_product(tx: Transaction, product: Product, operator_id: UUID) -> ProductView:
    """Return the product as it was last published: until the next Cloud Sync the apps show the old state."""
    text = await published_document(
        tx, operator_id=operator_id, section="products", item_id=product.product_id
    )
    if text is None:
        return ProductView(
            name=product.name,
            payment_type=product.payment_type,
            currency=product.currency,
            packages=list(product.packages),
        )
    published = msgspec.json.decode(text, type=ProductDocument)
    return ProductView(
        name=published.name,
        payment_type=PaymentType(published.payment_type),
        currency=published.currency,
        packages=published.packages,
    )


async def _wallet(
    tx: Transaction, customer: Customer, product: ProductView, operator_id: UUID
) -> WalletView | None:
    if product.payment_type is not PaymentType.WALLET:
        return None
    balance = await wallet_balance(tx, operator_id=operator_id, customer_id=customer.customer_id)
    return WalletView(balance_minor=balance, currency="CREDIT")


def _operator_view(operator: Operator) -> OperatorView:
    return OperatorView(
        name=operator.name,
        slug=operator.slug,
        locale=operator.locale,
        time_zone=operator.time_zone,
        currency=operator.currency,
    )


ROUTES: Final[list[Any]] = [show_operator, sign_in, show_session, sign_out_here]
