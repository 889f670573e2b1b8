"""What may be saved of customers and products, and what a customer is at one moment."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given, strategies

from matinee.customers.rules import (
    effective_status,
    known_countries,
    read_token,
    validated_customer,
    validated_device,
    validated_product,
    write_token,
)
from matinee.customers.types import (
    CustomerInput,
    CustomerStatus,
    DeviceCategory,
    DeviceInput,
    EffectiveStatus,
    PaymentType,
    ProductInput,
)
from matinee.kernel.errors import Invalid

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CARD = "4111 1111 1111 1111"

CUSTOMER = CustomerInput(username="nora", product_id=UUID(int=1), starts_at=START, first_name="Nora")
PRODUCT = ProductInput(name="Basic", payment_type=PaymentType.API, currency="EUR")


@pytest.mark.parametrize(
    ("status", "now", "expected"),
    [
        (CustomerStatus.ACTIVE, START - SECOND, EffectiveStatus.PENDING),
        (CustomerStatus.ACTIVE, START, EffectiveStatus.ACTIVE),
        (CustomerStatus.TRIAL, END - SECOND, EffectiveStatus.TRIAL),
        (CustomerStatus.PENDING, START, EffectiveStatus.PENDING),
        (CustomerStatus.ACTIVE, END, EffectiveStatus.SUBSCRIPTION_EXPIRED),
        (CustomerStatus.PENDING, END, EffectiveStatus.SUBSCRIPTION_EXPIRED),
        (CustomerStatus.DISABLED, START - SECOND, EffectiveStatus.DISABLED),
        (CustomerStatus.DISABLED, END, EffectiveStatus.DISABLED),
    ],
)
def test_the_status_follows_from_start_and_end(
    status: CustomerStatus, now: datetime, expected: EffectiveStatus
) -> None:
    assert effective_status(status=status, starts_at=START, expires_at=END, now=now) == expected


def test_without_an_end_a_subscription_never_expires() -> None:
    later = START + timedelta(days=36_500)
    assert (
        effective_status(status=CustomerStatus.ACTIVE, starts_at=START, expires_at=None, now=later)
        == EffectiveStatus.ACTIVE
    )


def test_a_customer_is_stored_in_normal_form() -> None:
    normal = validated_customer(
        msgspec.structs.replace(CUSTOMER, username=" Nora.Vos ", first_name=" Nora ", country="nl")
    )
    assert (normal.username, normal.first_name, normal.country) == ("nora.vos", "Nora", "NL")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "4111111111111111"}, "username"),
        ({"first_name": " "}, "first_name"),
        ({"first_name": CARD}, "first_name"),
        ({"street": "line\nbreak"}, "street"),
        ({"city": "x" * 201}, "city"),
        ({"email": "nobody"}, "email"),
        ({"email": "a\0@example.com"}, "email"),
        ({"phone": "call me"}, "phone"),
        ({"phone": CARD}, "phone"),
        ({"country": "XX"}, "country"),
        ({"mapping_id": "a b"}, "mapping_id"),
        ({"status": CustomerStatus.DISABLED}, "status"),
        ({"expires_at": START}, "expires_at"),
        ({"spending_limit_minor": -1}, "spending_limit_minor"),
    ],
)
def test_a_field_that_needs_attention_is_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        validated_customer(msgspec.structs.replace(CUSTOMER, **changes))
    assert list(caught.value.fields) == [field]


def test_every_field_that_needs_attention_is_named_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        validated_customer(msgspec.structs.replace(CUSTOMER, username="", email="x", country="XX"))
    assert sorted(caught.value.fields) == ["country", "email", "username"]


def test_countries_are_listed_by_name() -> None:
    countries = known_countries()
    assert countries["NL"] == "Netherlands"
    assert list(countries.values()) == sorted(countries.values())
    assert "EU" not in countries


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": CARD}, "name"),
        ({"currency": "XYZ"}, "currency"),
        ({"currency": "CREDIT"}, "currency"),
        ({"payment_type": PaymentType.WALLET}, "currency"),
        ({"payment_type": PaymentType.SUBSCRIPTION, "currency": "CREDIT"}, "currency"),
        ({"max_devices": 0}, "max_devices"),
        ({"max_streams": 51}, "max_streams"),
        ({"mapping_id": "a b"}, "mapping_id"),
    ],
)
def test_a_products_field_that_needs_attention_is_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        validated_product(msgspec.structs.replace(PRODUCT, **changes))
    assert list(caught.value.fields) == [field]


def test_only_a_product_that_pays_through_an_api_keeps_provisions() -> None:
    mapped = msgspec.structs.replace(PRODUCT, provisions={"movie": UUID(int=2)})
    wallet = msgspec.structs.replace(mapped, payment_type=PaymentType.WALLET, currency="credit")
    assert validated_product(mapped).provisions == {"movie": UUID(int=2)}
    assert validated_product(wallet).provisions == {}
    assert validated_product(wallet).currency == "CREDIT"


def test_a_device_without_a_model_gets_a_name() -> None:
    device = DeviceInput(device_id=UUID(int=3), category=DeviceCategory.TV, model=" \n")
    assert validated_device(device).model == "Unknown device"


def test_a_token_carries_operator_and_customer() -> None:
    operator_id, customer_id = uuid4(), uuid4()
    token = write_token(operator_id, customer_id, "s" * 43)
    assert read_token(token) == (operator_id, customer_id, "s" * 43)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(strategies.text(max_size=220))
def test_any_text_may_be_offered_as_a_token(text: str) -> None:
    parts = read_token(text)
    assert parts is None or len(parts) == 3
