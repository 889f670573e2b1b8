"""CRM > Products: what customers subscribe to, and how their rentals are paid."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import BooleanField, HiddenField, RadioField, SelectField, SelectMultipleField, StringField

from matinee.catalog.queries.packages import package_choices
from matinee.console.access import allow
from matinee.console.crm.words import PAYMENT, action_words, changes_words
from matinee.console.currencies import currency_choices
from matinee.console.editing import show_both, version_sent
from matinee.console.forms import ConsoleForm, choices, read_form, show_errors, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.tables import Column, Filter, ListSpec, Table, list_query
from matinee.customers.operations import archive_product, create_product, restore_product, update_product
from matinee.customers.queries import get_product, list_products
from matinee.customers.types import PaymentType, Product, ProductInput
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import parse_id
from matinee.kernel.money import CREDIT, known_currencies
from matinee.platform.audit import entries_about
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator
from matinee.provisions.queries import list_provisions
from matinee.provisions.types import API_TYPES, ProvisionRow
from matinee.staff.types import Role

PATH = "/console/crm/products"

SPEC = ListSpec(
    path=PATH,
    noun=("product", "products"),
    columns=(
        Column("Name", sort="name"),
        Column("Mapping id"),
        Column("Rentals are paid by", sort="payment_type"),
        Column("Currency", sort="currency"),
        Column("Packages", kind="number"),
        Column("Customers", kind="number"),
        Column("Changed", sort="updated_at"),
    ),
    filters=(
        Filter("payment_type", "Payment", [(value, word.label) for value, word in PAYMENT.items()]),
        Filter("archived", "Archived", [("yes", "Archived only")]),
    ),
    search_label="Search name and mapping id",
    default_sort="name",
)

_PAYMENTS = (PaymentType.API, PaymentType.WALLET, PaymentType.SUBSCRIPTION)

_NOT_YET = " · not for sale until accepted"
PROVISION_FIELDS = {api_type: f"{api_type}_provision" for api_type in API_TYPES}
ERROR_NAMES = {"provisions": "movie_provision"}


class ProductForm(ConsoleForm):
    name = StringField("Name", filters=[stripped])
    mapping_id = StringField("Mapping id", filters=[stripped])
    is_trial = BooleanField("Trial product")
    payment_type = RadioField(
        "How rentals are paid",
        choices=choices([(value.value, PAYMENT[value].label) for value in _PAYMENTS]),
        validate_choice=False,
    )
    currency = SelectField("Currency", choices=choices(()), validate_choice=False)
    movie_provision = SelectField("API provision for movies", choices=choices(()), validate_choice=False)
    live_event_provision = SelectField(
        "API provision for live events", choices=choices(()), validate_choice=False
    )
    season_provision = SelectField("API provision for seasons", choices=choices(()), validate_choice=False)
    packages = SelectMultipleField("Packages", choices=choices(()), validate_choice=False)
    max_devices = StringField("Devices", filters=[stripped])
    max_streams = StringField("Streams at once", filters=[stripped])
    version = HiddenField()

    def offer(self, offered: "Choices") -> None:
        """Fill the lists."""
        kept = self.currency.data or ""
        # What a product was saved with stays choosable, also when no country uses it any more.
        old = {kept: kept} if kept in known_currencies() - {CREDIT} else {}
        self.currency.choices = old | choices(offered.currencies)
        self.packages.choices = choices(offered.packages)
        for api_type, name in PROVISION_FIELDS.items():
            provisions = [
                (
                    str(row.provision_id),
                    f"{row.name} · class {row.provision_class}{_NOT_YET if row.needs_acceptance else ''}",
                )
                for row in offered.provisions
                if row.api_type == api_type
            ]
            field: Any = self[name]
            field.choices = choices([("", "None yet: nothing can be rented"), *provisions])

    @property
    def given(self) -> ProductInput:
        """Return what was typed. Raises Invalid for what is no product at all."""
        payment = self.payment_type.data or ""
        errors = {}
        if payment not in {value.value for value in PaymentType}:
            errors["payment_type"] = "Choose how rentals are paid."
        try:
            provisions = {
                api_type: UUID(self[name].data)
                for api_type, name in PROVISION_FIELDS.items()
                if self[name].data
            }
            packages = tuple(UUID(key) for key in self.packages.data or [])
        except ValueError:
            errors["packages"] = "Choose from the list."
        if errors:
            raise Invalid(errors)
        return ProductInput(
            name=self.name.data or "",
            mapping_id=self.mapping_id.data or "",
            is_trial=bool(self.is_trial.data),
            payment_type=PaymentType(payment),
            currency=CREDIT if payment == PaymentType.WALLET else self.currency.data or "",
            packages=packages,
            provisions=provisions,
            max_devices=_number(self.max_devices.data or ""),
            max_streams=_number(self.max_streams.data or ""),
        )


class Choices:
    """What the form's lists offer."""

    def __init__(
        self,
        currencies: list[tuple[str, str]],
        packages: list[tuple[str, str]],
        provisions: list[ProvisionRow],
    ) -> None:
        self.currencies = currencies
        self.packages = packages
        self.provisions = provisions


def _number(text: str) -> int:
    """Return the number; 0, which the rules refuse, for a text that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


async def _choices(tx: Transaction, operator: Operator) -> Choices:
    packages = await package_choices(tx, operator_id=operator.operator_id)
    provisions = await list_provisions(tx, operator_id=operator.operator_id)
    return Choices(
        currency_choices(operator.currency, operator.locale),
        [(str(package.package_id), package.name) for package in packages],
        provisions,
    )


@get("/crm/products")
async def products(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """List products."""
    query = list_query(request, SPEC)
    async with database.transaction(operator.operator_id) as tx:
        page = await list_products(tx, operator_id=operator.operator_id, query=query)
    return render(request, "crm/products.html", table=Table(SPEC, page), payment=PAYMENT)


@get("/crm/products/new", guards=[allow(Role.CARE)])
async def new_product(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show an empty form."""
    form = ProductForm(
        data={
            "currency": operator.currency, "payment_type": PaymentType.API.value, "max_devices": "5",
            "max_streams": "2",
        }
    )  # fmt: skip
    return await _form_page(request, database, operator, form, None)


@post("/crm/products/new", guards=[allow(Role.CARE)], status_code=303)
async def add_product(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, staff: CurrentStaff
) -> Response[Any]:
    """Add the product."""
    form = await read_form(request, ProductForm)
    try:
        given = form.given
        async with database.transaction(operator.operator_id) as tx:
            await create_product(
                tx, operator_id=operator.operator_id, actor=staff.actor, given=given, now=await tx.now()
            )
    except Invalid as error:
        show_errors(form, error, names=ERROR_NAMES)
        return await _form_page(request, database, operator, form, None, status=422)
    return redirect(
        request, PATH, toast="Product added. Run a Cloud Sync of Products so that its customers can rent."
    )


@get("/crm/products/{key:str}")
async def product(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show one product."""
    async with database.transaction(operator.operator_id) as tx:
        found = await get_product(tx, operator_id=operator.operator_id, product_id=parse_id(key))
    return await _form_page(request, database, operator, _form_of(found, operator), found)


@post("/crm/products/{key:str}", guards=[allow(Role.CARE)], status_code=303)
async def save_product(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Save one product."""
    form, product_id = await read_form(request, ProductForm), parse_id(key)
    try:
        given = form.given
        async with database.transaction(operator.operator_id) as tx:
            await update_product(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                product_id=product_id,
                given=given,
                now=await tx.now(),
                expected_version=version_sent(form),
            )
    except Conflict as error:
        async with database.transaction(operator.operator_id) as tx:
            found = await get_product(tx, operator_id=operator.operator_id, product_id=product_id)
            form.offer(await _choices(tx, operator))
        show_both(form, error, saved=_form_of(found, operator))
        return await _form_page(request, database, operator, form, found, status=409)
    except Invalid as error:
        show_errors(form, error, names=ERROR_NAMES)
        async with database.transaction(operator.operator_id) as tx:
            found = await get_product(tx, operator_id=operator.operator_id, product_id=product_id)
        return await _form_page(request, database, operator, form, found, status=422)
    toast = "Saved. Rentals follow it after the next Cloud Sync of Products."
    return redirect(request, f"{PATH}/{product_id}", toast=toast)


@post("/crm/products/{key:str}/archive", guards=[allow(Role.CARE)], status_code=303)
async def archive(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Take a product out of use."""
    await read_form(request, ConsoleForm)
    async with database.transaction(operator.operator_id) as tx:
        await archive_product(
            tx,
            operator_id=operator.operator_id,
            actor=staff.actor,
            product_id=parse_id(key),
            now=await tx.now(),
        )
    return redirect(request, PATH, toast="Archived. It leaves the apps with the next Cloud Sync of Products.")


@post("/crm/products/{key:str}/restore", guards=[allow(Role.CARE)], status_code=303)
async def restore(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Put an archived product back into use."""
    await read_form(request, ConsoleForm)
    async with database.transaction(operator.operator_id) as tx:
        await restore_product(
            tx,
            operator_id=operator.operator_id,
            actor=staff.actor,
            product_id=parse_id(key),
            now=await tx.now(),
        )
    return redirect(request, f"{PATH}/{key}", toast="Back in use. Run a Cloud Sync of Products.")


def _form_of(found: Product, operator: Operator) -> ProductForm:
    return ProductForm(
        data={
            "name": found.name,
            "mapping_id": found.mapping_id,
            "is_trial": found.is_trial,
            "payment_type": found.payment_type.value,
            "currency": operator.currency if found.currency == CREDIT else found.currency,
            **{name: str(found.provisions.get(api_type, "")) for api_type, name in PROVISION_FIELDS.items()},
            "packages": [str(key) for key in found.packages],
            "max_devices": str(found.max_devices),
            "max_streams": str(found.max_streams),
            "version": str(found.version),
        }
    )


async def _form_page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    form: ProductForm,
    found: Product | None,
    *,
    status: int = 200,
) -> Response[Any]:
    entries = []
    async with database.transaction(operator.operator_id) as tx:
        offered = await _choices(tx, operator)
        if found is not None:
            entries = await entries_about(
                tx, operator_id=operator.operator_id, subject_kind="product", subject_id=found.product_id
            )
    form.offer(offered)
    return render(
        request,
        "crm/product.html",
        status=status,
        form=form,
        product=found,
        hints={value.value: PAYMENT[value].meaning for value in PaymentType},
        has_provisions=bool(offered.provisions),
        unsold=[row for row in offered.provisions if row.needs_acceptance and _names(form, row)],
        path=PATH if found is None else f"{PATH}/{found.product_id}",
        lines=[(entry, action_words(entry.action), changes_words(entry.details)) for entry in entries],
    )


def _names(form: ProductForm, row: ProvisionRow) -> bool:
    """Say whether the product, as it stands in the form, is charged through this provision."""
    chosen = {form[name].data for name in PROVISION_FIELDS.values()}
    return form.payment_type.data == PaymentType.API and str(row.provision_id) in chosen


ROUTES = [products, new_product, add_product, product, save_product, archive, restore]
