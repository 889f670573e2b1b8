"""What the purchase jobs need; `main` picks the adapters."""

import msgspec

from matinee.offers.quotes import QuoteSigner
from matinee.platform.db import Database
from matinee.platform.secrets import derive_key
from matinee.provisions.ports import BillingGateway
from matinee.purchases.pressure import Pressure


class PurchaseServices(msgspec.Struct, frozen=True):
    """`reference_key` makes charge references; losing it would make a forgotten purchase a new one to billing."""

    database: Database
    gateway: BillingGateway
    quotes: QuoteSigner
    reference_key: bytes
    pressure: Pressure = msgspec.field(default_factory=Pressure)

    def __repr__(self) -> str:
        return "PurchaseServices()"

    @classmethod
    def of(cls, *, database: Database, gateway: BillingGateway, secret_key: bytes) -> "PurchaseServices":
        """Return the services with their keys derived from the installation's secret key."""
        return cls(database, gateway, QuoteSigner(secret_key), derive_key(secret_key, "charge-reference"))
