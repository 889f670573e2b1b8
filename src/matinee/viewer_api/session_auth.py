"""Who is asking: the subscriber behind the session cookie, and whether a change comes from our own pages."""

from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.handlers import BaseRouteHandler

from matinee.customers.queries import session_by_token
from matinee.customers.rules import SESSION_LIFETIME
from matinee.customers.types import DeviceCategory
from matinee.kernel.errors import Forbidden, NotSignedIn
from matinee.platform.db import Database
from matinee.platform.operators import Operator

COOKIE: Final = "__Host-matinee"
FROM_MACHINES: Final = "from_machines"
"""A handler's option: it is called by machines, which prove who they are by a signature and have no page."""

NO_STORE: Final = {"Cache-Control": "no-store"}
"""Of every answer to a subscriber: it is for nobody else, and true at this moment only."""

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in at this operator, and on which device."""

    operator: Operator
    customer_id: UUID
    device_id: UUID
    category: DeviceCategory

    @property
    def operator_id(self) -> UUID:
        return self.operator.operator_id


async def current_subscriber(
    request: Request[Any, Any, Any], operator: NamedDependency[Operator], database: NamedDependency[Database]
) -> Subscriber:
    """Return who is signed in: the dependency `subscriber` of every handler. Raises NotSignedIn."""
    token = request.cookies.get(COOKIE)
    if not token:
        raise not_signed_in()
    async with database.hot(operator.operator_id) as connection:
        session = await session_by_token(
            connection,
            operator_id=operator.operator_id,
            token=token,
            now=await database.hot_moment(connection),
        )
    if session is None:
        raise not_signed_in()
    return Subscriber(
        operator=operator,
        customer_id=session.customer_id,
        device_id=session.device_id,
        category=session.category,
    )


def not_signed_in() -> NotSignedIn:
    return NotSignedIn("Please sign in.")


async def check_origin(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: whatever changes something must be JSON and come from a page of this very origin.

    It awaits nothing, but a guard that is no coroutine is run in a thread, which costs more than all of it.
    Raises Forbidden (`cross_origin`), and 415 for a body that is not JSON.
    """
    method = connection.scope["method"]  # type: ignore[typeddict-item]
    if method in _READING or handler.opt.get(FROM_MACHINES):
        return
    headers = connection.headers
    if urlsplit(headers.get("origin", "")).netloc.lower() != headers.get("host", "").lower():
        raise Forbidden("This request did not come from a page of this site.", code="cross_origin")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (method == "DELETE" and not media_type):
        raise ClientException("Send application/json.", status_code=415)


def session_cookie(token: str) -> Cookie:
    """Return the cookie of a session just opened."""
    return _cookie(token, int(SESSION_LIFETIME.total_seconds()))


def no_session_cookie() -> Cookie:
    """Return the cookie that removes the session from the browser."""
    return _cookie("", 0)


def _cookie(value: str, max_age: int) -> Cookie:
    return Cookie(
        key=COOKIE, value=value, path="/", max_age=max_age, secure=True, httponly=True, samesite="strict"
    )
