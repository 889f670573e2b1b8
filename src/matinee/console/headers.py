"""The outermost layer of the console: security headers on every answer, and the check of the origin."""

from urllib.parse import urlsplit

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from matinee.console.errors import crossed_site_page, http_error_page
from matinee.console.services import ConsoleRequest, Services

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_SAFE = ("GET", "HEAD", "OPTIONS")


class ConsoleShell:
    """Sets the headers, hands the services on, and refuses what another site sends."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        scope["state"]["matinee_console"] = self._services

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                headers = MutableScopeHeaders.from_message(message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if scope["method"] not in _SAFE and not same_origin(Headers.from_scope(scope)):
                raise PermissionDeniedException("another site sent this")
            await self._app(scope, receive, send_with_headers)
        except HTTPException as error:
            # What the handlers raise became a page further in; this is the CSRF check, or a body that is
            # too large or cut off, which it was the first to read.
            request: ConsoleRequest = ConsoleRequest(scope, receive)
            is_crossed = isinstance(error, PermissionDeniedException)
            page = crossed_site_page(request) if is_crossed else http_error_page(request, error)
            await page.to_asgi_response(None, request)(scope, receive, send_with_headers)


def same_origin(headers: Headers) -> bool:
    """Say whether the browser states that our own page sent this.

    A browser always sends `Origin` with a state-changing request; whoever sends neither is no browser
    with somebody's cookies, and still has to know the CSRF token.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
