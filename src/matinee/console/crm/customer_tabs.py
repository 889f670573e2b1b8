"""The tabs that change one customer: Info with the password, and Subscription."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

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
from matinee.console.crm.customer_page import CustomerPage, customer_page, show_tab
from matinee.console.crm.customers import PATH
from matinee.console.editing import show_both, version_sent
from matinee.console.forms import read_form, show_errors
from matinee.console.rendering import redirect
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.customers.operations import (
    set_password,
    update_customer,
)
from matinee.customers.queries import get_product, lock_customer, product_choices
from matinee.customers.types import Customer
from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.kernel.ids import parse_id
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.platform.passwords import hash_password
from matinee.staff.types import Role


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


ROUTES = [info, save_info, save_password, subscription, save_subscription]
