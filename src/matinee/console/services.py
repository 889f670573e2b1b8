"""What the console's pages are given by `main`, and what they find on a request."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from matinee.platform.db import Database
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator
from matinee.platform.secrets import SecretBox
from matinee.platform.storage import ObjectStorage
from matinee.platform.tokens import TokenSigner
from matinee.provisions.ports import BillingGateway
from matinee.purchases.services import PurchaseServices
from matinee.staff.types import Staff

ConsoleRequest = Request[Any, Any, Any]

# What a handler may ask for, under the names `database`, `storage`, `operator` and `staff`.
ConsoleDatabase = NamedDependency[Database]
ConsoleStorage = NamedDependency[ObjectStorage]
CurrentOperator = NamedDependency[Operator]
CurrentStaff = NamedDependency[Staff]

# And what `main` adds (`Services.extras`), under the names that the parameters of the handlers have.
Purchases = NamedDependency[SkipValidation[PurchaseServices]]
Gateway = NamedDependency[SkipValidation[BillingGateway]]
Egress = NamedDependency[SkipValidation[EgressPolicy]]
Box = NamedDependency[SkipValidation[SecretBox]]

AnyConnection = ASGIConnection[Any, Any, Any, Any]


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The adapters behind the pages."""

    database: Database
    storage: ObjectStorage
    flash_signer: TokenSigner
    csrf_secret: str
    extras: Mapping[str, Any]
    """Further ports that `main` picked; each is a dependency of its name for every handler."""

    def __deepcopy__(self, _memo: object) -> "Services":
        """Litestar copies routers and what their layers hold; a pool or a key must stay the one it is."""
        return self


def services_of(connection: AnyConnection) -> Services:
    """Return the services of the router that answers this request."""
    services: Services = connection.scope["state"]["matinee_console"]
    return services


def operator_of(connection: AnyConnection) -> Operator | None:
    """Return the operator of the request's host name, once the guard has found it."""
    found: Operator | None = connection.scope["state"].get("matinee_operator")
    return found


def staff_of(connection: AnyConnection) -> Staff | None:
    """Return who is signed in, once the guard has found it."""
    found: Staff | None = connection.scope["state"].get("matinee_staff")
    return found
