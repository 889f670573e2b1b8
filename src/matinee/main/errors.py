"""What an error looks like outside: a problem document (RFC 9457) under /api, else a plain page."""

from typing import Any, Final

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from matinee.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    MatineeError,
    Misconfigured,
    NotFound,
    NotSignedIn,
    Refused,
    TooMany,
    Unavailable,
)
from matinee.main.pages import render

STATUS: Final[dict[type[MatineeError], int]] = {
    NotFound: 404,
    Conflict: 409,
    Refused: 403,
    NotSignedIn: 401,
    Forbidden: 403,
    TooMany: 429,
    Unavailable: 503,
    Invalid: 422,
    Misconfigured: 500,
    MatineeError: 500,
}
_CODES: Final = {
    400: "invalid",
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
_TITLES: Final = {
    400: "This request could not be read",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Not allowed",
    409: "The state has moved on",
    413: "Too large",
    415: "Wrong kind of content",
    422: "Some fields need attention",
    429: "Too many requests",
    503: "Not available right now",
}
_OURS: Final = "Something went wrong on our side. It has been noted; please try again."


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error on its way to a reader."""

    status: int
    code: str
    detail: str
    fields: dict[str, str] = {}
    headers: dict[str, str] = {}

    @property
    def title(self) -> str:
        return _TITLES.get(self.status, "Something went wrong")


def fault_of(error: Exception) -> Fault:
    """Return what may be shown of `error`; of one that nobody foresaw, nothing."""
    if isinstance(error, MatineeError):
        status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, TooMany) else {}
        if status == 500:
            return Fault(status=500, code="internal_error", detail=_OURS)
        return Fault(
            status=status,
            code=error.code,
            detail=error.message,
            fields=error.fields if isinstance(error, Invalid) else {},
            headers=headers,
        )
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _framework_fault(error)
    return Fault(status=500, code="internal_error", detail=_OURS)


def _framework_fault(error: HTTPException) -> Fault:
    status = error.status_code
    fields: dict[str, str] = {}
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        fields = {str(entry.get("key", "")): str(entry.get("message", "")) for entry in error.extra}
    headers = dict(error.headers or {}) if status == 405 else {}
    details = {404: "There is nothing at this address.", 405: "This address does not answer that method."}
    detail = details.get(status) or error.detail or _TITLES.get(status, "The request was refused.")
    return Fault(
        status=status, code=_CODES.get(status, "refused"), detail=detail, fields=fields, headers=headers
    )


def problem(fault: Fault) -> bytes:
    """Return the problem document (RFC 9457) of `fault`."""
    document: dict[str, Any] = {
        "type": f"urn:matinee:{fault.code}",
        "title": fault.title,
        "status": fault.status,
        "detail": fault.detail,
        "code": fault.code,
    }
    if fault.fields:
        document["errors"] = [{"field": name, "message": text} for name, text in fault.fields.items()]
    return msgspec.json.encode(document)


def page(fault: Fault) -> bytes:
    """Return the plain page of `fault`."""
    return render("error.html", title=fault.title, detail=fault.detail, status=fault.status)


def wants_problem(path: str) -> bool:
    """Whether whoever asks for `path` is a program."""
    return path == "/api" or path.startswith("/api/")


def _respond(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    fault = fault_of(error)
    if fault.status >= 500 and not isinstance(error, Unavailable):
        request.scope.setdefault("state", {})["matinee_error"] = error
    headers = fault.headers
    if wants_problem(request.scope["path"]):
        body, media_type = problem(fault), "application/problem+json"
        headers = headers | {"Cache-Control": "no-store"}
    else:
        body, media_type = page(fault), MediaType.HTML
    return Response(body, status_code=fault.status, media_type=media_type, headers=headers)


HANDLERS: Final[ExceptionHandlersMap] = {MatineeError: _respond, HTTPException: _respond, Exception: _respond}
