"""Who is asking: the operator from the host name, the person from the session cookie, and their roles."""

from typing import Any
from urllib.parse import quote

from litestar import Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from matinee.console.services import AnyConnection, ConsoleRequest, operator_of, services_of, staff_of
from matinee.kernel.errors import NotSignedIn
from matinee.platform.operators import Operator, host_name, operator_by_host
from matinee.staff.jobs import staff_of_session
from matinee.staff.rules import SESSION_LIFETIME, require
from matinee.staff.types import Role, Staff

SESSION_COOKIE = "__Host-matinee-staff"
CSRF_COOKIE = "__Host-matinee-console-csrf"
CSRF_HEADER = "x-csrftoken"
SIGN_IN = "/console/sign-in"
BACKGROUND_HEADER = "x-background"
QUIET_HEADER = "x-quiet"


async def find_who(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """Guard of every page: find the operator and the person. Only handlers with `public` go without.

    Raises NotFound (unknown host) and NotSignedIn.
    """
    if handler.opt.get("static"):
        return
    services, state = services_of(connection), connection.scope["state"]
    async with services.database.directory() as tx:
        operator = await operator_by_host(tx, host=host_name(connection.headers.get("host", "")))
    state["matinee_operator"] = operator
    secret = connection.cookies.get(SESSION_COOKIE)
    if secret:
        state["matinee_staff"] = await staff_of_session(
            services.database,
            operator_id=operator.operator_id,
            secret=secret,
            in_use=BACKGROUND_HEADER not in connection.headers,
        )
    if staff_of(connection) is None and not handler.opt.get("public"):
        raise NotSignedIn("Sign in to see this page.")


def allow(*roles: Role) -> Guard:
    """Return a guard: only people with one of the roles (or administrators) get to this handler."""

    async def check(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
        require(current_staff(connection), *roles)

    return check


def current_operator(connection: AnyConnection) -> Operator:
    """Return the operator. Raises NotSignedIn where the guard has not run."""
    operator = operator_of(connection)
    if operator is None:
        raise NotSignedIn("Sign in to see this page.")
    return operator


def current_staff(connection: AnyConnection) -> Staff:
    """Return who is signed in. Raises NotSignedIn."""
    staff = staff_of(connection)
    if staff is None:
        raise NotSignedIn("Sign in to see this page.")
    return staff


def session_cookie(secret: str) -> Cookie:
    """Return the cookie of a session just opened."""
    return Cookie(
        key=SESSION_COOKIE, value=secret, path="/", max_age=int(SESSION_LIFETIME.total_seconds()),
        secure=True, httponly=True, samesite="lax",
    )  # fmt: skip


def no_session_cookie() -> Cookie:
    """Return the cookie that removes the session from the browser."""
    return Cookie(
        key=SESSION_COOKIE, value="", path="/", max_age=0, secure=True, httponly=True, samesite="lax"
    )


def no_csrf_cookie() -> Cookie:
    """Return the cookie that makes the next page start with a fresh CSRF token."""
    return Cookie(key=CSRF_COOKIE, value="", path="/", max_age=0, secure=True, httponly=True, samesite="lax")


def to_sign_in(request: ConsoleRequest) -> Response[Any]:
    """Send somebody to the sign-in page, and back to where they wanted to go afterwards."""
    if BACKGROUND_HEADER in request.headers or QUIET_HEADER in request.headers:
        # Whoever is typing must not be taken away by a part of the page that renews itself.
        return Response(b"", status_code=401, media_type=MediaType.TEXT)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = wanted if request.method == "GET" and not request.headers.get("hx-request") else "/console"
    location = SIGN_IN if back == "/console" else f"{SIGN_IN}?next={quote(back, safe='')}"
    if request.headers.get("hx-request"):
        # A part of a page must not be replaced by the sign-in page: the whole page goes there.
        return Response(b"", status_code=204, headers={"HX-Redirect": location}, media_type=MediaType.TEXT)
    return Response(b"", status_code=303, headers={"Location": location}, media_type=MediaType.TEXT)


def safe_return(target: str) -> str:
    """Return `target` if it is a page of the console, else the console's first page: no open redirect."""
    plain = target.startswith("/console") and not any(sign in target for sign in "\\\r\n\t")
    inside = target == "/console" or target.startswith(("/console/", "/console?"))
    return target if plain and inside and not target.startswith(SIGN_IN) else "/console"
