"""CRM > Customers: the list, adding one, and the tabs that change one."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post

from matinee.console.access import allow
from matinee.console.crm.customer_forms import ERROR_NAMES, NewCustomerForm, subscription_of
from matinee.console.crm.words import STATUS
from matinee.console.forms import read_form, show_errors
from matinee.console.local_time import to_local
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.tables import Column, Filter, ListSpec, Table, csv_response, every_row, list_query
from matinee.customers.operations import create_customer
from matinee.customers.queries import get_product, list_customers, product_choices
from matinee.customers.rules import validated_customer
from matinee.customers.types import CustomerInput, CustomerRow, CustomerStatus
from matinee.kernel.errors import Invalid, NotFound
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.passwords import hash_password
from matinee.staff.types import Role

PATH = "/console/crm/customers"

SPEC = ListSpec(
    path=PATH,
    noun=("customer", "customers"),
    columns=(
        Column("Name", sort="name"),
        Column("User name", sort="username"),
        Column("Mapping id"),
        Column("Product", sort="product"),
        Column("Status"),
        Column("Ends", sort="expires_at"),
    ),
    filters=(
        Filter("status", "Status", [(value, word.label) for value, word in STATUS.items()]),
        Filter("product", "Product", ()),
    ),
    search_label="Search name, user name, e-mail, mapping id",
    default_sort="name",
    has_csv=True,
)


@get("/crm/customers")
async def customers(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """List customers."""
    spec, query, page = await _page(request, database, operator)
    return render(request, "crm/customers.html", table=Table(spec, page), words=STATUS, narrowed=query)


@get("/crm/customers.csv")
async def customers_csv(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Download every customer that the list finds."""
    _, query, _ = await _page(request, database, operator)

    async def fetch(part: ListQuery) -> Page[CustomerRow]:
        async with database.transaction(operator.operator_id) as tx:
            return await list_customers(tx, operator_id=operator.operator_id, query=part, now=await tx.now())

    async def rows() -> AsyncIterator[tuple[str, ...]]:
        async for row in every_row(fetch, query):
            yield (
                row.display_name, row.username, row.email, row.mapping_id, row.product_name, row.status,
                to_local(row.expires_at, operator.zone),
            )  # fmt: skip

    header = ("Name", "User name", "E-mail", "Mapping id", "Product", "Status", "Ends")
    return csv_response("customers", header, rows())


async def _page(
    request: ConsoleRequest, database: Database, operator: Operator
) -> tuple[ListSpec, ListQuery, Page[CustomerRow]]:
    async with database.transaction(operator.operator_id) as tx:
        choices = await product_choices(tx, operator_id=operator.operator_id)
        products = Filter("product", "Product", [(str(key), name) for key, name in choices])
        spec = msgspec.structs.replace(SPEC, filters=(SPEC.filters[0], products))
        query = list_query(request, spec)
        page = await list_customers(tx, operator_id=operator.operator_id, query=query, now=await tx.now())
    return spec, query, page


@get("/crm/customers/new", guards=[allow(Role.CARE)])
async def new_customer(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show an empty form."""
    async with database.transaction(operator.operator_id) as tx:
        choices = await product_choices(tx, operator_id=operator.operator_id)
        now = await tx.now()
    form = NewCustomerForm(
        data={
            "status": CustomerStatus.ACTIVE.value,
            "starts_at": to_local(now, operator.zone),
            "country": operator.country,
            "product_id": str(choices[0][0]) if len(choices) == 1 else "",
        }
    )
    form.offer_products(choices)
    return render(request, "crm/customer_new.html", form=form, has_products=bool(choices))


@post("/crm/customers/new", guards=[allow(Role.CARE)], status_code=303)
async def add_customer(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, staff: CurrentStaff
) -> Response[Any]:
    """Add the customer."""
    form = await read_form(request, NewCustomerForm)
    try:
        given, password_hash = await _given(form, database, operator)
        async with database.transaction(operator.operator_id) as tx:
            customer_id = await create_customer(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                given=given,
                password_hash=password_hash,
                now=await tx.now(),
            )
    except Invalid as error:
        async with database.transaction(operator.operator_id) as tx:
            form.offer_products(await product_choices(tx, operator_id=operator.operator_id))
        show_errors(form, error, names=ERROR_NAMES)
        return render(request, "crm/customer_new.html", status=422, form=form, has_products=True)
    return redirect(request, f"{PATH}/{customer_id}", toast="Customer added. They can sign in now.")


async def _given(form: NewCustomerForm, database: Database, operator: Operator) -> tuple[CustomerInput, str]:
    """Return what was typed and the password's hash. Raises Invalid with everything that is wrong at once."""
    errors: dict[str, str] = {}
    subscription: dict[str, Any] = {}
    password_hash = ""
    try:
        currency = await _currency(database, operator, form.product_id.data or "")
        subscription = subscription_of(form, operator, currency=currency)
    except Invalid as error:
        errors |= error.fields
    filler = {"product_id": UUID(int=0), "starts_at": "", "status": CustomerStatus.ACTIVE, "expires_at": None}
    given = CustomerInput(**form.person, **(subscription or filler))  # type: ignore[arg-type]
    try:
        given = validated_customer(given)
    except Invalid as error:
        errors |= error.fields
    try:
        password_hash = await hash_password(form.password.data or "")
    except Invalid as error:
        errors |= error.fields
    if errors:
        raise Invalid(errors)
    return given, password_hash


async def _currency(database: Database, operator: Operator, product_id: str) -> str:
    """Return the currency of the chosen product; without one, the operator's."""
    try:
        async with database.transaction(operator.operator_id) as tx:
            product = await get_product(tx, operator_id=operator.operator_id, product_id=UUID(product_id))
    except (NotFound, ValueError):
        return operator.currency
    return product.currency


ROUTES = [customers, customers_csv, new_customer, add_customer]
