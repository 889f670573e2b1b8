"""Around every request: an id, security headers, a log line, metrics, and the last line of defence."""

import time
from typing import Any, Final

import structlog
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from matinee.kernel.errors import MatineeError, Misconfigured, Unavailable
from matinee.kernel.ids import new_id
from matinee.main import metrics
from matinee.main.errors import shown
from matinee.main.headers import add_security_headers
from matinee.viewer_api.problems import fault_of

_log = structlog.get_logger()

# Asked for all the time by machines, and films by the hundred pieces: only their failures are logged.
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics", "/media", "/published"})
_NO_ROUTE: Final = "(none)"


class Observed:
    """Wraps the whole application. It costs a few microseconds a request and never fails one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Any = scope
        if asked["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = new_id().hex
        status = 0

        async def observed_send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [(bytes(name).lower(), bytes(value)) for name, value in message["headers"]]
                headers.append((b"x-request-id", request_id.encode()))
                add_security_headers(headers)
                message = {**message, "headers": headers}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, observed_send)
            except Exception as error:
                note_failure(error)
                if status:  # part of an answer is on its way: cut it, so that it cannot look complete
                    raise
                await _answer(error, asked, observed_send)
            finally:
                _note(asked, status, time.perf_counter() - started)


def note_failure(error: Exception) -> None:
    """Log an error of any face, once: one that nobody foresaw with its traceback, of which the reader gets nothing."""
    if isinstance(error, Unavailable):
        _log.warning("request_unavailable", code=error.code)
        return
    foreseen = isinstance(error, MatineeError) and not isinstance(error, Misconfigured)
    if not foreseen and not (isinstance(error, HTTPException) and error.status_code < 500):
        _log.error("request_failed", exc_info=error)


async def _answer(error: Exception, scope: Any, send: Send) -> None:
    fault = fault_of(error)
    body, media_type = shown(fault, scope["path"])
    headers = [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
    headers += [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await send(
        {
            "type": "http.response.body",
            "body": b"" if scope["method"] == "HEAD" else body,
            "more_body": False,
        }
    )


def _note(scope: Any, status: int, seconds: float) -> None:
    route = scope.get("path_template") or _NO_ROUTE
    metrics.observe(scope["method"], route, status, seconds)
    if route in _QUIET and status < 500:
        return
    _log.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
    )
