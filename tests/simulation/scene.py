"""The stage: one operator, one customer, a few films, and everything that can be done with them in simulated time."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from tests.factories.clock import START, SetClock
from tests.factories.sale import Person, Sale, billing_config, make_person, make_sale
from tests.factories.shop import SECRET_KEY, SECTION
from tests.simulation.faulty import Fate, FaultyDatabase, FaultyGateway, Trouble, calm_view
from tests.simulation.files import bring_list
from tests.simulation.truth import compare, wrongs
from tests.simulation.virtual_time import VirtualTime

from matinee.kernel.errors import MatineeError
from matinee.kernel.ids import new_id
from matinee.offers.quotes import SignedQuote
from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.platform.operators import create_operator
from matinee.provisions.gateway.simulated import Fault, SimulatedBilling
from matinee.provisions.types import CallName, Capabilities, Capability
from matinee.purchases import queries
from matinee.purchases.errors import KeyReused
from matinee.purchases.jobs.charge import confirm_and_charge
from matinee.purchases.jobs.resolve import ask_now
from matinee.purchases.jobs.resolver import Resolver
from matinee.purchases.operations.by_staff import (
    close_open_refund,
    refund_by_staff,
    settle_by_staff,
)
from matinee.purchases.operations.charging import give_up
from matinee.purchases.operations.quoting import make_quote
from matinee.purchases.queries.invariants import violations
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState, ReversalState, StaffVerdict

STAFF = Actor("staff", UUID(int=7), "Ada Care")
MOST_EVENTS = 1000
BOOKS_ARE_CLEAR_AFTER = timedelta(hours=1)
"""Staff believe billing's books only when nothing can be on its way any more."""
LISTS_EVERY = timedelta(days=2)
"""How often staff bring one, where billing writes lists of its charges."""


class Chance:
    """What goes wrong next. Replace any of them; the default is a calm day."""

    def __init__(self) -> None:
        self.fate: Callable[[], Fate] = lambda: Fate.OK
        self.trouble: Callable[[CallName], Trouble] = lambda call: Trouble.NONE
        self.fault: Callable[[CallName], Fault] = lambda call: Fault.OK
        self.freeze: Callable[[], timedelta] = lambda: timedelta(seconds=200)
        self.late_after: Callable[[], timedelta] = lambda: timedelta(minutes=5)

    def calm(self) -> None:
        self.__init__()  # type: ignore[misc]


class Scene:
    """Made by `open_scene`. What a subscriber does runs as a task that may freeze or die on its way."""

    def __init__(
        self,
        pool: Database,
        sale: Sale,
        person: Person,
        capabilities: Capabilities,
        clock: SetClock,
        writes_lists: bool,
    ) -> None:
        self.writes_lists, self.listed_at = writes_lists, clock.moment
        self.sale, self.person, self.capabilities, self.clock = sale, person, capabilities, clock
        self.operator_id = sale.operator.operator_id
        self.events = 0
        self.chance = Chance()
        self.time = VirtualTime(clock)
        self.calm = calm_view(pool, clock)
        self.billing = SimulatedBilling(
            capabilities,
            now=lambda: clock.moment,
            choose=lambda call: self.chance.fault(call),
            late_after=lambda: self.chance.late_after(),
        )
        database = FaultyDatabase.over(
            pool,
            clock=clock,
            time=self.time,
            fate=lambda: self.chance.fate(),
            span=lambda: self.chance.freeze(),
        )
        self.gateway = FaultyGateway(
            self.billing, database=database, calm=self.calm, operator_id=self.operator_id, time=self.time,
            trouble=lambda call: self.chance.trouble(call), span=lambda: self.chance.freeze(),
        )  # fmt: skip
        self.services = PurchaseServices.of(database=database, gateway=self.gateway, secret_key=SECRET_KEY)
        self.workers = (Resolver(self.services), Resolver(self.services))

    # -- what a subscriber does

    async def quote(self, film: int = 0) -> SignedQuote | None:
        """Return an invoice; None while there is none to be had."""
        with suppress(MatineeError):
            async with self.calm.transaction(self.operator_id) as tx:
                return await make_quote(
                    tx, operator=self.sale.operator, signer=self.services.quotes,
                    customer_id=self.person.customer_id, section=SECTION, item_kind="movie",
                    item_id=self.sale.movie_ids[film], now=self.clock.moment,
                )  # fmt: skip
        return None

    def confirm(self, signed: SignedQuote, device: int = 0) -> None:
        """Press Confirm; the request may be refused, end in doubt, or never come back."""
        self._act(
            confirm_and_charge(
                self.services,
                operator=self.sale.operator,
                signed=signed,
                idempotency_key=signed.quote.purchase_id,
                customer_id=self.person.customer_id,
                device_id=self.person.device_ids[device],
                section=SECTION,
            )
        )

    async def buy(self, *, first: Fault = Fault.OK, film: int = 0) -> Purchase:
        """Ask for an invoice, confirm it and return the purchase; the first charge goes as `first` says."""
        faults = iter([first])
        self.chance.fault = lambda call: next(faults, Fault.OK) if call == "charge" else Fault.OK
        signed = await self.quote(film)
        assert signed is not None, "the film cannot be rented"
        self.confirm(signed)
        await self.work()
        return (await self.purchases())[0]

    async def read(self, purchase: Purchase) -> Purchase:
        async with self.calm.transaction(self.operator_id) as tx:
            return await queries.get_purchase(tx, **_key(purchase))

    def standing(self, purchase: Purchase) -> int:
        """Return how many charges billing has for a purchase."""
        return len(self.billing.standing(purchase.reference))

    def look(self, purchase: Purchase) -> None:
        """Open the film's page."""
        self._act(ask_now(self.services, **_key(purchase)))

    async def give_up(self, purchase: Purchase) -> None:
        async with self.calm.transaction(self.operator_id) as tx:
            await give_up(tx, **_key(purchase), now=self.clock.moment)

    def _act(self, work: Coroutine[Any, Any, Any]) -> None:
        self.time.spawn(_expecting_refusals(work))

    # -- what staff do

    async def staff_settle(self, purchase: Purchase) -> None:
        """Settle by billing's own books."""
        charged = bool(self.billing.standing(purchase.reference))
        verdict = StaffVerdict.CHARGED if charged else StaffVerdict.NOT_CHARGED
        await self._by_staff(
            lambda tx: settle_by_staff(
                tx,
                operator=self.sale.operator,
                reference_key=self.services.reference_key,
                customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
                verdict=verdict,
                reason="billing's books",
                actor=STAFF,
            )
        )

    async def staff_refund(self, purchase: Purchase) -> None:
        await self._by_staff(
            lambda tx: refund_by_staff(
                tx,
                operator=self.sale.operator,
                reference_key=self.services.reference_key,
                customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
                reason="asked",
                actor=STAFF,
            )
        )

    async def finance_closes(self, purchase: Purchase) -> None:
        """Give back by other means what still stands beyond what is due, and note it."""
        due = purchase.state is PurchaseState.GRANTED
        for charge in self.billing.standing(purchase.reference)[due:]:
            charge.reversed = True
        await self._by_staff(
            lambda tx: close_open_refund(
                tx,
                operator=self.sale.operator,
                customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
                reason="bank transfer",
                actor=STAFF,
            )
        )

    async def _by_staff(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
        with suppress(MatineeError):
            async with self.calm.transaction(self.operator_id) as tx:
                await work(tx)

    async def desk(self) -> None:
        """What staff and finance do each day: settle what waits for them and is old enough to be clear.

        Where billing writes lists, the newest one is brought first.
        """
        if self.writes_lists and self.clock.moment - self.listed_at >= LISTS_EVERY:
            self.listed_at = self.clock.moment
            await bring_list(
                msgspec.structs.replace(self.services, database=self.calm), operator_id=self.operator_id,
                provision_id=self.sale.provision_id, billing=self.billing, number=self.events,
            )  # fmt: skip
        for purchase in await self.purchases():
            if purchase.state is PurchaseState.REVIEW or (
                purchase.state is PurchaseState.UNKNOWN and purchase.alerted_at is not None
            ):
                await self.staff_settle(purchase)
            elif await self._refund_open(purchase):
                await self.finance_closes(purchase)

    async def _refund_open(self, purchase: Purchase) -> bool:
        async with self.calm.transaction(self.operator_id) as tx:
            reversals = await queries.reversals_of(tx, **_key(purchase))
        return any(reversal.state is ReversalState.REFUND_OPEN for reversal in reversals)

    # -- time

    async def purchases(self) -> list[Purchase]:
        async with self.calm.transaction(self.operator_id) as tx:
            return await queries.purchases_of_customer(
                tx, operator_id=self.operator_id, customer_id=self.person.customer_id
            )

    def clear(self, purchase: Purchase) -> bool:
        """Say whether billing's books tell the truth about a purchase by now."""
        return self.clock.moment - (purchase.claimed_at or purchase.confirmed_at) >= BOOKS_ARE_CLEAR_AFTER

    async def work(self) -> None:
        """Let two workers do what is due now, side by side."""
        self.billing.land_due()
        self.time.wake_due()
        await self.time.quiesce()
        while sum([await worker.start_due() for worker in self.workers]):
            await self.time.quiesce()

    async def pass_time(self, span: timedelta) -> None:
        """Move on from event to event: checks that are due, sleepers that wake, charges that land."""
        end = self.clock.moment + span
        await self.work()
        while self.clock.moment < end:
            # What is due already waits for a worker that is frozen, so only what lies ahead counts.
            ahead = [when for when in await self._upcoming() if self.clock.moment < when < end]
            self.clock.moment = min(ahead, default=end)
            self.events += 1
            if self.events > MOST_EVENTS:
                raise RuntimeError("something is looked at over and over")
            await self.work()

    async def _upcoming(self) -> list[datetime]:
        async with self.calm.transaction(self.operator_id) as tx:
            due = await tx.fetchval(
                """SELECT min(next_check_at) FROM (
                       SELECT next_check_at FROM purchases WHERE operator_id = $1 UNION ALL
                       SELECT next_check_at FROM reversals WHERE operator_id = $1) AS checks""",
                self.operator_id,
            )
        moments = [due, self.time.next_wake(), self.billing.next_landing()]
        return [moment for moment in moments if moment is not None]

    # -- judgement

    async def broken(self) -> list[str]:
        """Return every invariant that does not hold now, and every error that nobody expected."""
        async with self.calm.transaction(self.operator_id) as tx:
            found = await violations(tx, operator_id=self.operator_id, now=self.clock.moment)
        return [
            *(f"{one.invariant}: {one.found}" for one in found),
            *self.gateway.violations,
            *(repr(error) for error in self.time.failures),
        ]

    async def ending(self) -> dict[str, int]:
        """Let the faults stop and nine days pass; return what is wrong then, or still open."""
        self.chance.calm()
        for _ in range(9 * 2):
            await self.pass_time(timedelta(hours=12))
            await self.desk()
        await self.pass_time(timedelta(hours=1))
        return wrongs(await self.counts(), ("double", "no_access", "no_charge", "open"))

    async def counts(self) -> dict[str, int]:
        sees_lies = self.writes_lists or Capability.STATUS in self.capabilities
        return dict(await compare(self.calm, self.operator_id, self.billing, sees_lies=sees_lies))

    async def leave(self) -> None:
        """End what sleeps, and take what is open off the due lists, which are shared with the next scene."""
        await self.time.end()
        async with self.calm.transaction(self.operator_id) as tx:
            for table in ("purchases", "reversals"):
                await tx.execute(
                    f"UPDATE {table} SET next_check_at = 'infinity' "
                    "WHERE operator_id = $1 AND next_check_at IS NOT NULL", self.operator_id,
                )  # fmt: skip


def _key(purchase: Purchase) -> dict[str, UUID]:
    return {
        "operator_id": purchase.operator_id,
        "customer_id": purchase.customer_id,
        "purchase_id": purchase.purchase_id,
    }


async def _expecting_refusals(work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except KeyReused:
        raise
    except MatineeError:
        pass


@asynccontextmanager
async def open_scene(
    pool: Database,
    owner: Database,
    *,
    capabilities: Capabilities,
    films: int = 1,
    right_hours: int = 2,
    honour_late_charges: bool = False,
    writes_lists: bool = False,
) -> AsyncIterator[Scene]:
    """Open a scene of a new operator. `pool` and `owner` are open and belong to the running loop."""
    clock = SetClock(START)
    async with owner.directory() as tx:
        operator = await create_operator(
            tx, slug=f"op-{new_id().hex[-12:]}", name="Sim", host=f"{new_id().hex[-12:]}.localhost",
            time_zone="Europe/Amsterdam", currency="EUR", country="NL",
        )  # fmt: skip
        if honour_late_charges:
            await tx.execute(
                "UPDATE operators SET honour_late_charges = true WHERE operator_id = $1", operator.operator_id
            )
    async with calm_view(pool, clock).transaction(operator.operator_id) as tx:
        sale = await make_sale(
            tx, operator=operator, capabilities=capabilities, now=clock.moment, quantity=right_hours, films=films,
            # Without a status call nobody can name a charge whose answer was lost.
            config=billing_config(refund_names_charge=Capability.STATUS in capabilities),
        )  # fmt: skip
        person = await make_person(tx, sale=sale, now=clock.moment, devices=3)
    scene = Scene(pool, sale, person, capabilities, clock, writes_lists)
    try:
        yield scene
    finally:
        await scene.leave()
