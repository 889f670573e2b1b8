"""A process that buys, or works, until it is killed.

At the point that it is told it says so to its parent and stands still, so that it can be killed or frozen just there.
What time it is by then lets it go on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from uuid import UUID

import msgspec
from tests.factories.clock import SetClock
from tests.factories.shop import SECTION
from tests.faults.counter import gateway_for, services_for

from matinee.platform.db import Clock, Database, Transaction
from matinee.platform.operators import get_operator
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.types import BillingTarget, ChargeResult, RefundResult, StatusResult, Values
from matinee.purchases.jobs.charge import confirm_and_charge
from matinee.purchases.jobs.resolver import Resolver


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is to do, and where it is to stop. `token` None: work as the resolver does."""

    app_url: str
    billing_port: int
    operator_id: UUID
    customer_id: UUID
    device_id: UUID
    token: str | None
    moment: datetime
    point: str


class Stops:
    """Counts how far the work has come and stands still at the point that was ordered."""

    def __init__(self, point: str, clock: SetClock, parent: Connection) -> None:
        self.point = point
        self.called = False
        self._clock, self._parent = clock, parent

    async def at(self, point: str) -> None:
        if point == self.point:
            self.point = ""
            self._parent.send(point)
            self._clock.moment = await asyncio.to_thread(self._parent.recv)


class StoppingDatabase(Database):
    """Stops before or after a commit."""

    def __init__(self, url: str, *, clock: Clock, stops: Stops) -> None:
        super().__init__(url, connections=5, clock=clock)
        self._stops = stops

    @asynccontextmanager
    async def transaction(self, operator_id: UUID) -> AsyncIterator[Transaction]:
        name = "settle" if self._stops.called else "confirm"
        async with super().transaction(operator_id) as tx:
            yield tx
            await self._stops.at(f"before the commit of {name}")
        await self._stops.at(f"after the commit of {name}")


class StoppingGateway:
    """Stops before or after a call."""

    def __init__(self, inner: AiohttpBillingGateway, stops: Stops) -> None:
        self._inner, self._stops = inner, stops
        self.cancel = inner.cancel

    async def charge(self, target: BillingTarget, values: Values) -> ChargeResult:
        await self._stops.at("before the call")
        result = await self._inner.charge(target, values)
        await self._stops.at("after the answer")
        self._stops.called = True
        return result

    async def status(self, target: BillingTarget, values: Values) -> StatusResult:
        await self._stops.at("before the question")
        result = await self._inner.status(target, values)
        await self._stops.at("after the question")
        return result

    async def refund(self, target: BillingTarget, values: Values) -> RefundResult:
        await self._stops.at("before the refund")
        return await self._inner.refund(target, values)


async def obey(orders: Orders, parent: Connection) -> None:
    clock = SetClock(orders.moment)
    stops = Stops(orders.point, clock, parent)
    database = StoppingDatabase(orders.app_url, clock=clock, stops=stops)
    await database.open()
    async with gateway_for(orders.billing_port) as gateway:
        services = services_for(database, gateway)
        services = msgspec.structs.replace(services, gateway=StoppingGateway(gateway, stops))
        if orders.token is None:
            worker = Resolver(services)
            await worker.start_due()
            await worker.drain()
        else:
            async with database.directory() as tx:
                operator = await get_operator(tx, operator_id=orders.operator_id)
            signed = services.quotes.read(orders.token)
            await confirm_and_charge(
                services, operator=operator, signed=signed, idempotency_key=signed.quote.purchase_id,
                customer_id=orders.customer_id, device_id=orders.device_id, section=SECTION,
            )  # fmt: skip
    parent.send("done")


def main(orders: bytes, parent: Connection) -> None:
    asyncio.run(obey(msgspec.json.decode(orders, type=Orders), parent))
