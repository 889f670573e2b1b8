"""OAuth 2 client credentials (RFC 6749, section 4.4): one token for many calls, fetched by one of them."""

import asyncio
import base64
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import quote, urlencode

import msgspec

from matinee.platform.http.messages import HttpRequest, Reply
from matinee.platform.http.resolver import Lookup
from matinee.platform.http.wire import Wire
from matinee.provisions.rules import MISSING, parse_json
from matinee.provisions.types import OAuth2Auth

MOST_TOKENS = 1000
USUAL_LIFE_SECONDS = 300.0
"""How long a token is believed to live when its answer does not say."""

RENEW_SECONDS = 60.0
"""A token is fetched anew so long before it runs out, or after three quarters of its life if that is later."""

LONGEST_LIFE_SECONDS = 86_400.0

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]{1,8000}=*\Z")


class TokenRefused(Exception):
    """There is no token, so the call is not sent. The message is a stable word, such as `no_token`."""


class Client(msgspec.Struct, frozen=True):
    """Who asks for a token: settings, and the secret as it is sealed, so that a rotated one asks anew."""

    owner: bytes
    auth: OAuth2Auth
    sealed: bytes


class _Kept(msgspec.Struct, frozen=True):
    token: str
    until: float


class TokenCache:
    """Tokens by client. Parallel calls share one request for a token; a failed one is not remembered."""

    def __init__(self, wire: Wire, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._wire = wire
        self.clock = clock
        self._kept: OrderedDict[Client, _Kept] = OrderedDict()
        self._fetching: dict[Client, asyncio.Task[str]] = {}

    async def token(self, client: Client, secret: str, *, limit_seconds: float, lookup: Lookup) -> str:
        """Return a token that is good for a while. Raises TokenRefused."""
        kept = self._kept.get(client)
        if kept is not None and self.clock() < kept.until:
            self._kept.move_to_end(client)
            return kept.token
        task = self._fetching.get(client)
        if task is None:
            task = asyncio.create_task(self._fetch(client, secret, limit_seconds, lookup))
            self._fetching[client] = task
            task.add_done_callback(lambda done: self._ended(client, done))
        try:
            async with asyncio.timeout(limit_seconds):
                return await asyncio.shield(task)  # who gives up must not take the token from the others
        except TimeoutError as error:
            raise TokenRefused("token_timeout") from error
        except asyncio.CancelledError:
            if task.cancelled() and not _being_cancelled():
                raise TokenRefused("token_given_up") from None
            raise

    def drop(self, client: Client, token: str) -> None:
        """Forget a token that billing did not accept; a newer one stays."""
        kept = self._kept.get(client)
        if kept is not None and kept.token == token:
            del self._kept[client]

    async def close(self) -> None:
        """Give up what is being fetched."""
        for task in list(self._fetching.values()):
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)

    def _ended(self, client: Client, task: asyncio.Task[str]) -> None:
        self._fetching.pop(client, None)
        if not task.cancelled():
            task.exception()  # all who waited may have given up; nobody else would look at it

    async def _fetch(self, client: Client, secret: str, limit_seconds: float, lookup: Lookup) -> str:
        asked = self.clock()
        request = _token_request(client.auth, secret)
        reply = await self._wire.send(request, limit_seconds=limit_seconds, lookup=lookup)
        token, life_seconds = _read_token(reply)
        life_seconds = min(life_seconds, LONGEST_LIFE_SECONDS)
        self._kept[client] = _Kept(token, asked + max(life_seconds - RENEW_SECONDS, life_seconds * 0.75))
        self._kept.move_to_end(client)
        while len(self._kept) > MOST_TOKENS:
            self._kept.popitem(last=False)
        return token


def _being_cancelled() -> bool:
    """Whether it is the caller itself that was told to stop, not the request for a token."""
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0


def _token_request(auth: OAuth2Auth, secret: str) -> HttpRequest:
    """Return the request for a token; id and secret go in the header or the body, as section 2.3.1 says of both."""
    form = {"grant_type": "client_credentials"} | ({"scope": auth.scope} if auth.scope else {})
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    pair = f"{quote(auth.client_id, safe='')}:{quote(secret, safe='')}"
    basic = base64.b64encode(pair.encode()).decode()
    if auth.client_auth == "body":  # never both: a server must refuse a client that shows itself in two ways
        form |= {"client_id": auth.client_id, "client_secret": secret}
    else:
        headers.append(("Authorization", f"Basic {basic}"))
    return HttpRequest(
        method="POST",
        url=auth.token_url,
        headers=tuple(headers),
        body=urlencode(form).encode(),
        shown=f"POST {auth.token_url.partition('?')[0]}",
        secrets=(secret, pair, basic),
    )


def _read_token(reply: Reply) -> tuple[str, float]:
    """Return a token and the seconds it lives. Raises TokenRefused."""
    if reply.failure is not None:
        raise TokenRefused(f"token_{reply.failure}")
    document = parse_json(reply.body) if reply.status == 200 else MISSING
    if not isinstance(document, dict):
        raise TokenRefused("no_token")
    token, kind = document.get("access_token"), document.get("token_type", "bearer")
    if not isinstance(token, str) or not _TOKEN.match(token) or str(kind).lower() != "bearer":
        raise TokenRefused("no_token")
    try:
        life_seconds = float(document.get("expires_in") or USUAL_LIFE_SECONDS)
    except (TypeError, ValueError):
        life_seconds = USUAL_LIFE_SECONDS
    return token, life_seconds if life_seconds > 0 else USUAL_LIFE_SECONDS
