"""What an error looks like where no face answers: a problem document (RFC 9457) under /api, else a plain page."""

from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from matinee.kernel.errors import MatineeError
from matinee.main.pages import render
from matinee.viewer_api.problems import MEDIA_TYPE, Fault, document_of, fault_of

_PAGE: Final = "text/html; charset=utf-8"


def shown(fault: Fault, path: str) -> tuple[bytes, str]:
    """Return what whoever asked for `path` is shown, a program or a person, and its media type."""
    if path == "/api" or path.startswith("/api/"):
        return document_of(fault), MEDIA_TYPE
    return render("error.html", title=fault.title, detail=fault.detail, status=fault.status), _PAGE


def _respond(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    fault = fault_of(error)
    body, media_type = shown(fault, request.scope["path"])
    return Response(
        body,
        status_code=fault.status,
        media_type=media_type,
        headers=fault.headers | {"Cache-Control": "no-store"},
    )


HANDLERS: Final[ExceptionHandlersMap] = {MatineeError: _respond, HTTPException: _respond, Exception: _respond}
