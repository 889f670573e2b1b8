"""Every error as a page in plain words. No traceback, no code of ours, reaches a person."""

from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException

from matinee.console import access, reasons, rendering
from matinee.console.services import ConsoleRequest
from matinee.kernel import errors

_OURS = "Nothing was saved. Try again; if it stays, tell whoever runs Matinee for you: it is in the log."

# What each kind of error is in HTTP, and what the page is called. The first that fits counts.
PAGES: tuple[tuple[type[errors.MatineeError], int, str], ...] = (
    (errors.NotFound, 404, "Not found"),
    (errors.Conflict, 409, "Somebody was faster"),
    (errors.Invalid, 422, "That cannot be saved"),
    (errors.Refused, 409, "Not possible"),
    (errors.NotSignedIn, 401, "Please sign in"),
    (errors.Forbidden, 403, "Not allowed"),
    (errors.TooMany, 429, "Too many tries"),
    (errors.Unavailable, 503, "Try again in a minute"),
    (errors.Misconfigured, 500, "Something is not set up"),
)
_HTTP_TITLES = {
    400: ("That request was not understood", "Go back, reload the page and try again."),
    403: ("Not allowed", "You may not do that."),
    404: ("Not found", "There is nothing at this address."),
    405: ("Not possible", "This address does not take that."),
    413: ("Too large", "What was sent is larger than allowed."),
}


def status_of(error: errors.MatineeError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status, _ in PAGES if isinstance(error, kind)), 500)


def matinee_error_page(request: ConsoleRequest, error: errors.MatineeError) -> Response[Any]:
    """Return the page of one of our errors; somebody who is not signed in goes to the sign-in page."""
    if isinstance(error, errors.NotSignedIn):
        return access.to_sign_in(request)
    status = status_of(error)
    title = next((title for kind, _, title in PAGES if isinstance(error, kind)), "Something went wrong")
    wait = error.retry_after_seconds
    headers = {} if wait is None else {"Retry-After": str(wait)}
    message = _OURS if status == 500 else error.message
    details = list(error.fields.values()) if isinstance(error, errors.Invalid) else []
    return _page(request, status, title, message, details=details, headers=headers)


def http_error_page(request: ConsoleRequest, error: HTTPException) -> Response[Any]:
    """Return the page of an error that the web framework found."""
    status = error.status_code if error.status_code in _HTTP_TITLES else 400
    if error.status_code >= 500:
        return unexpected_error_page(request, error)
    title, message = _HTTP_TITLES[status]
    return _page(request, status, title, message)


def unexpected_error_page(request: ConsoleRequest, _error: Exception) -> Response[Any]:
    """Return the page of a mistake in our own code, of which nothing is shown; `main` logs it."""
    return _page(request, 500, "Something went wrong", _OURS)


def crossed_site_page(request: ConsoleRequest) -> Response[Any]:
    """Return the page for a form that another site sent, or whose page is too old."""
    page = _page(
        request, 403, "This page is too old",
        "The form was opened too long ago, or another site sent it. Go back, reload the page and try again.",
    )  # fmt: skip
    page.set_cookie(access.no_csrf_cookie())
    return page


def _page(
    request: ConsoleRequest,
    status: int,
    title: str,
    message: str,
    *,
    details: list[str] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Any]:
    return rendering.render(
        request, "error.html", status=status, headers=headers, title=title, message=message,
        details=details or [], status_code=status,
    )  # fmt: skip


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    reasons.AskAgain: reasons.reason_page,
    errors.MatineeError: matinee_error_page,
    HTTPException: http_error_page,
    Exception: unexpected_error_page,
}
