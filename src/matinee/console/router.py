"""The console as one Litestar router, which `main` mounts."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Router
from litestar.config.csrf import CSRFConfig
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.middleware.csrf import CSRFMiddleware

from matinee.console import access
from matinee.console.errors import EXCEPTION_HANDLERS
from matinee.console.headers import ConsoleShell
from matinee.console.pages import ROUTES
from matinee.console.services import ConsoleRequest, Services
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.secrets import derive_key
from matinee.platform.storage import ObjectStorage
from matinee.platform.tokens import TokenSigner
from matinee.staff.types import Staff

LARGEST_BODY_BYTES = 20 * 1024 * 1024
"""Forms with a poster in them. Films come by a route of their own that streams."""


def create_router(
    *,
    database: Database,
    storage: ObjectStorage,
    secret_key: bytes,
    extras: Mapping[str, Any] | None = None,
) -> Router:
    """Return the router for `/console`.

    Every handler may ask for `database`, `storage`, `operator`, `staff`, and for each of `extras` (ports
    that main picks, such as a billing client) by its name.
    """
    services = Services(
        database=database,
        storage=storage,
        flash_signer=TokenSigner(secret_key, audience="console-flash"),
        csrf_secret=derive_key(secret_key, "console-csrf").hex(),
        extras=dict(extras or {}),
    )
    csrf = CSRFConfig(
        secret=services.csrf_secret,
        cookie_name=access.CSRF_COOKIE,
        header_name=access.CSRF_HEADER,
        cookie_secure=True,
        cookie_httponly=True,
        cookie_samesite="lax",
    )
    shared = {"database": database, "storage": storage, **services.extras}
    return Router(
        path="/console",
        route_handlers=ROUTES,
        guards=[access.find_who],
        middleware=[
            DefineMiddleware(ConsoleShell, services=services),
            DefineMiddleware(CSRFMiddleware, config=csrf),
        ],
        dependencies={
            "operator": Provide(_operator, sync_to_thread=False),
            "staff": Provide(_staff, sync_to_thread=False),
            **{name: Provide(_always(value), sync_to_thread=False) for name, value in shared.items()},
        },
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=LARGEST_BODY_BYTES,
        include_in_schema=False,
    )


def _operator(request: ConsoleRequest) -> Operator:
    return access.current_operator(request)


def _staff(request: ConsoleRequest) -> Staff:
    return access.current_staff(request)


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value
