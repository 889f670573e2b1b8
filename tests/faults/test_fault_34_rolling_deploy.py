"""Fault 34: a rolling deploy. Old and new processes work side by side, and the old ones are told to end in mid-charge.

The schema is the same for both, as an upgrade without a migration has it.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import HONEST, answer_lost, held
from tests.factories.clock import SetClock
from tests.faults.counter import Counter, end, open_counters
from tests.faults.product import Device, Product, Web, signed_in

from matinee.main.demo.processes import Child
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

ASKED = ("A", "B")
HELD, RESOLVED = 0, 1
SECONDS_TO_SETTLE = 20


async def settled(counter: Counter, state: PurchaseState) -> None:
    async with asyncio.timeout(SECONDS_TO_SETTLE):
        while await counter.state() is not state:  # noqa: ASYNC110 (it is settled by another process)
            await asyncio.sleep(0.05)


Devices = dict[str, tuple[Device, Device]]


async def test_nobody_notices(
    database_urls: EmbeddedPostgresInfo, doubles: dict[str, BillingDouble], tmp_path: Path
) -> None:
    ports = [double.port for double in doubles.values()]
    clock = SetClock(datetime.now(UTC))
    async with open_counters(database_urls, doubles, clock=clock, films=2) as shops:
        with Product.started(tmp_path, database_urls, ports) as product:
            old, new = product.web("old-web"), product.web("new-web")
            old_worker = product.worker("old-worker")
            product.worker("new-worker")
            for web in (old, new):
                await asyncio.to_thread(web.wait)
            devices = {
                name: (await signed_in(shop), await signed_in(shop, 1)) for name, shop in shops.items()
            }
            await a_worker_ends_while_it_asks(shops, devices, old, old_worker)
            await a_server_ends_while_billing_charges(shops, devices, old, new)
        clock.moment = datetime.now(UTC)
        assert await end(list(shops.values())) == [{}] * len(shops)
        for name, shop in shops.items():
            charged = 2 if name in ASKED else 1
            assert (len(shop.billing.charges()), len(shop.billing.requests("charge"))) == (charged, charged)


async def a_worker_ends_while_it_asks(
    shops: dict[str, Counter], devices: Devices, web: Web, worker: Child
) -> None:
    """Its question is under way when it is told to end; it, or the other worker, settles the purchase."""
    asked = {name: shop for name, shop in shops.items() if name in ASKED}
    for name, shop in asked.items():
        shop.billing.behave("charge", answer_lost())
        # Class B is asked before it is charged; the question that is held is the worker's.
        shop.billing.behave("status", *[HONEST] * (name == "B"), held("after"))
        quoted = await devices[name][0].quote(web, RESOLVED)
        assert (await devices[name][0].confirm(web, quoted)).json()["state"] == "confirming"
    for shop in asked.values():
        await shop.billing.holding()
    worker.ask_to_stop()
    await asyncio.sleep(0.2)
    for shop in asked.values():
        shop.billing.release()
        await settled(shop, PurchaseState.GRANTED)
    await asyncio.to_thread(worker.wait_until_stopped)


async def a_server_ends_while_billing_charges(
    shops: dict[str, Counter], devices: Devices, old: Web, new: Web
) -> None:
    """It gives its answer before it ends; meanwhile the new server knows of the purchase."""
    confirming = {}
    for name, shop in shops.items():
        shop.billing.behave("charge", held("after"))
        quoted = await devices[name][0].quote(old, HELD)
        confirming[name] = (asyncio.create_task(devices[name][0].confirm(old, quoted)), quoted)
    for shop in shops.values():
        await shop.billing.holding()
    old.child.ask_to_stop()
    await asyncio.sleep(0.5)
    for name, shop in shops.items():
        assert (await devices[name][1].quote(new, HELD)).json()["code"] == "already_held"
        again = await devices[name][0].confirm(new, confirming[name][1])
        assert (again.status_code, again.json()["state"]) == (202, "confirming")
        shop.billing.release()
        answer = await confirming[name][0]
        assert (answer.status_code, answer.json()["state"]) == (201, "granted")
        again = await devices[name][0].confirm(new, confirming[name][1])
        assert (again.status_code, again.json()["state"]) == (201, "granted")
    await asyncio.to_thread(old.child.wait_until_stopped)
