"""Messages that the next page shows once, kept in a signed cookie between a POST and its redirect."""

from datetime import UTC, datetime, timedelta

import msgspec
from litestar.datastructures import Cookie

from matinee.console.services import ConsoleRequest, services_of
from matinee.kernel.errors import NotSignedIn

COOKIE = "__Host-matinee-flash"
_LIFETIME = timedelta(minutes=5)
_LONGEST = 400
# The token carries no deadline that matters: the cookie's own age ends it.
_ANY_TIME = datetime(2100, 1, 1, tzinfo=UTC)


class Message(msgspec.Struct, frozen=True):
    """`tone` is `success`, `info` or `error`; `undo` is the address of a POST that takes it back."""

    text: str
    tone: str
    undo: str = ""


def remember(request: ConsoleRequest, message: Message) -> Cookie:
    """Return the cookie that carries one message to the next page."""
    claims = {"text": message.text[:_LONGEST], "tone": message.tone, "undo": message.undo}
    token = services_of(request).flash_signer.sign(claims, now=_ANY_TIME, lifetime=_LIFETIME)
    return Cookie(
        key=COOKIE, value=token, path="/", max_age=int(_LIFETIME.total_seconds()),
        secure=True, httponly=True, samesite="lax",
    )  # fmt: skip


def forget() -> Cookie:
    """Return the cookie that removes the message."""
    return Cookie(key=COOKIE, value="", path="/", max_age=0, secure=True, httponly=True, samesite="lax")


def read(request: ConsoleRequest) -> list[Message]:
    """Return the messages for this page; a forged cookie holds none."""
    token = request.cookies.get(COOKIE)
    if not token:
        return []
    try:
        claims = services_of(request).flash_signer.read(token, now=None)
    except NotSignedIn:
        return []
    return [
        Message(str(claims.get("text", "")), str(claims.get("tone", "info")), str(claims.get("undo", "")))
    ]
