"""Fault 33, the gate: a silent billing system is left alone for a while, and one with a limit is not flooded."""

import asyncio

import msgspec
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import HONEST, held, request_lost
from tests.doubles.settings import provision_for
from tests.factories.sale import make_person
from tests.faults.counter import Counter, open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.pressure import Pressure
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

MOST = 2


async def households(counter: Counter, count: int) -> list[Counter]:
    async with counter.database.transaction(counter.operator_id) as tx:
        people = [
            await make_person(tx, sale=counter.sale, now=counter.clock.moment, devices=1)
            for _ in range(count)
        ]
    return [msgspec.structs.replace(counter, person=person) for person in people]


async def test_a_silent_billing_system_is_not_asked_for_more(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        crowd = await households(counter, 12)
        billing_double.always("charge", request_lost("reset"))
        states = [(await one.buy()).state for one in crowd]
        sent = len(billing_double.requests("charge"))
        assert sent < len(crowd)
        assert states == [PurchaseState.UNKNOWN] * sent + [PurchaseState.NOT_SENT] * (len(crowd) - sent)
        billing_double.always("charge", HONEST)
        await counter.ends_well()
        assert (await counter.buy()).state is PurchaseState.GRANTED
        await counter.ends_well()


async def test_no_more_charges_are_under_way_than_it_bears(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    """Several processes keep the limit together: each household confirms in one of its own."""
    config = msgspec.structs.replace(
        provision_for(billing_double.base_url, capabilities=capabilities, timeout_seconds=20),
        most_at_once=MOST,
    )
    async with open_counter(module_database_urls, billing_double, capabilities, config=config) as counter:
        crowd = [
            msgspec.structs.replace(one, services=msgspec.structs.replace(one.services, pressure=Pressure()))
            for one in await households(counter, 6)
        ]
        billing_double.always("charge", held("after"))
        buying = [asyncio.create_task(one.buy()) for one in crowd]
        await billing_double.holding(MOST)
        done, _ = await asyncio.wait(buying, timeout=1.0)
        assert len(billing_double.requests("charge")) == MOST
        assert {task.result().state for task in done} <= {PurchaseState.NOT_SENT, PurchaseState.RESERVED}
        billing_double.always("charge", HONEST)
        billing_double.release()
        await asyncio.gather(*buying)
        await counter.ends_well()
        granted = [one for one in await counter.all_purchases() if one.state is PurchaseState.GRANTED]
        assert len(billing_double.charges()) == len(granted) >= MOST
