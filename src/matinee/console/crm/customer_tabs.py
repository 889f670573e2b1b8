"""The tabs of one customer: Info, Subscription, Devices, Wallet and Activity, with their actions."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField, StringField

from matinee.console.access import allow
from matinee.console.crm.customer_forms import (
    ERROR_NAMES,
    PasswordForm,
    PersonForm,
    SubscriptionForm,
    input_from,
    person_form,
    subscription_form,
    subscription_of,
)
from matinee.console.crm.customers import PATH
from matinee.console.crm.editing import show_both, version_sent
from matinee.console.crm.reasons import ReasonForm, ask_again
from matinee.console.crm.words import PAYMENT, STATUS, action_words, changes_words
from matinee.console.forms import read_form, show_errors, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.customers.operations import (
    disable_customer,
    enable_customer,
    remove_device,
    set_password,
    update_customer,
)
from matinee.customers.queries import get_customer, get_product, list_devices, lock_customer, product_choices
from matinee.customers.rules import status_of
from matinee.customers.types import Customer, EffectiveStatus, PaymentType, Product
from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.kernel.ids import parse_id
from matinee.platform.audit import entries_about
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator
from matinee.platform.passwords import hash_password
from matinee.purchases.operations.wallet import top_up
from matinee.purchases.queries import wallet_balance
from matinee.staff.types import Role


class CustomerPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the head of every tab shows."""

    customer: Customer
    product: Product
    status: EffectiveStatus

    @property
    def path(self) -> str:
        return f"{PATH}/{self.customer.customer_id}"

    @property
    def has_wallet(self) -> bool:
        return self.product.payment_type is PaymentType.WALLET


class DeviceForm(ReasonForm):
    device_id = HiddenField()


class TopUpForm(ReasonForm):
    credits = StringField("Credits to add", filters=[stripped])


async def customer_page(tx: Transaction, operator: Operator, customer_id: UUID) -> CustomerPage:
    """Return what the head of a tab needs. Raises NotFound."""
    customer = await get_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
    product = await get_product(tx, operator_id=operator.operator_id, product_id=customer.product_id)
    return CustomerPage(customer=customer, product=product, status=status_of(customer, await tx.now()))


def show_tab(
    request: ConsoleRequest, tab: str, page: CustomerPage, *, status: int = 200, **context: Any
) -> Response[Any]:
    """Render one tab of a customer."""
    return render(
        request,
        f"crm/customer_{tab}.html",
        status=status,
        tab=tab,
        page=page,
        customer=page.customer,
        product=page.product,
        status_word=STATUS[page.status],
        payment_word=PAYMENT[page.product.payment_type],
        **context,
    )


@get("/crm/customers/{key:str}")
async def info(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show who the customer is."""
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, parse_id(key))
    form = person_form(page.customer)
    return show_tab(request, "info", page, form=form, password_form=PasswordForm())


@post("/crm/customers/{key:str}", guards=[allow(Role.CARE)], status_code=303)
async def save_info(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Save who the customer is."""
    form, customer_id = await read_form(request, PersonForm), parse_id(key)
    try:
        async with database.transaction(operator.operator_id) as tx:
            customer = await lock_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
            await update_customer(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                given=input_from(customer, **form.person),
                now=await tx.now(),
                expected_version=version_sent(form),
            )
    except Invalid as error:
        show_errors(form, error)
        async with database.transaction(operator.operator_id) as tx:
            page = await customer_page(tx, operator, customer_id)
        return show_tab(request, "info", page, status=422, form=form, password_form=PasswordForm())
    except Conflict as error:
        async with database.transaction(operator.operator_id) as tx:
            page = await customer_page(tx, operator, customer_id)
        show_both(form, error, saved=person_form(page.customer))
        return show_tab(request, "info", page, status=409, form=form, password_form=PasswordForm())
    return redirect(request, f"{PATH}/{customer_id}", toast="Saved. It counts at once.")


@post("/crm/customers/{key:str}/password", guards=[allow(Role.CARE)], status_code=303)
async def save_password(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Give the customer a new password."""
    form, customer_id = await read_form(request, PasswordForm), parse_id(key)
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, customer_id)
    try:
        password_hash = await hash_password(form.password.data or "")
    except Invalid as error:
        show_errors(form, error)
        person = person_form(page.customer)
        return show_tab(request, "info", page, status=422, form=person, password_form=form)
    async with database.transaction(operator.operator_id) as tx:
        await set_password(
            tx,
            operator_id=operator.operator_id,
            actor=staff.actor,
            customer_id=customer_id,
            password_hash=password_hash,
            now=await tx.now(),
        )
    return redirect(request, page.path, toast="New password set. Every device is signed out.")


@get("/crm/customers/{key:str}/subscription")
async def subscription(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show what the customer subscribes to."""
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, parse_id(key))
        choices = await _choices(tx, operator, page)
    form = subscription_form(page.customer, page.product, operator)
    form.offer_products(choices)
    return show_tab(request, "subscription", page, form=form)


@post("/crm/customers/{key:str}/subscription", guards=[allow(Role.CARE)], status_code=303)
async def save_subscription(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Save what the customer subscribes to."""
    form, customer_id = await read_form(request, SubscriptionForm), parse_id(key)
    try:
        async with database.transaction(operator.operator_id) as tx:
            customer = await lock_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
            currency = await _currency(tx, operator, form.product_id.data or "", customer)
            values = subscription_of(form, operator, currency=currency, before=customer)
            await update_customer(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                given=input_from(customer, **values),
                now=await tx.now(),
                expected_version=version_sent(form),
            )
    except Invalid as error:
        show_errors(form, error, names=ERROR_NAMES)
        async with database.transaction(operator.operator_id) as tx:
            page = await customer_page(tx, operator, customer_id)
            form.offer_products(await _choices(tx, operator, page))
        return show_tab(request, "subscription", page, status=422, form=form)
    except Conflict as error:
        async with database.transaction(operator.operator_id) as tx:
            page = await customer_page(tx, operator, customer_id)
            form.offer_products(await _choices(tx, operator, page))
        show_both(form, error, saved=subscription_form(page.customer, page.product, operator))
        return show_tab(request, "subscription", page, status=409, form=form)
    return redirect(
        request, f"{PATH}/{customer_id}/subscription", toast="Saved. It counts for the next rental at once."
    )


async def _choices(tx: Transaction, operator: Operator, page: CustomerPage) -> list[tuple[UUID, str]]:
    """Return the products to choose from; the customer's own stays among them when it is archived."""
    choices = await product_choices(tx, operator_id=operator.operator_id)
    if page.product.product_id not in {key for key, _ in choices}:
        choices.append((page.product.product_id, f"{page.product.name} (archived)"))
    return choices


async def _currency(tx: Transaction, operator: Operator, product_id: str, customer: Customer) -> str:
    try:
        wanted = UUID(product_id)
    except ValueError:
        wanted = customer.product_id
    try:
        return (await get_product(tx, operator_id=operator.operator_id, product_id=wanted)).currency
    except NotFound:
        raise Invalid({"product_id": "Choose a product."}) from None


@post("/crm/customers/{key:str}/disable", guards=[allow(Role.CARE)], status_code=303)
async def disable(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Disable the customer."""
    form, customer_id = await read_form(request, ReasonForm), parse_id(key)
    try:
        async with database.transaction(operator.operator_id) as tx:
            await disable_customer(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                reason=form.reason.data or "",
                now=await tx.now(),
            )
    except Invalid as error:
        return ask_again(
            request,
            form,
            error,
            title="Disable this customer",
            button="Disable",
            back=f"{PATH}/{customer_id}",
        )
    toast = "Disabled. Every device is signed out; what plays now stops within a minute."
    return redirect(request, f"{PATH}/{customer_id}", toast=toast)


@post("/crm/customers/{key:str}/enable", guards=[allow(Role.CARE)], status_code=303)
async def enable(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Enable the customer again."""
    form, customer_id = await read_form(request, ReasonForm), parse_id(key)
    try:
        async with database.transaction(operator.operator_id) as tx:
            await enable_customer(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                reason=form.reason.data or "",
                now=await tx.now(),
            )
    except Invalid as error:
        return ask_again(
            request, form, error, title="Enable this customer", button="Enable", back=f"{PATH}/{customer_id}"
        )
    return redirect(request, f"{PATH}/{customer_id}", toast="Enabled. The customer can sign in again.")


@get("/crm/customers/{key:str}/devices")
async def devices(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show the customer's devices."""
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, parse_id(key))
        found = await list_devices(
            tx, operator_id=operator.operator_id, customer_id=page.customer.customer_id
        )
    used = sum(device.is_registered for device in found)
    return show_tab(request, "devices", page, devices=found, used=used)


@post("/crm/customers/{key:str}/devices/remove", guards=[allow(Role.CARE)], status_code=303)
async def remove(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Remove one device."""
    form, customer_id = await read_form(request, DeviceForm), parse_id(key)
    try:
        async with database.transaction(operator.operator_id) as tx:
            await remove_device(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                device_id=parse_id(form.device_id.data or ""),
                reason=form.reason.data or "",
                now=await tx.now(),
            )
    except Invalid as error:
        return ask_again(
            request,
            form,
            error,
            title="Remove this device",
            button="Remove the device",
            back=f"{PATH}/{customer_id}/devices",
        )
    return redirect(
        request,
        f"{PATH}/{customer_id}/devices",
        toast="Device removed. It is signed out and its place is free.",
    )


@get("/crm/customers/{key:str}/wallet")
async def wallet(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show the balance, and a form to add credits."""
    return await _wallet_page(request, database, operator, parse_id(key), TopUpForm(), 200)


@post("/crm/customers/{key:str}/wallet", guards=[allow(Role.CARE, Role.FINANCE)], status_code=303)
async def add_credits(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Add credits."""
    form, customer_id = await read_form(request, TopUpForm), parse_id(key)
    try:
        async with database.transaction(operator.operator_id) as tx:
            await get_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
            balance = await top_up(
                tx,
                operator_id=operator.operator_id,
                customer_id=customer_id,
                credits_added=_whole(form.credits.data or ""),
                actor=staff.actor,
                reason=form.reason.data or "",
                now=await tx.now(),
            )
    except Invalid as error:
        show_errors(form, error)
        return await _wallet_page(request, database, operator, customer_id, form, 422)
    return redirect(
        request, f"{PATH}/{customer_id}/wallet", toast=f"Added. The balance is {balance:,} credits now."
    )


async def _wallet_page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    customer_id: UUID,
    form: TopUpForm,
    status: int,
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, customer_id)
        balance = await wallet_balance(tx, operator_id=operator.operator_id, customer_id=customer_id)
    return show_tab(request, "wallet", page, status=status, form=form, balance=balance)


def _whole(text: str) -> int:
    """Return the number; 0, which no top-up may be, for a text that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


@get("/crm/customers/{key:str}/activity")
async def activity(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show what staff did about the customer."""
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, parse_id(key))
        entries = await entries_about(
            tx,
            operator_id=operator.operator_id,
            subject_kind="customer",
            subject_id=page.customer.customer_id,
            limit=100,
        )
    lines = [(entry, action_words(entry.action), changes_words(entry.details)) for entry in entries]
    return show_tab(request, "activity", page, lines=lines)


ROUTES = [
    info,
    save_info,
    save_password,
    subscription,
    save_subscription,
    disable,
    enable,
    devices,
    remove,
    wallet,
    add_credits,
    activity,
]
