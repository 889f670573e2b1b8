"""What of an error may be shown, and the API's form of it: a problem document (RFC 9457) with a stable code."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

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

MEDIA_TYPE: Final = "application/problem+json"

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
}
"""The HTTP status of each kind of error; a class below one of them has that one's."""

STATUS_OF_CODE: Final = {"idempotency_key_reused": 422, "packaging_failed": 500}
"""Codes whose status is another than their kind's."""

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
    400: "The request could not be read",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "The state has moved on",
    413: "Too large",
    415: "Wrong kind of content",
    422: "Some fields need attention",
    429: "Too many requests",
    503: "Not available right now",
}
_DETAILS: Final = {404: "There is nothing at this address.", 405: "This address does not answer that method."}
# What the framework calls the body as a whole.
_WHOLE_BODY: Final = {"": "body", "data": "body"}
_OURS: Final = "Something went wrong on our side. It has been noted; please try again."


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error on its way to a reader; `fields` says what is wrong with each."""

    status: int
    code: str
    detail: str
    fields: dict[str, str] = {}
    headers: dict[str, str] = {}

    @property
    def title(self) -> str:
        return _TITLES.get(self.status, "Something went wrong")


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field; `field` is its path, such as `device.category`."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document. Some codes add members of their own."""

    type: str
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str
    code: str
    errors: list[FieldError] = []


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """Return what a handler passes as `responses`, so that the API's description names its problems."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=_TITLES[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }


def title_of(status: int) -> str:
    """Return what a problem with this status is called."""
    return _TITLES.get(status, "Something went wrong")


def status_of(error: MatineeError) -> int:
    """Return the HTTP status of `error`."""
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def fault_of(error: Exception) -> Fault:
    """Return what may be shown of `error`; of one that nobody foresaw, nothing."""
    if isinstance(error, MatineeError):
        return _own_fault(error)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _framework_fault(error)
    return Fault(status=500, code="internal_error", detail=_OURS)


def _own_fault(error: MatineeError) -> Fault:
    status = status_of(error)
    if status == 500:
        return Fault(status=500, code="internal_error", detail=_OURS)
    wait = error.retry_after_seconds
    return Fault(
        status=status,
        code=error.code,
        detail=error.message,
        fields=error.fields if isinstance(error, Invalid) else {},
        headers={} if wait is None else {"Retry-After": str(wait)},
    )


def _framework_fault(error: HTTPException) -> Fault:
    if isinstance(error, ValidationException):
        return Fault(status=422, code="invalid", detail="Some fields need attention.", fields=_fields(error))
    status = error.status_code
    title = _TITLES.get(status, "The request was refused")
    return Fault(
        status=status,
        code=_CODES.get(status, "refused"),
        detail=error.detail if status == 415 else _DETAILS.get(status, f"{title}."),
        headers=dict(error.headers or {}) if status == 405 else {},
    )


def _fields(error: ValidationException) -> dict[str, str]:
    """Return the fields that a body or an address got wrong, in the words of the parser."""
    if not isinstance(error.extra, list):
        return {}
    return {
        _WHOLE_BODY.get(str(entry.get("key", "")), str(entry.get("key", ""))): str(entry.get("message", ""))
        for entry in error.extra
        if isinstance(entry, dict)
    }


def document_of(fault: Fault, **members: object) -> bytes:
    """Return the problem document of `fault`; `members` are added to it."""
    problem = Problem(
        type=f"urn:matinee:{fault.code}",
        title=fault.title,
        status=fault.status,
        detail=fault.detail,
        code=fault.code,
        errors=[FieldError(name, message) for name, message in fault.fields.items()],
    )
    return msgspec.json.encode(msgspec.to_builtins(problem) | members)


def problem_response(error: Exception, **members: object) -> Response[bytes]:
    """Return the answer for `error`; `members` are added to it, such as the purchase that is meant."""
    fault = fault_of(error)
    return Response(
        document_of(fault, **members),
        status_code=fault.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store"} | fault.headers,
    )


def _answer(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return problem_response(error)


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Any]] = {
    MatineeError: _answer,
    HTTPException: _answer,
    Exception: _answer,
}
