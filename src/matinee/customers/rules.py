"""The pure rules of customers and products: what may be saved, and what a customer is at one moment."""

import base64
import binascii
import re
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

import msgspec
from babel import Locale

from matinee.customers.types import (
    Customer,
    CustomerInput,
    CustomerStatus,
    DeviceInput,
    EffectiveStatus,
    PaymentType,
    ProductInput,
)
from matinee.kernel.cards import NO_CARDS, contains_card_number
from matinee.kernel.errors import Invalid
from matinee.kernel.money import CREDIT, LARGEST_MINOR, known_currencies

SESSION_LIFETIME = timedelta(days=30)

LONGEST_TEXT = 200
MOST_DEVICES = 100
MOST_STREAMS = 50

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,63}\Z")
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,180}\Z")
_PHONE = re.compile(r"[0-9+()/. -]{3,40}\Z")
_MAPPING_ID = re.compile(r"[\x21-\x7e]{1,100}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})

_LINES = ("first_name", "last_name", "street", "city", "state", "zip")

Fields = dict[str, str]


def effective_status(
    *, status: CustomerStatus, starts_at: datetime, expires_at: datetime | None, now: datetime
) -> EffectiveStatus:
    """Return what a customer is at `now`. It subscribes in `[starts_at, expires_at)`; no end is for ever."""
    if status is CustomerStatus.DISABLED:
        return EffectiveStatus.DISABLED
    if expires_at is not None and expires_at <= now:
        return EffectiveStatus.SUBSCRIPTION_EXPIRED
    if now < starts_at:
        return EffectiveStatus.PENDING
    return EffectiveStatus(status.value)


def status_of(customer: Customer, now: datetime) -> EffectiveStatus:
    """Return what `customer` is at `now`."""
    return effective_status(
        status=customer.status, starts_at=customer.starts_at, expires_at=customer.expires_at, now=now
    )


def normal_username(text: str) -> str:
    """Return the form in which user names are stored and compared."""
    return text.strip().lower()


def validated_customer(given: CustomerInput) -> CustomerInput:
    """Return `given` in its normal form. Raises Invalid naming each field that needs attention."""
    texts = {name: getattr(given, name).strip() for name in (*_LINES, "email", "phone", "mapping_id")}
    normal = msgspec.structs.replace(
        given, **texts, username=normal_username(given.username), country=given.country.strip().upper()
    )
    errors: Fields = {}
    _check_identity(normal, errors)
    for name in _LINES:
        _check_line(getattr(normal, name), name, errors)
    _check_subscription(normal, errors)
    if errors:
        raise Invalid(errors)
    return normal


def _check_identity(customer: CustomerInput, errors: Fields) -> None:
    if not _USERNAME.match(customer.username):
        errors["username"] = (
            "Use 2 to 64 letters, digits and the signs . _ @ + -, beginning with a letter or digit."
        )
    elif contains_card_number(customer.username):
        errors["username"] = NO_CARDS
    if not (customer.first_name or customer.last_name):
        errors["first_name"] = "Enter a first or a last name."
    if customer.email and not _EMAIL.match(customer.email):
        errors["email"] = "Write an e-mail address such as name@example.com, or leave it empty."
    if customer.phone and not _PHONE.match(customer.phone):
        errors["phone"] = "Write a phone number such as +31 6 1234 5678, or leave it empty."
    elif contains_card_number(customer.phone):
        errors["phone"] = NO_CARDS
    if customer.country and customer.country not in known_countries():
        errors["country"] = "Choose a country, or leave it empty."
    _check_mapping_id(customer.mapping_id, errors)


def _check_subscription(customer: CustomerInput, errors: Fields) -> None:
    if customer.status is CustomerStatus.DISABLED:
        errors["status"] = "Use the action Disable, which asks for a reason."
    if customer.expires_at is not None and customer.expires_at <= customer.starts_at:
        errors["expires_at"] = "The subscription must end after it starts."
    limit = customer.spending_limit_minor
    if limit is not None and not 0 <= limit <= LARGEST_MINOR:
        errors["spending_limit_minor"] = "The limit must be 0 or more, or empty for none."
    elif (limit is None) is not (customer.spending_limit_currency is None):
        errors["spending_limit_minor"] = "Give the limit as an amount of a currency, or leave it empty."
    elif limit is not None and customer.spending_limit_currency not in known_currencies():
        errors["spending_limit_minor"] = "Give the limit in a currency that is in use."


def _check_line(text: str, field: str, errors: Fields) -> None:
    """Check one line of free text."""
    if len(text) > LONGEST_TEXT:
        errors[field] = f"Use at most {LONGEST_TEXT} characters."
    elif _CONTROL.search(text):
        errors[field] = "Write one line of ordinary characters."
    elif contains_card_number(text):
        errors[field] = NO_CARDS


def _check_mapping_id(text: str, errors: Fields) -> None:
    if text and not _MAPPING_ID.match(text):
        errors["mapping_id"] = "Use at most 100 letters, digits and signs without blanks, or leave it empty."


@cache
def known_countries() -> dict[str, str]:
    """Return the countries there are: ISO 3166-1 alpha-2 codes and their English names, by name."""
    names = {str(code): str(name) for code, name in Locale("en").territories.items()}
    codes = [code for code in names if re.fullmatch("[A-Z]{2}", code) and code not in _NO_COUNTRIES]
    return {code: names[code] for code in sorted(codes, key=lambda code: names[code])}


def validated_product(given: ProductInput) -> ProductInput:
    """Return `given` in its normal form. Raises Invalid naming each field that needs attention.

    Only a product that pays through an API keeps provisions.
    """
    normal = msgspec.structs.replace(
        given,
        name=given.name.strip(),
        mapping_id=given.mapping_id.strip(),
        currency=given.currency.strip().upper(),
        packages=tuple(sorted(set(given.packages))),
        provisions=dict(given.provisions) if given.payment_type is PaymentType.API else {},
    )
    errors: Fields = {}
    if not normal.name:
        errors["name"] = "Give the product a name."
    else:
        _check_line(normal.name, "name", errors)
    _check_mapping_id(normal.mapping_id, errors)
    _check_currency(normal, errors)
    if not 1 <= normal.max_devices <= MOST_DEVICES:
        errors["max_devices"] = f"Choose 1 to {MOST_DEVICES} devices."
    if not 1 <= normal.max_streams <= MOST_STREAMS:
        errors["max_streams"] = f"Choose 1 to {MOST_STREAMS} streams at once."
    if errors:
        raise Invalid(errors)
    return normal


def _check_currency(product: ProductInput, errors: Fields) -> None:
    if product.currency not in known_currencies():
        errors["currency"] = "Choose a currency, for example EUR."
    elif product.payment_type is PaymentType.WALLET and product.currency != CREDIT:
        errors["currency"] = "A wallet holds credits: choose CREDIT."
    elif product.payment_type is not PaymentType.WALLET and product.currency == CREDIT:
        errors["currency"] = "Only a wallet product is paid in credits: choose a currency."


def validated_device(given: DeviceInput) -> DeviceInput:
    """Return `given` with a model that is fit to be shown. Raises Invalid."""
    model = _CONTROL.sub(" ", given.model).strip()[:LONGEST_TEXT]
    if contains_card_number(model):
        raise Invalid({"device.model": "This looks like a payment card number."})
    return msgspec.structs.replace(given, model=model or "Unknown device")


def write_token(operator_id: UUID, customer_id: UUID, secret: str) -> str:
    """Return a session token; it carries operator and customer, so that no look-up has to ask every shard."""
    raw = operator_id.bytes + customer_id.bytes + secret.encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_token(token: str) -> tuple[UUID, UUID, str] | None:
    """Return the operator, the customer and the secret of a session token; None if it is none."""
    if not 60 <= len(token) <= 200 or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:].decode("ascii")
    except (ValueError, binascii.Error):
        return None
