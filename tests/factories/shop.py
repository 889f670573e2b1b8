"""A shop to play with: real database, real purchase code, a simulated billing system and a clock that is set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from tests.factories.clock import START, SetClock
from tests.factories.sale import Person, Sale, make_operator, make_person, make_sale

from matinee.kernel.ids import new_id
from matinee.offers.quotes import SignedQuote
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import SimulatedBilling
from matinee.provisions.types import Capabilities, ProvisionConfig
from matinee.purchases import queries
from matinee.purchases.jobs.charge import confirm_and_charge
from matinee.purchases.jobs.resolver import Resolver
from matinee.purchases.operations.quoting import make_quote
from matinee.purchases.queries.invariants import Violation, violations
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase

SECRET_KEY = bytes(32)
SECTION = "movies_handheld"


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """One operator's sale, with the shortest ways to buy and to let time pass."""

    database: Database
    clock: SetClock
    billing: SimulatedBilling
    services: PurchaseServices
    sale: Sale

    @property
    def operator_id(self) -> UUID:
        return self.sale.operator.operator_id

    async def person(self, *, wallet: int | None = None, spending_limit_minor: int | None = None) -> Person:
        async with self.database.transaction(self.operator_id) as tx:
            return await make_person(
                tx,
                sale=self.sale,
                now=self.clock.moment,
                wallet=wallet,
                spending_limit_minor=spending_limit_minor,
            )

    async def quote(self, person: Person, movie_id: UUID | None = None) -> SignedQuote:
        async with self.database.transaction(self.operator_id) as tx:
            return await make_quote(
                tx, operator=self.sale.operator, signer=self.services.quotes, customer_id=person.customer_id,
                section=SECTION, item_kind="movie", item_id=movie_id or self.sale.movie_id, now=self.clock.moment,
            )  # fmt: skip

    async def confirm(self, person: Person, signed: SignedQuote, *, device: int = 0) -> Purchase:
        return await confirm_and_charge(
            self.services, operator=self.sale.operator, signed=signed, idempotency_key=signed.quote.purchase_id,
            customer_id=person.customer_id, device_id=person.device_ids[device], section=SECTION,
        )  # fmt: skip

    async def buy(self, person: Person, movie_id: UUID | None = None) -> Purchase:
        return await self.confirm(person, await self.quote(person, movie_id))

    async def read(self, purchase: Purchase) -> Purchase:
        async with self.database.transaction(self.operator_id) as tx:
            return await queries.get_purchase(
                tx,
                operator_id=self.operator_id,
                customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
            )

    async def work(self) -> None:
        """Do everything that is due now, as a worker does."""
        resolver = Resolver(self.services)
        while await resolver.start_due():
            await resolver.drain()

    async def pass_time(self, span: timedelta, *, step: timedelta = timedelta(seconds=30)) -> None:
        """Let `span` pass in steps; at each the late charges land and the worker works."""
        end = self.clock.moment + span
        while self.clock.moment < end:
            self.clock.advance(min(step, end - self.clock.moment))
            self.billing.land_due()
            await self.work()

    async def broken(self) -> list[Violation]:
        """Return the invariants that do not hold."""
        async with self.database.transaction(self.operator_id) as tx:
            return await violations(tx, operator_id=self.operator_id, now=self.clock.moment)

    def standing(self, purchase: Purchase) -> int:
        """Return how many charges billing has for a purchase."""
        return len(self.billing.standing(purchase.reference))


@asynccontextmanager
async def open_shop(
    urls: EmbeddedPostgresInfo,
    *,
    capabilities: Capabilities,
    films: int = 1,
    quantity: int = 48,
    finish_window_hours: int | None = None,
    config: ProvisionConfig | None = None,
    **operator_fields: Any,
) -> AsyncIterator[Shop]:
    """Open a shop of a new operator in the database at `urls`."""
    operator = await make_operator(urls.owner_url, f"op-{new_id().hex[-12:]}", **operator_fields)
    clock = SetClock(START)
    database = await Database.connect(urls.app_url, connections=20, clock=clock)
    try:
        async with database.transaction(operator.operator_id) as tx:
            sale = await make_sale(
                tx, operator=operator, capabilities=capabilities, config=config, now=clock.moment,
                quantity=quantity, finish_window_hours=finish_window_hours, films=films,
            )  # fmt: skip
        billing = SimulatedBilling(capabilities, now=lambda: clock.moment)
        services = PurchaseServices.of(database=database, gateway=billing, secret_key=SECRET_KEY)
        yield Shop(database=database, clock=clock, billing=billing, services=services, sale=sale)
    finally:
        await database.close()
