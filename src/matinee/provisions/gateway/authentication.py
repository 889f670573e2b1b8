"""How a call shows who sends it: what is added to a request that the key table has already made."""

import base64
import re
import time
from typing import assert_never

import msgspec

from matinee.kernel.ids import new_id
from matinee.kernel.webhook_signatures import signature
from matinee.platform.http.messages import HttpRequest
from matinee.provisions.rules import RequestNotBuilt
from matinee.provisions.rules.excerpt import MASK
from matinee.provisions.types import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    HmacAuth,
    NoAuth,
    OAuth2Auth,
    SecretReader,
)

_HEADER_TEXT = re.compile(r"[\x20-\x7e]{1,8200}\Z")


def authenticated(request: HttpRequest, auth: Auth, read: SecretReader, *, token: str) -> HttpRequest:
    """Return the request with what `auth` asks for; `token` is that of OAuth 2, fetched before.

    Raises RequestNotBuilt when a secret cannot be used.
    """
    match auth:
        case NoAuth():
            return request
        case BasicAuth():
            password = read(auth.password_secret)
            pair = base64.b64encode(f"{auth.username}:{password}".encode()).decode()
            return _with(request, ("Authorization", f"Basic {pair}"), pair, password)
        case BearerAuth():
            text = read(auth.token_secret)
            return _with(request, ("Authorization", f"Bearer {text}"), text)
        case HeaderAuth():
            text = read(auth.value_secret)
            return _with(request, (auth.header, text), text)
        case HmacAuth():
            return _signed(request, read(auth.key_secret))
        case OAuth2Auth():
            return _with(request, ("Authorization", f"Bearer {token}"), token)
        case _:
            assert_never(auth)


def _signed(request: HttpRequest, key: str) -> HttpRequest:
    """Sign the body, or the raw query of a GET, which has none. Every request is a message of its own."""
    message_id, timestamp = f"msg_{new_id().hex}", int(time.time())
    body = request.body if request.method != "GET" else request.url.partition("?")[2].encode()
    try:
        signed = signature(key, message_id=message_id, timestamp=timestamp, body=body)
    except ValueError as error:
        raise RequestNotBuilt(
            "The signing key begins with whsec_, but what follows is not base64."
        ) from error
    shown = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    for name, text in shown.items():
        request = _with(request, (name, text), shown=text)
    return _with(request, ("webhook-signature", signed), key, signed)


def _with(request: HttpRequest, header: tuple[str, str], *secrets: str, shown: str = MASK) -> HttpRequest:
    """Add one header, masked where it is shown unless `shown` says otherwise; `secrets` are masked in answers."""
    name, text = header
    if not _HEADER_TEXT.match(text):
        raise RequestNotBuilt(f"The secret has signs that the header {name} cannot carry.")
    head, gap, body = request.shown.partition("\n\n")
    return msgspec.structs.replace(
        request,
        headers=(*request.headers, header),
        shown=f"{head}\n{name}: {shown}{gap}{body}",
        secrets=(*request.secrets, *secrets),
    )
