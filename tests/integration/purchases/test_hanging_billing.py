"""One operator's billing hangs, over real HTTP and in one process for all: the others are served as ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import answer_lost, request_lost
from tests.doubles.settings import provision_for
from tests.factories.clock import START, SetClock
from tests.factories.sale import Person, Sale, make_operator, make_person, make_sale
from tests.factories.shop import SECRET_KEY, SECTION

from matinee.kernel.ids import new_id
from matinee.platform.db import Database
from matinee.platform.due_work import PER_OPERATOR
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.types import Capability
from matinee.purchases import pressure, queries
from matinee.purchases.jobs import resolver as resolving
from matinee.purchases.jobs.charge import confirm_and_charge
from matinee.purchases.jobs.resolver import Resolver
from matinee.purchases.operations.quoting import make_quote
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]
A = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})
S = PurchaseState
PEOPLE = 60


class Process(msgspec.Struct, frozen=True):
    """One process that serves two operators; each person buys one film."""

    database: Database
    clock: SetClock
    services: PurchaseServices

    async def sale(self, urls: EmbeddedPostgresInfo, billing: BillingDouble, *, seconds: int) -> Sale:
        operator = await make_operator(urls.owner_url, f"op-{new_id().hex[-12:]}")
        config = provision_for(billing.base_url, capabilities=A, timeout_seconds=seconds)
        async with self.database.transaction(operator.operator_id) as tx:
            return await make_sale(tx, operator=operator, capabilities=A, config=config, now=START)

    async def people(self, sale: Sale, count: int) -> list[Person]:
        async with self.database.transaction(sale.operator.operator_id) as tx:
            return [await make_person(tx, sale=sale, now=START) for _ in range(count)]

    async def buy(self, sale: Sale, person: Person) -> Purchase:
        async with self.database.transaction(sale.operator.operator_id) as tx:
            signed = await make_quote(
                tx, operator=sale.operator, signer=self.services.quotes, customer_id=person.customer_id,
                section=SECTION, item_kind="movie", item_id=sale.movie_id, now=self.clock.moment,
            )  # fmt: skip
        return await confirm_and_charge(
            self.services, operator=sale.operator, signed=signed, idempotency_key=signed.quote.purchase_id,
            customer_id=person.customer_id, device_id=person.device_ids[0], section=SECTION,
        )  # fmt: skip

    async def read(self, purchase: Purchase) -> Purchase:
        async with self.database.transaction(purchase.operator_id) as tx:
            return await queries.get_purchase(
                tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
            )  # fmt: skip


@asynccontextmanager
async def open_process(urls: EmbeddedPostgresInfo, *billing: BillingDouble) -> AsyncIterator[Process]:
    clock = SetClock(START)
    database = await Database.connect(urls.app_url, connections=10, clock=clock)
    policy = EgressPolicy.parse(",".join(f"127.0.0.0/8:{one.port}" for one in billing))
    try:
        async with AiohttpBillingGateway(policy=policy) as gateway:
            services = PurchaseServices.of(database=database, gateway=gateway, secret_key=SECRET_KEY)
            yield Process(database, clock, services)
    finally:
        await database.close()


@pytest.mark.parametrize("bound", [20, PEOPLE])
async def test_purchases_at_another_operator_do_not_wait_for_a_billing_that_hangs(
    database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, second_billing_double: BillingDouble,
    monkeypatch: pytest.MonkeyPatch, bound: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(pressure, "CALLS_AT_ONCE", bound)
    async with open_process(database_urls, billing_double, second_billing_double) as process:
        billing_double.always("charge", request_lost("hang"))
        hanging = await process.sale(database_urls, billing_double, seconds=30)
        well = await process.sale(database_urls, second_billing_double, seconds=30)
        crowd = [
            asyncio.create_task(process.buy(hanging, person))
            for person in await process.people(hanging, PEOPLE)
        ]
        await billing_double.arrived("charge", bound, timeout_seconds=20)
        bought = [await process.buy(well, person) for person in await process.people(well, 10)]
        assert {purchase.state for purchase in bought} == {S.GRANTED}
        # Not one of the others has come back meanwhile, but those that never got a call of their own.
        left = [task.result().state for task in crowd if task.done()]
        assert left == [S.RESERVED] * (PEOPLE - bound)
        assert len(billing_double.requests("charge")) == bound
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def test_the_resolver_does_not_wait_for_a_billing_that_hangs(
    database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, second_billing_double: BillingDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # Fewer rows are read at a time than the operator whose billing hangs has due.
    monkeypatch.setattr(resolving, "LOOK_AT", 25)
    async with open_process(database_urls, billing_double, second_billing_double) as process:
        hanging = await process.sale(database_urls, billing_double, seconds=30)
        well = await process.sale(database_urls, second_billing_double, seconds=30)
        billing_double.always("charge", answer_lost())
        unclear = await asyncio.gather(
            *(process.buy(hanging, person) for person in await process.people(hanging, 30))
        )
        assert S.UNKNOWN in {purchase.state for purchase in unclear}
        process.clock.advance(timedelta(milliseconds=1))
        second_billing_double.behave("charge", answer_lost())
        (ann,) = await process.people(well, 1)
        purchase = await process.buy(well, ann)
        assert purchase.state is S.UNKNOWN
        billing_double.always("status", request_lost("hang"))
        process.clock.advance(timedelta(seconds=3))
        resolver, stop = Resolver(process.services), asyncio.Event()
        running = asyncio.create_task(resolver.run(stop))
        try:
            async with asyncio.timeout(20):
                while (await process.read(purchase)).state is S.UNKNOWN:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert (await process.read(purchase)).state is S.GRANTED
            assert {(await process.read(one)).state for one in unclear} <= {S.UNKNOWN, S.NOT_SENT}
            assert len(billing_double.requests("status")) <= PER_OPERATOR
        finally:
            running.cancel()
            billing_double.release()


class Stumbling(Database):
    """A database whose first look fails in a way that nobody foresaw."""

    failures = 1

    def directory(self):  # type: ignore[no-untyped-def]
        if self.failures:
            self.failures -= 1
            raise RuntimeError("nobody foresaw this")
        return super().directory()


async def test_the_resolver_goes_on_after_an_error_that_nobody_foresaw(
    database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_process(database_urls, billing_double) as process:
        sale = await process.sale(database_urls, billing_double, seconds=5)
        billing_double.behave("charge", answer_lost())
        (ann,) = await process.people(sale, 1)
        purchase = await process.buy(sale, ann)
        process.clock.advance(timedelta(seconds=3))
        database = Stumbling(database_urls.app_url, clock=process.clock)
        await database.open()
        stop = asyncio.Event()
        services = msgspec.structs.replace(process.services, database=database)
        running = asyncio.create_task(Resolver(services).run(stop))
        async with asyncio.timeout(20):
            while (await process.read(purchase)).state is S.UNKNOWN:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        stop.set()
        await running
        await database.close()
        assert ((await process.read(purchase)).state, database.failures) == (S.GRANTED, 0)
