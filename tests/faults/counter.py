"""A film counter with a real till: real database, real HTTP to the billing double, and a clock that is set."""

from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B, CLASS_C, CLASS_D
from tests.doubles.settings import provision_for
from tests.factories.clock import START, SetClock
from tests.factories.sale import Person, Sale, make_operator, make_person, make_sale
from tests.factories.shop import SECRET_KEY, SECTION
from tests.simulation.truth import Beliefs, beliefs, judge, wrongs

from matinee.kernel.ids import new_id
from matinee.offers.quotes import SignedQuote
from matinee.platform.audit import Actor
from matinee.platform.db import Clock, Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.types import Capability, ProvisionConfig
from matinee.purchases import queries
from matinee.purchases.jobs.charge import confirm_and_charge
from matinee.purchases.jobs.resolver import Resolver
from matinee.purchases.operations.by_staff import settle_by_staff
from matinee.purchases.operations.quoting import make_quote
from matinee.purchases.queries.invariants import violations
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState, StaffVerdict

CLASSES = {"A": CLASS_A, "B": CLASS_B, "C": CLASS_C, "D": CLASS_D}
STAFF = Actor("staff", UUID(int=7), "Ada Care")


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """Where a customer buys. `pass_time` goes from check to check; every call that falls due is really made."""

    urls: EmbeddedPostgresInfo
    database: Database
    clock: SetClock
    services: PurchaseServices
    billing: BillingDouble
    sale: Sale
    person: Person

    @property
    def operator_id(self) -> UUID:
        return self.sale.operator.operator_id

    async def quote(self, film: int = 0) -> SignedQuote:
        async with self.database.transaction(self.operator_id) as tx:
            return await make_quote(
                tx, operator=self.sale.operator, signer=self.services.quotes, section=SECTION,
                customer_id=self.person.customer_id, item_kind="movie", item_id=self.sale.movie_ids[film],
                now=self.clock.moment,
            )  # fmt: skip

    async def confirm(
        self, signed: SignedQuote, *, device: int = 0, services: PurchaseServices | None = None
    ) -> Purchase:
        return await confirm_and_charge(
            services or self.services, operator=self.sale.operator, signed=signed, section=SECTION,
            idempotency_key=signed.quote.purchase_id, customer_id=self.person.customer_id,
            device_id=self.person.device_ids[device],
        )  # fmt: skip

    async def buy(self, film: int = 0) -> Purchase:
        return await self.confirm(await self.quote(film))

    async def purchases(self) -> list[Purchase]:
        async with self.database.transaction(self.operator_id) as tx:
            return await queries.purchases_of_customer(
                tx, operator_id=self.operator_id, customer_id=self.person.customer_id
            )

    async def all_purchases(self) -> list[Purchase]:
        """Return the purchases of every customer of this operator."""
        async with self.database.transaction(self.operator_id) as tx:
            rows = await tx.fetch(
                f"SELECT {queries.PURCHASE_COLUMNS} FROM purchases WHERE operator_id = $1", self.operator_id
            )
        return [queries.purchase_from(row) for row in rows]

    async def state(self) -> PurchaseState:
        """Return the state of the newest purchase."""
        return (await self.purchases())[0].state

    async def work(self) -> None:
        """Do what is due now, as a worker does."""
        resolver = Resolver(self.services)
        while await resolver.start_due():
            await resolver.drain()

    async def pass_time(self, span: timedelta) -> None:
        """Move from check to check."""
        await pass_time([self], span)

    async def next_check(self) -> datetime | None:
        """Return when something is due for this operator."""
        async with self.database.transaction(self.operator_id) as tx:
            due: datetime | None = await tx.fetchval(
                """SELECT min(next_check_at) FROM (
                       SELECT next_check_at FROM purchases WHERE operator_id = $1 UNION ALL
                       SELECT next_check_at FROM reversals WHERE operator_id = $1) AS checks""",
                self.operator_id,
            )
        return due

    async def settle_by_the_books(self) -> None:
        """Let staff settle whatever waits for them, by what billing's own ledger says."""
        for purchase in await self.all_purchases():
            if purchase.state in (PurchaseState.REVIEW, PurchaseState.UNKNOWN):
                charged = bool(self.billing.standing(purchase.reference))
                async with self.database.transaction(self.operator_id) as tx:
                    await settle_by_staff(
                        tx, operator=self.sale.operator, reference_key=self.services.reference_key,
            customer_id=purchase.customer_id,
                        purchase_id=purchase.purchase_id, reason="billing's books", actor=STAFF,
                        verdict=StaffVerdict.CHARGED if charged else StaffVerdict.NOT_CHARGED,
                    )  # fmt: skip

    async def balance(self) -> dict[str, int]:
        """Compare billing's ledger with what Matinee believes: {} is 0/0/0 with nothing open."""
        known = await beliefs(self.database, self.operator_id)
        standing = Tally(charge.reference for charge in self.billing.standing())
        total: Tally[str] = Tally()
        for reference in {*known, *standing}:
            total.update(judge(known.get(reference, Beliefs()), standing[reference]))
        return wrongs(total, ("double", "no_access", "no_charge", "open"))

    async def ends_well(self) -> None:
        """Let a day pass, staff decide what only they can, and a week more; then it must be 0/0/0."""
        assert await self.ends() == {}

    async def ends(self) -> dict[str, int]:
        """Let the same time pass; return the balance, with what these capabilities cannot see."""
        return (await end([self]))[0]

    async def holds(self) -> None:
        """Assert that every invariant holds and that whatever was charged was charged as quoted."""
        async with self.database.transaction(self.operator_id) as tx:
            broken = await violations(tx, operator_id=self.operator_id, now=self.clock.moment)
        assert broken == []
        quoted = {one.reference: (one.price.plain(), one.currency) for one in await self.all_purchases()}
        for charge in self.billing.charges():
            known = quoted.get(charge.reference)  # one that nobody knows is the balance's business
            assert known in (None, (str(charge.amount), charge.currency))


async def pass_time(counters: Sequence[Counter], span: timedelta) -> None:
    """Move from check to check of counters that have one clock and one gateway; each check is really made."""
    first = counters[0]
    end = first.clock.moment + span
    while first.clock.moment < end:
        checks = [due for counter in counters if (due := await counter.next_check()) is not None]
        soon = [due for due in checks if first.clock.moment < due < end]
        first.clock.moment = min(soon, default=end)
        await first.work()


async def end(counters: Sequence[Counter]) -> list[dict[str, int]]:
    """Let a day pass, staff decide what only they can, and a week more; return each balance."""
    await pass_time(counters, timedelta(hours=25))
    for counter in counters:
        await counter.settle_by_the_books()
    await pass_time(counters, timedelta(days=8))
    for counter in counters:
        await counter.holds()
    return [await counter.balance() for counter in counters]


def services_for(database: Database, gateway: AiohttpBillingGateway) -> PurchaseServices:
    return PurchaseServices.of(database=database, gateway=gateway, secret_key=SECRET_KEY)


def gateway_for(*ports: int) -> AiohttpBillingGateway:
    """The real exchange, allowed to call the doubles at these ports."""
    allowed = ", ".join(f"127.0.0.0/8:{port}" for port in ports)
    return AiohttpBillingGateway(policy=EgressPolicy.parse(allowed), box=SecretBox(SECRET_KEY))


@asynccontextmanager
async def open_counter(
    urls: EmbeddedPostgresInfo,
    billing: BillingDouble,
    capabilities: Iterable[str] = CLASS_A,
    *,
    proved: Iterable[str] | None = None,
    config: ProvisionConfig | None = None,
    clock: Clock | None = None,
    timeout_seconds: int = 1,
    films: int = 1,
    **operator_fields: Any,
) -> AsyncIterator[Counter]:
    """Open the counter of a new operator whose billing can do what `capabilities` says, and was proved to.

    `proved`: what the probe proved, where that is less.
    """
    can = frozenset(capabilities)
    known = frozenset(Capability(name) for name in (can if proved is None else proved))
    billing.configure(capabilities=can)
    operator = await make_operator(urls.owner_url, f"op-{new_id().hex[-12:]}", **operator_fields)
    set_clock = clock if isinstance(clock, SetClock) else SetClock(START)
    database = await Database.connect(urls.app_url, connections=20, clock=clock or set_clock)
    try:
        async with database.transaction(operator.operator_id) as tx:
            now = await tx.now()
            sale = await make_sale(
                tx, operator=operator, capabilities=known, now=now, films=films,
                config=config
                or provision_for(billing.base_url, capabilities=can, timeout_seconds=timeout_seconds),
            )  # fmt: skip
            person = await make_person(tx, sale=sale, now=now)
        async with gateway_for(billing.port) as gateway:
            yield Counter(
                urls=urls, database=database, clock=set_clock, services=services_for(database, gateway),
                billing=billing, sale=sale, person=person,
            )  # fmt: skip
    finally:
        await database.close()


@asynccontextmanager
async def open_counters(
    urls: EmbeddedPostgresInfo,
    doubles: Mapping[str, BillingDouble],
    *,
    clock: SetClock | None = None,
    films: int = 1,
    timeout_seconds: int = 20,
) -> AsyncIterator[dict[str, Counter]]:
    """Open a counter of each class, with one clock and one gateway; each at a billing system of its own."""
    shared = clock or SetClock()
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(gateway_for(*(double.port for double in doubles.values())))
        opened = {}
        for name, double in doubles.items():
            double.reset()
            one = await stack.enter_async_context(
                open_counter(
                    urls, double, CLASSES[name], clock=shared, films=films, timeout_seconds=timeout_seconds
                )
            )
            services = msgspec.structs.replace(one.services, gateway=gateway)
            opened[name] = msgspec.structs.replace(one, services=services)
        yield opened
