"""The way in and out, and the first page."""

from typing import Any

from litestar import Response, get, post
from litestar.enums import MediaType
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired

from matinee.console import access
from matinee.console.errors import status_of
from matinee.console.forms import ConsoleForm, read_form, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleRequest, CurrentOperator, services_of, staff_of
from matinee.kernel.errors import NotSignedIn, TooMany
from matinee.platform.passwords import SignInBusy
from matinee.staff.jobs import sign_in
from matinee.staff.operations import end_session
from matinee.staff.types import OpenedSession


class SignInForm(ConsoleForm):
    email = StringField("E-mail address", [InputRequired("Write your e-mail address.")], [stripped])
    password = PasswordField("Password", [InputRequired("Write your password.")])
    next = HiddenField()


@get("/")
async def first_page(request: ConsoleRequest) -> Response[Any]:
    """Lead to where the work is."""
    return redirect(request, "/console/cms/movies")


@get("/sign-in", opt={"public": True})
async def sign_in_page(request: ConsoleRequest) -> Response[Any]:
    """Show the sign-in form."""
    back = access.safe_return(request.query_params.get("next", ""))
    if staff_of(request) is not None:
        return redirect(request, back)
    return render(request, "sign_in.html", form=SignInForm(next=back))


@post("/sign-in", opt={"public": True}, status_code=303)
async def sign_in_submit(request: ConsoleRequest) -> Response[Any]:
    """Check the password and open a session with a new secret."""
    form = await read_form(request, SignInForm)
    if not form.validate():
        return render(request, "sign_in.html", status=422, form=form)
    try:
        opened = await _open(request, form)
    except NotSignedIn as error:
        form.general_problems.append(error.message)
        return render(request, "sign_in.html", status=401, form=form)
    except (TooMany, SignInBusy) as error:
        form.general_problems.append(error.message)
        wait = {"Retry-After": str(error.retry_after_seconds)}
        return render(request, "sign_in.html", status=status_of(error), headers=wait, form=form)
    answer = redirect(request, access.safe_return(form.next.data or ""))
    answer.cookies = [*answer.cookies, access.session_cookie(opened.secret)]
    return answer


async def _open(request: ConsoleRequest, form: SignInForm) -> OpenedSession:
    return await sign_in(
        services_of(request).database,
        operator_id=access.current_operator(request).operator_id,
        email=form.email.data or "",
        password=form.password.data or "",
        address=request.client.host if request.client else "unknown",
        replaces=request.cookies.get(access.SESSION_COOKIE),
    )


@get("/session", opt={"public": True})
async def session_state(request: ConsoleRequest) -> Response[Any]:
    """Answer 204 while somebody is signed in, else 401: a page asks before it sends a long form."""
    status = 401 if staff_of(request) is None else 204
    return Response(b"", status_code=status, media_type=MediaType.TEXT)


@post("/sign-out", opt={"public": True}, status_code=303)
async def sign_out(request: ConsoleRequest, operator: CurrentOperator) -> Response[Any]:
    """End the session here and now."""
    secret = request.cookies.get(access.SESSION_COOKIE)
    if secret:
        async with services_of(request).database.transaction(operator.operator_id) as tx:
            await end_session(tx, operator_id=operator.operator_id, secret=secret)
    answer = redirect(request, access.SIGN_IN, toast="You are signed out.", tone="info")
    answer.cookies = [*answer.cookies, access.no_session_cookie(), access.no_csrf_cookie()]
    return answer


ROUTES = [first_page, sign_in_page, sign_in_submit, session_state, sign_out]
