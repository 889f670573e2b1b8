"""The limit of `entitlement`: a bare server that does one prepared look-up and signs a token, and nothing else.

No session, no operator, no rules, no headers beyond the needed. Its address is `/CUSTOMER/ITEM`.
"""

import base64
import gc
import hmac
import json
import os
import time
from typing import Any
from uuid import UUID

import asyncpg

_SELECT = """
    SELECT startable_until FROM entitlements
    WHERE operator_id = $1 AND customer_id = $2 AND item_kind = 'movie' AND item_id = $3
"""
_KEY = bytes(32)


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


_HEADER = _base64url(b'{"alg":"HS256","typ":"JWT"}') + b"."


async def _keep(_: Any) -> None:
    """Replace asyncpg's reset, as Matinee does."""


class Bare:
    """The ASGI application."""

    def __init__(self) -> None:
        self._operator_id = UUID(os.environ.get("BENCH_OPERATOR", str(UUID(int=0))))
        self._pool: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        _, customer, item = scope["path"].split("/")
        async with self._pool.acquire() as connection:
            until = await connection.fetchval(_SELECT, self._operator_id, customer, item)
        now = int(time.time())
        claims = b'{"sub":"%s","item":"%s","exp":%d}' % (customer.encode(), item.encode(), now + 300)
        signed = _HEADER + _base64url(claims)
        token = signed + b"." + _base64url(hmac.digest(_KEY, signed, "sha256"))
        body = b'{"allowed":%s,"token":"%s"}' % (
            json.dumps(until is not None and until.timestamp() > now).encode(),
            token,
        )
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._pool = await asyncpg.create_pool(
                    os.environ["BENCH_DATABASE_URL"], min_size=10, max_size=10, reset=_keep
                )
                gc.collect()
                gc.freeze()
                gc.set_threshold(50_000, 20, 20)
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._pool.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


application = Bare()
