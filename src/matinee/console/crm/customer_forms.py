"""The forms about one customer: who it is, its subscription, and a new password."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from wtforms import HiddenField, PasswordField, SelectField, StringField
from wtforms.widgets import PasswordInput

from matinee.console.crm.words import STORED_STATUS
from matinee.console.forms import ConsoleForm, choices, stripped
from matinee.console.local_time import from_local, to_local
from matinee.customers.rules import known_countries
from matinee.customers.types import Customer, CustomerInput, CustomerStatus, Product
from matinee.kernel.errors import Invalid
from matinee.kernel.money import Money
from matinee.platform.operators import Operator

PERSON_FIELDS = (
    "first_name", "last_name", "username", "mapping_id", "email", "phone", "street", "zip", "city", "state",
    "country",
)  # fmt: skip


class PersonForm(ConsoleForm):
    first_name = StringField("First name", filters=[stripped])
    last_name = StringField("Last name", filters=[stripped])
    username = StringField("User name", filters=[stripped])
    mapping_id = StringField("Mapping id", filters=[stripped])
    email = StringField("E-mail", filters=[stripped])
    phone = StringField("Phone", filters=[stripped])
    street = StringField("Street and number", filters=[stripped])
    zip = StringField("Postal code", filters=[stripped])
    city = StringField("City", filters=[stripped])
    state = StringField("State or province", filters=[stripped])
    version = HiddenField()
    country = SelectField("Country", choices=choices([("", "Not given"), *known_countries().items()]))

    @property
    def person(self) -> dict[str, str]:
        """Return what was typed, by the names of CustomerInput."""
        return {name: self[name].data or "" for name in PERSON_FIELDS}


class SubscriptionForm(ConsoleForm):
    product_id = SelectField("Product", choices=choices(()), validate_choice=False)
    status = SelectField("Status", choices=choices(list(STORED_STATUS.items())), validate_choice=False)
    starts_at = StringField("Starts", filters=[stripped])
    expires_at = StringField("Ends", filters=[stripped])
    spending_limit = StringField("Spending limit a month", filters=[stripped])
    version = HiddenField()

    def offer_products(self, products: Sequence[tuple[UUID, str]]) -> None:
        """Fill the list of products."""
        offered = [(str(key), name) for key, name in products]
        self.product_id.choices = choices([("", "Choose a product"), *offered])


class NewCustomerForm(PersonForm, SubscriptionForm):
    password = PasswordField("Password", widget=PasswordInput(hide_value=False))


class PasswordForm(ConsoleForm):
    password = PasswordField("New password", widget=PasswordInput(hide_value=False))


def person_form(customer: Customer) -> PersonForm:
    """Return the form as it stands."""
    data = {name: getattr(customer, name) for name in PERSON_FIELDS}
    return PersonForm(data=data | {"version": str(customer.version)})


def subscription_form(customer: Customer, product: Product, operator: Operator) -> SubscriptionForm:
    """Return the form as it stands."""
    limit = customer.spending_limit_minor
    stored = customer.status if customer.status is not CustomerStatus.DISABLED else CustomerStatus.ACTIVE
    return SubscriptionForm(
        data={
            "product_id": str(customer.product_id),
            "status": stored.value,
            "starts_at": to_local(customer.starts_at, operator.zone),
            "expires_at": to_local(customer.expires_at, operator.zone),
            "spending_limit": ""
            if limit is None
            else Money(limit, customer.spending_limit_currency or product.currency).plain(),
            "version": str(customer.version),
        }
    )


def subscription_of(
    form: SubscriptionForm, operator: Operator, *, currency: str, before: Customer | None = None
) -> dict[str, Any]:
    """Return what was typed, by the names of CustomerInput. Raises Invalid naming every field that is wrong."""
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, read in (
        ("product_id", lambda: _product_id(form)),
        ("status", lambda: _status(form)),
        ("starts_at", lambda: _starts_at(form, operator, before)),
        ("expires_at", lambda: _moment(form, operator, "expires_at", before)),
        ("limit", lambda: _limit(form, currency)),
    ):
        try:
            values[name] = read()
        except Invalid as error:
            errors |= error.fields
    if errors:
        raise Invalid(errors)
    limit: Money | None = values.pop("limit")
    return values | {
        "spending_limit_minor": None if limit is None else limit.minor,
        "spending_limit_currency": None if limit is None else limit.currency,
    }


def _product_id(form: SubscriptionForm) -> UUID:
    try:
        return UUID(form.product_id.data or "")
    except ValueError:
        raise Invalid({"product_id": "Choose a product."}) from None


def _status(form: SubscriptionForm) -> CustomerStatus:
    if form.status.data not in STORED_STATUS:
        raise Invalid({"status": "Choose a status."})
    return CustomerStatus(form.status.data)


def _starts_at(form: SubscriptionForm, operator: Operator, before: Customer | None) -> Any:
    moment = _moment(form, operator, "starts_at", before)
    if moment is None:
        raise Invalid({"starts_at": "Say when the subscription starts."})
    return moment


def _moment(form: SubscriptionForm, operator: Operator, name: str, before: Customer | None) -> Any:
    return from_local(
        form[name].data or "",
        operator.zone,
        field=name,
        unchanged=None if before is None else getattr(before, name),
    )


def _limit(form: SubscriptionForm, currency: str) -> Money | None:
    text = form.spending_limit.data or ""
    return Money.parse(text, currency, field="spending_limit") if text else None


def input_from(customer: Customer, **changes: Any) -> CustomerInput:
    """Return what saving `customer` with `changes` would say."""
    same = {name: getattr(customer, name) for name in CustomerInput.__struct_fields__}
    if customer.status is CustomerStatus.DISABLED and "status" not in changes:
        same["status"] = CustomerStatus.ACTIVE  # ignored: a disabled customer stays disabled
    return CustomerInput(**(same | changes))


ERROR_NAMES = {"spending_limit_minor": "spending_limit"}
"""Fields of CustomerInput that the forms call otherwise."""
