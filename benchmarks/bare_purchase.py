"""The limit of `purchase`: a bare server that commits twice with one call to billing between, and nothing else.

No session, no invoice, no lock, no rule, no ledger. It keeps its connections to billing open, which Matinee must not.
"""

import gc
import os
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import msgspec

TABLES = """
    CREATE TABLE bare_purchases (
        operator_id uuid NOT NULL, purchase_id uuid NOT NULL, customer_id uuid NOT NULL, item_id uuid NOT NULL,
        state text NOT NULL, amount_minor bigint NOT NULL, reference text NOT NULL, billing_transaction text,
        confirmed_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (operator_id, purchase_id));
    CREATE INDEX bare_purchases_slot ON bare_purchases (operator_id, customer_id, item_id);
    CREATE TABLE bare_rights (
        operator_id uuid NOT NULL, right_id uuid NOT NULL, customer_id uuid NOT NULL, item_id uuid NOT NULL,
        purchase_id uuid NOT NULL, startable_until timestamptz NOT NULL, PRIMARY KEY (operator_id, right_id));
    CREATE INDEX bare_rights_item ON bare_rights (operator_id, customer_id, item_id);
"""
RESERVE = """
    INSERT INTO bare_purchases (operator_id, purchase_id, customer_id, item_id, state, amount_minor, reference)
    VALUES ({operator}, {purchase}, {customer}, {item}, 'CHARGING', 499, 'reference')
"""
SETTLE = """
    WITH moved AS (
        UPDATE bare_purchases SET state = 'GRANTED', billing_transaction = {transaction}
        WHERE operator_id = {operator} AND purchase_id = {purchase} AND state = 'CHARGING' RETURNING *)
    INSERT INTO bare_rights (operator_id, right_id, customer_id, item_id, purchase_id, startable_until)
    SELECT operator_id, purchase_id, customer_id, item_id, purchase_id, now() + interval '48 hours' FROM moved
"""
_RESERVE = RESERVE.format(operator="$1", purchase="$2", customer="$3", item="$4")
_SETTLE = SETTLE.format(operator="$1", purchase="$2", transaction="$3")


class Order(msgspec.Struct):
    """What is asked for."""

    purchase_id: UUID
    customer_id: UUID
    item_id: UUID


async def _keep(_: Any) -> None:
    """Replace asyncpg's reset, as Matinee does."""


class Bare:
    """The ASGI application."""

    def __init__(self) -> None:
        self._operator_id = UUID(os.environ.get("BENCH_OPERATOR", str(UUID(int=0))))
        self._billing = os.environ.get("BENCH_BILLING", "")
        self._pool: Any = None
        self._session: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        order = msgspec.json.decode(body, type=Order)
        async with self._pool.acquire() as connection:
            await connection.execute(
                _RESERVE, self._operator_id, order.purchase_id, order.customer_id, order.item_id
            )
        async with self._session.get(self._billing, params={"reference": str(order.purchase_id)}) as response:
            charged = msgspec.json.decode(await response.read())
        async with self._pool.acquire() as connection:
            await connection.execute(_SETTLE, self._operator_id, order.purchase_id, charged["transaction"])
        answer = b'{"state":"granted"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": answer, "more_body": False})

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._pool = await asyncpg.create_pool(
                    os.environ["BENCH_DATABASE_URL"], min_size=10, max_size=10, reset=_keep
                )
                self._session = aiohttp.ClientSession()
                gc.collect()
                gc.freeze()
                gc.set_threshold(50_000, 20, 20)
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._session.close()
                await self._pool.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


application = Bare()
