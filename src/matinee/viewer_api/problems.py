"""Every error of the API as a problem document (RFC 9457), with a stable code."""

from typing import Annotated, Any, Final

import msgspec
import structlog
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

_log = structlog.get_logger(__name__)

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
# What the framework calls the body as a whole.
_WHOLE_BODY: Final = {"": "body", "data": "body"}
_OURS: Final = "Something went wrong on our side. Please try again."


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


def problem_response(error: MatineeError, **members: object) -> Response[bytes]:
    """Return the answer for `error`; `members` are added to it, such as the purchase that is meant."""
    status = status_of(error)
    if status == 500:
        return _response(500, "internal_error", _OURS)
    fields = error.fields if isinstance(error, Invalid) else {}
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, TooMany) else {}
    return _response(status, error.code, error.message, fields=fields, headers=headers, members=members)


def _response(
    status: int,
    code: str,
    detail: str,
    *,
    fields: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    members: dict[str, object] | None = None,
) -> Response[bytes]:
    problem = Problem(
        type=f"urn:matinee:{code}",
        title=title_of(status),
        status=status,
        detail=detail,
        code=code,
        errors=[FieldError(name, message) for name, message in (fields or {}).items()],
    )
    body = msgspec.json.encode(msgspec.to_builtins(problem) | (members or {}))
    return Response(
        body,
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store"} | (headers or {}),
    )


def _ours(request: Request[Any, Any, Any], error: MatineeError) -> Response[bytes]:
    if status_of(error) == 500:
        _note(request, error)
    return problem_response(error)


def _frameworks(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    if isinstance(error, ValidationException):
        return _response(422, "invalid", "Some fields need attention.", fields=_fields(error))
    if status >= 500:
        return _unforeseen(request, error)
    headers = dict(error.headers or {}) if status == 405 else {}
    detail = error.detail if status == 415 else _TITLES.get(status, "The request was refused") + "."
    return _response(status, _CODES.get(status, "refused"), detail, headers=headers)


def _fields(error: ValidationException) -> dict[str, str]:
    """Return the fields that a body or an address got wrong, in the words of the parser."""
    if not isinstance(error.extra, list):
        return {}
    return {
        _WHOLE_BODY.get(str(entry.get("key", "")), str(entry.get("key", ""))): str(entry.get("message", ""))
        for entry in error.extra
        if isinstance(entry, dict)
    }


def _unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _note(request, error)
    return _response(500, "internal_error", _OURS)


def _note(request: Request[Any, Any, Any], error: Exception) -> None:
    _log.error("api.failed", path=request.url.path, exc_info=error)


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Any]] = {
    MatineeError: _ours,
    HTTPException: _frameworks,
    Exception: _unforeseen,
}
