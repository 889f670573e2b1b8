"""The words of this domain: customers, devices, products and subscriber sessions."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

ERASED: Final = "Erased customer"
"""What stands in place of the name of somebody whose personal data is gone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CustomerStatus(StrEnum):
    """What is stored. Whether a subscription has run out follows from its end, see EffectiveStatus."""

    PENDING = "pending"
    TRIAL = "trial"
    ACTIVE = "active"
    DISABLED = "disabled"


class EffectiveStatus(StrEnum):
    """What a customer is at one moment: the stored status, seen together with start and end."""

    PENDING = "pending"
    TRIAL = "trial"
    ACTIVE = "active"
    SUBSCRIPTION_EXPIRED = "subscription_expired"
    DISABLED = "disabled"


class PaymentType(StrEnum):
    """How the customers of a product pay for a rental; `subscription` cannot rent."""

    SUBSCRIPTION = "subscription"
    WALLET = "wallet"
    API = "api"


class DeviceCategory(StrEnum):
    """`tv`: set-top boxes and smart TVs. `handheld`: phones, tablets and web browsers."""

    TV = "tv"
    HANDHELD = "handheld"


class CustomerInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What staff say of a customer. `rules.validated_customer` gives its normal form.

    `country`: ISO 3166-1 alpha-2 or empty. `spending_limit_minor`: most that may be spent in one month, in
    `spending_limit_currency`; None (both) is no limit. `status` is never DISABLED: that is an action of its own.
    """

    username: str
    product_id: UUID
    starts_at: datetime
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    mapping_id: str = ""
    status: CustomerStatus = CustomerStatus.ACTIVE
    expires_at: datetime | None = None
    spending_limit_minor: int | None = None
    spending_limit_currency: str | None = None


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """One subscriber of an operator. `mapping_id` is the billing system's id for it; empty if it has none.

    From `erasure_requested_at` on nobody's name is here; what billing knew the customer by goes at `erased_at`.
    """

    customer_id: UUID
    username: str
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    city: str
    state: str
    zip: str
    country: str
    mapping_id: str
    product_id: UUID
    status: CustomerStatus
    starts_at: datetime
    expires_at: datetime | None
    spending_limit_minor: int | None
    spending_limit_currency: str | None
    created_at: datetime
    updated_at: datetime
    erasure_requested_at: datetime | None
    erased_at: datetime | None

    @property
    def display_name(self) -> str:
        if self.erased_at is not None:
            return ERASED
        return f"{self.first_name} {self.last_name}".strip() or self.username

    @property
    def version(self) -> int:
        """What tells one save from another: when it was, in microseconds."""
        return (self.updated_at - _EPOCH) // timedelta(microseconds=1)


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A customer in a list. `status` is the effective one at the time of the list."""

    customer_id: UUID
    username: str
    display_name: str
    is_erased: bool
    email: str
    mapping_id: str
    product_id: UUID
    product_name: str
    status: EffectiveStatus
    expires_at: datetime | None
    created_at: datetime


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device that was signed in. `is_registered`: it still counts for this customer."""

    device_id: UUID
    category: DeviceCategory
    model: str
    created_at: datetime
    last_seen_at: datetime
    is_registered: bool


class DeviceInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device says of itself when somebody signs in on it."""

    device_id: UUID
    category: DeviceCategory
    model: str = ""


class ProductInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What staff say of a product. `provisions` maps an API type (`movie`) to the provision that charges."""

    name: str
    payment_type: PaymentType
    currency: str
    mapping_id: str = ""
    is_trial: bool = False
    max_devices: int = 5
    max_streams: int = 2
    packages: tuple[UUID, ...] = ()
    provisions: Mapping[str, UUID] = {}


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What customers subscribe to. `version` rises with every change; `packages` are sorted by id."""

    product_id: UUID
    name: str
    mapping_id: str
    is_trial: bool
    payment_type: PaymentType
    currency: str
    max_devices: int
    max_streams: int
    version: int
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime
    packages: tuple[UUID, ...]
    provisions: dict[str, UUID]


class ProductRow(msgspec.Struct, frozen=True, kw_only=True):
    """A product in a list, with how many customers have it."""

    product_id: UUID
    name: str
    mapping_id: str
    is_trial: bool
    payment_type: PaymentType
    currency: str
    package_count: int
    customer_count: int
    archived_at: datetime | None
    updated_at: datetime


class SubscriberSession(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and on which device."""

    customer_id: UUID
    device_id: UUID
    category: DeviceCategory
    expires_at: datetime


class SignInCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in is checked against; never leaves the domain."""

    customer_id: UUID
    password_hash: str


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh session: `token` is shown to the device once and stored nowhere."""

    token: str
    session: SubscriberSession
