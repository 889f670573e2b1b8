"""The gate before a claim: billing that is silent is left alone, and billing that is limited is not overrun."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.factories.sale import billing_config
from tests.factories.shop import SECRET_KEY, Shop, open_shop

from matinee.main import metrics
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import Capability, ChargeResult
from matinee.purchases import pressure, queries
from matinee.purchases.jobs.charge import repeat
from matinee.purchases.jobs.resolve import check
from matinee.purchases.operations.charging import billing_order
from matinee.purchases.operations.gate import (
    Breaker,
    Pass,
    Refusal,
    admit,
    breaker_of,
    close_breaker,
    open_breaker,
)
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState

A = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})
B = frozenset({Capability.STATUS, Capability.REFUND})
S = PurchaseState
SECOND = timedelta(seconds=1)


class HeldBilling:
    """Simulated billing whose charges wait for `go`; `most` is how many waited together."""

    def __init__(self, shop: Shop) -> None:
        self._billing = shop.billing
        self.go = asyncio.Event()
        self.moved = asyncio.Event()
        self.under_way = self.most = 0

    async def charge(self, *target: Any, **more: Any) -> ChargeResult:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.moved.set()
        try:
            await self.go.wait()
        finally:
            self.under_way -= 1
        return await self._billing.charge(*target, **more)

    async def parted(
        self, buying: list["asyncio.Task[Purchase]"], *, held: int
    ) -> tuple[list[Purchase], list["asyncio.Task[Purchase]"]]:
        """Wait until `held` charges are under way and everybody else is through; returns who is, and who waits."""
        through = len(buying) - held
        for task in buying:
            task.add_done_callback(lambda _: self.moved.set())
        async with asyncio.timeout(20):
            while (self.under_way, sum(task.done() for task in buying)) != (held, through):
                await self.moved.wait()
                self.moved.clear()
        return [task.result() for task in buying if task.done()], [task for task in buying if not task.done()]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._billing, name)

    def process(self, shop: Shop) -> Shop:
        """Return the shop as another process sees it."""
        services = PurchaseServices.of(database=shop.database, gateway=self, secret_key=SECRET_KEY)
        return msgspec.structs.replace(shop, services=services)


async def silence(shop: Shop, times: int, fault: Fault = Fault.REQUEST_LOST) -> list[Purchase]:
    """Let as many people buy while billing is silent."""
    shop.billing.choose = lambda call: fault if call == "charge" else Fault.OK
    bought = [await shop.buy(await shop.person()) for _ in range(times)]
    shop.billing.choose = lambda call: Fault.OK
    return bought


async def causes(shop: Shop, purchase: Purchase) -> list[str]:
    async with shop.database.transaction(shop.operator_id) as tx:
        events = await queries.events_of(
            tx,
            operator_id=shop.operator_id,
            customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id,
        )
    return [event.cause for event in events]


async def breaker(shop: Shop) -> Breaker:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await breaker_of(tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id)


@pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.NOTHING_SENT])
async def test_after_five_silences_nothing_is_sent_for_a_while_and_nobody_is_charged(
    module_database_urls: EmbeddedPostgresInfo, fault: Fault
) -> None:
    async with open_shop(module_database_urls, capabilities=A) as shop:
        await silence(shop, 5, fault)
        sent = len(shop.billing.requests)
        ann = await shop.person()
        signed = await shop.quote(ann)
        refused = await shop.confirm(ann, signed)
        assert (refused.state, await causes(shop, refused)) == (S.NOT_SENT, ["confirmed", "breaker_open"])
        assert (await shop.confirm(ann, signed)).state is S.NOT_SENT
        assert len(shop.billing.requests) == sent
        shop.clock.advance(15 * SECOND)
        assert (await shop.buy(ann)).state is S.GRANTED
        assert await breaker(shop) == Breaker()
        assert (await shop.buy(await shop.person())).state is S.GRANTED
        assert await shop.broken() == []


async def test_four_silences_and_an_answer_do_not_open_it(module_database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(module_database_urls, capabilities=A) as shop:
        for _ in range(2):
            await silence(shop, 4)
            assert (await shop.buy(await shop.person())).state is S.GRANTED
        assert await breaker(shop) == Breaker()


async def test_a_server_error_is_an_answer(module_database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(module_database_urls, capabilities=A) as shop:
        await silence(shop, 8, Fault.ERROR_UNCHARGED)
        assert await breaker(shop) == Breaker()


async def test_a_status_question_before_the_charge_that_is_not_answered_counts(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=B) as shop:
        shop.billing.choose = lambda call: Fault.NO_ANSWER if call == "status" else Fault.OK
        bought = [await shop.buy(await shop.person()) for _ in range(6)]
        assert {purchase.state for purchase in bought} == {S.NOT_SENT}
        assert [(await causes(shop, one))[-1] for one in bought[4:]] == ["status_unanswered", "breaker_open"]


async def test_a_failed_trial_keeps_it_open_for_twice_as_long(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=A) as shop:
        await silence(shop, 5)
        for seconds in (30, 60, 120, 120):
            opened = await breaker(shop)
            assert opened.open_until is not None
            shop.clock.moment = opened.open_until
            (tried,) = await silence(shop, 1)
            assert tried.state is S.UNKNOWN
            assert await breaker(shop) == Breaker(shop.clock.moment + seconds * SECOND)
            (refused,) = await silence(shop, 1)
            assert refused.state is S.NOT_SENT


async def test_one_claim_alone_is_the_trial(module_database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(module_database_urls, capabilities=A) as shop:
        await silence(shop, 5)
        shop.clock.advance(15 * SECOND)
        held = HeldBilling(shop)
        processes = [held.process(shop), held.process(shop)]
        people = [await shop.person() for _ in range(8)]
        quotes = [await shop.quote(person) for person in people]
        buying = [
            asyncio.create_task(processes[n % 2].confirm(person, quote))
            for n, (person, quote) in enumerate(zip(people, quotes, strict=True))
        ]
        done, waiting = await held.parted(buying, held=1)
        assert {purchase.state for purchase in done} == {S.NOT_SENT}
        held.go.set()
        assert (await waiting[0]).state is S.GRANTED
        assert held.most == 1
        assert await breaker(shop) == Breaker()


async def test_a_trial_that_never_ends_is_followed_by_another(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=A) as shop:
        await silence(shop, 5)
        shop.clock.advance(15 * SECOND)
        now = shop.clock.moment
        until = now + 15 * SECOND
        assert await let_in(shop, until=until) == Pass(trial_until=until)
        assert (await shop.buy(await shop.person())).state is S.NOT_SENT
        shop.clock.moment = until
        assert (await shop.buy(await shop.person())).state is S.GRANTED
        # The first trial's answer comes at last: it decides nothing any more.
        async with shop.database.transaction(shop.operator_id) as tx:
            key = {"operator_id": shop.operator_id, "provision_id": shop.sale.provision_id}
            assert not await close_breaker(tx, trial_until=until, **key)
            late = await open_breaker(tx, trial_until=until, too_silent=False, now=shop.clock.moment, **key)
        assert late is None
        assert await breaker(shop) == Breaker()


async def let_in(shop: Shop, *, until: Any, most: int | None = None) -> Pass | Refusal:
    """Ask the gate in a transaction of its own."""
    async with shop.database.transaction(shop.operator_id) as tx:
        key: dict[str, UUID] = {"operator_id": shop.operator_id, "provision_id": shop.sale.provision_id}
        known = await breaker_of(tx, **key)
        return await admit(
            tx, breaker=known, most_at_once=most, until=until, behind=None, now=shop.clock.moment, **key
        )


async def test_another_operators_billing_is_not_left_alone(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with (
        open_shop(module_database_urls, capabilities=A) as silent,
        open_shop(module_database_urls, capabilities=A) as other,
    ):
        await silence(silent, 5)
        assert (await silent.buy(await silent.person())).state is S.NOT_SENT
        assert (await other.buy(await other.person())).state is S.GRANTED


# -- places


LIMITED = msgspec.structs.replace(billing_config(), most_at_once=2)


async def buyers(processes: list[Shop], count: int) -> list["asyncio.Task[Purchase]"]:
    """Let as many people confirm at once, spread over the processes."""
    found = []
    for n in range(count):
        shop = processes[n % len(processes)]
        person = await shop.person()
        found.append(asyncio.create_task(shop.confirm(person, await shop.quote(person))))
    return found


async def test_no_more_charges_are_under_way_than_billing_takes_and_the_others_wait_their_turn(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=A, config=LIMITED) as shop:
        held = HeldBilling(shop)
        processes = [held.process(shop), held.process(shop)]
        buying = await buyers(processes, 7)
        waits, waiting = await held.parted(buying, held=2)
        assert {purchase.state for purchase in waits} == {S.RESERVED}
        shop.clock.advance(2 * SECOND)
        await processes[0].work()
        assert {(await shop.read(purchase)).state for purchase in waits} == {S.RESERVED}
        held.go.set()
        assert {(await task).state for task in waiting} == {S.GRANTED}
        for _ in range(4):
            shop.clock.advance(SECOND)
            await processes[1].work()
        assert {(await shop.read(purchase)).state for purchase in waits} == {S.GRANTED}
        assert (held.most, sum(map(shop.standing, waits))) == (2, 5)
        assert await shop.broken() == []


async def test_who_finds_no_place_for_a_minute_was_never_charged(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=A, config=LIMITED) as shop:
        held = HeldBilling(shop)
        tasks = await buyers([held.process(shop)], 3)
        (late,), waiting = await held.parted(tasks, held=2)
        shop.clock.advance(60 * SECOND)
        await shop.work()
        assert (await shop.read(late)).state is S.NOT_SENT
        assert (await causes(shop, late))[-1] == "limit_reached"
        held.go.set()
        await asyncio.wait(waiting)
        await shop.work()
        assert shop.standing(late) == 0
        assert await shop.broken() == []


async def test_the_place_of_a_process_that_died_is_free_after_its_deadline(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=A, config=LIMITED) as shop:
        held = HeldBilling(shop)
        tasks = await buyers([held.process(shop)], 2)
        await held.parted(tasks, held=2)
        for task in tasks:
            task.cancel()
        assert (await shop.buy(await shop.person())).state is S.RESERVED
        shop.clock.advance(15 * SECOND)
        assert (await shop.buy(await shop.person())).state is S.GRANTED
        await shop.work()
        await shop.pass_time(timedelta(minutes=30))
        assert await shop.broken() == []


async def test_a_repeat_that_is_not_sent_frees_its_place(module_database_urls: EmbeddedPostgresInfo) -> None:
    one = msgspec.structs.replace(LIMITED, most_at_once=1)
    async with open_shop(module_database_urls, capabilities=A - B, config=one) as shop:
        (unclear,) = await silence(shop, 1)
        async with shop.database.transaction(shop.operator_id) as tx:
            order = await billing_order(tx, operator=shop.sale.operator, purchase=unclear)
        await shop.pass_time(3 * SECOND, step=3 * SECOND)  # another one repeats it first
        assert (await shop.read(unclear)).state is S.GRANTED
        assert await repeat(shop.services, order) is None
        assert (await shop.buy(await shop.person())).state is S.GRANTED


async def test_who_comes_later_does_not_pass_those_that_wait(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    one_place = msgspec.structs.replace(billing_config(), most_at_once=1)
    async with open_shop(module_database_urls, capabilities=A, config=one_place) as shop:
        held = HeldBilling(shop)
        tasks = await buyers([held.process(shop)], 1)
        await held.parted(tasks, held=1)
        first = await shop.buy(await shop.person())
        shop.clock.advance(2 * SECOND)
        await shop.work()
        held.go.set()
        await asyncio.wait(tasks)
        shop.clock.advance(SECOND)
        later = await shop.buy(await shop.person())
        assert (first.state, later.state) == (S.RESERVED, S.RESERVED)
        await shop.work()
        assert [(await shop.read(one)).state for one in (first, later)] == [S.GRANTED, S.RESERVED]
        # Nobody comes to look for this one any more, as if no worker ran: it keeps nobody from the place.
        shop.clock.advance(8 * SECOND)
        assert (await shop.buy(await shop.person())).state is S.GRANTED
        await shop.work()
        assert (await shop.read(later)).state is S.GRANTED
        assert await shop.broken() == []


async def test_there_is_a_place_for_the_later_one_too_if_more_are_free(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(module_database_urls, capabilities=A, config=LIMITED) as shop:
        held = HeldBilling(shop)
        tasks = await buyers([held.process(shop)], 2)
        await held.parted(tasks, held=2)
        waits = await shop.buy(await shop.person())
        held.go.set()
        await asyncio.wait(tasks)
        shop.clock.advance(SECOND)
        assert (await shop.buy(await shop.person())).state is S.GRANTED
        assert (await shop.read(waits)).state is S.RESERVED


async def test_among_those_that_wait_nobody_passes_one_that_waits_much_longer(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    one_place = msgspec.structs.replace(billing_config(), most_at_once=1)
    async with open_shop(module_database_urls, capabilities=A, config=one_place) as shop:
        held = HeldBilling(shop)
        tasks = await buyers([held.process(shop)], 1)
        await held.parted(tasks, held=1)
        waits = []
        for seconds in (5, 3, 2):
            waits.append(await shop.buy(await shop.person()))
            shop.clock.advance(seconds * SECOND)
            await shop.work()
        held.go.set()
        await asyncio.wait(tasks)
        shop.clock.advance(SECOND)
        states = []
        for one in reversed(waits):  # the last comes to look first
            await check(
                shop.services,
                operator_id=shop.operator_id,
                customer_id=one.customer_id,
                purchase_id=one.purchase_id,
            )
            states.append((await shop.read(one)).state)
        assert states == [S.RESERVED, S.GRANTED, S.GRANTED]
        assert await shop.broken() == []


async def test_places_are_strict_when_many_ask_at_once(module_database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(module_database_urls, capabilities=A, config=LIMITED) as shop:
        until = shop.clock.moment + 15 * SECOND
        for _ in range(3):
            asked = await asyncio.gather(*(let_in(shop, until=until, most=5) for _ in range(12)))
            places = sorted(one.place for one in asked if isinstance(one, Pass) and one.place)
            assert len(set(places)) == len(places) <= 5
        assert [one for one in asked if isinstance(one, Pass)] == []
        # A lower limit counts at once; a higher one finds its new places.
        shop.clock.moment = until
        assert isinstance(await let_in(shop, until=until + SECOND, most=1), Pass)
        assert await let_in(shop, until=until + SECOND, most=1) is Refusal.LIMIT_REACHED
        assert isinstance(await let_in(shop, until=until + SECOND, most=6), Pass)


async def test_a_process_takes_so_many_calls_and_leaves_the_rest_to_others(
    module_database_urls: EmbeddedPostgresInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressure, "CALLS_AT_ONCE", 3)
    async with open_shop(module_database_urls, capabilities=A) as shop:
        held = HeldBilling(shop)
        process = held.process(shop)
        (left,), waiting = await held.parted(await buyers([process], 4), held=3)
        assert left.state is S.RESERVED
        # What needs no billing is not held up.
        assert (await process.buy(await shop.person(wallet=5))).state is S.GRANTED
        shop.clock.advance(2 * SECOND)
        await shop.work()
        assert (await shop.read(left)).state is S.GRANTED
        held.go.set()
        await asyncio.wait(waiting)
        assert await shop.broken() == []


async def test_what_waits_and_which_billing_is_left_alone_is_counted(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with (
        open_shop(database_urls, capabilities=A) as shop,
        open_shop(database_urls, capabilities=A) as other,
    ):
        calm = await metrics.render(shop.database)
        assert b'matinee_purchases_waiting{state="UNKNOWN"} 0.0' in calm
        assert b'matinee_billing_breakers{state="open"} 0.0' in calm
        await silence(shop, 5)
        await silence(other, 2)
        counted = await metrics.render(shop.database)
        assert b'matinee_purchases_waiting{state="UNKNOWN"} 7.0' in counted
        assert b'matinee_billing_breakers{state="open"} 1.0' in counted
        assert b"matinee_checks_overdue 0.0" in counted
        shop.clock.advance(timedelta(minutes=3))
        late = await metrics.render(shop.database)
        assert b"matinee_checks_overdue 7.0" in late
        assert b'matinee_billing_breakers{state="half_open"} 1.0' in late


# -- what it costs


class Counted:
    """Passes everything on and counts the statements."""

    def __init__(self, inner: Any, database: "CountingDatabase") -> None:
        self._inner, self._database = inner, database

    def __getattr__(self, name: str) -> Any:
        self._database.statements += 1
        return getattr(self._inner, name)


class CountingDatabase(Database):
    """Counts the statements of all its transactions; beginning and committing are not counted."""

    statements = 0

    @asynccontextmanager
    async def transaction(self, operator_id: UUID) -> AsyncIterator[Any]:
        async with super().transaction(operator_id) as tx:
            yield Counted(tx, self)

    @asynccontextmanager
    async def hot(self, operator_id: UUID | None = None) -> AsyncIterator[Any]:
        async with super().hot(operator_id) as connection:
            yield Counted(connection, self)


async def cost_of_a_purchase(
    urls: EmbeddedPostgresInfo, most_at_once: int | None, *, silences: int = 0
) -> int:
    """Return how many statements the second purchase of a shop takes."""
    config = msgspec.structs.replace(billing_config(), most_at_once=most_at_once)
    async with open_shop(urls, capabilities=A, config=config) as shop:
        database = CountingDatabase(urls.app_url, clock=shop.clock)
        await database.open()
        await silence(shop, silences)
        shop.clock.advance(timedelta(minutes=2))
        services = PurchaseServices.of(database=database, gateway=shop.billing, secret_key=SECRET_KEY)
        process = msgspec.structs.replace(shop, services=services)
        await process.buy(await shop.person())
        ann = await shop.person()
        signed = await shop.quote(ann)
        before = database.statements
        assert (await process.confirm(ann, signed)).state is S.GRANTED
        await database.close()
        return database.statements - before


async def test_who_has_neither_limit_nor_trouble_pays_nothing_for_the_gate(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    plain = await cost_of_a_purchase(module_database_urls, None)
    # lock, facts, reserve, the look before the request, the clock and the settle step
    assert plain == 6
    assert await cost_of_a_purchase(module_database_urls, None, silences=5) == plain
    assert await cost_of_a_purchase(module_database_urls, 3) == plain + 2
