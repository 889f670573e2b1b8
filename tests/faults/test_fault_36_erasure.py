"""Fault 36: a subscriber asks to be erased while billing's answer is still unclear.

The name goes at once. What billing knows the subscriber by stays as long as a purchase may need it, and no longer.
"""

import asyncio
from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import HONEST, answer_lost, declined_but_charged, held, request_lost
from tests.faults.counter import STAFF, Counter, open_counter

from matinee.customers.queries import get_customer
from matinee.customers.types import Customer, CustomerStatus
from matinee.kernel.errors import Refused
from matinee.platform.audit import entries_about
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.jobs.erasures import finish_erasures
from matinee.purchases.operations.erasing import erase_customer
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


async def erase(counter: Counter) -> Customer:
    async with counter.database.transaction(counter.operator_id) as tx:
        return await erase_customer(
            tx, operator_id=counter.operator_id, customer_id=counter.person.customer_id, actor=STAFF,
            reason="asked for it",
        )  # fmt: skip


async def now_is(counter: Counter) -> Customer:
    async with counter.database.transaction(counter.operator_id) as tx:
        return await get_customer(tx, operator_id=counter.operator_id, customer_id=counter.person.customer_id)


async def traces(counter: Counter, *words: str) -> list[str]:
    """The tables in which any of these words still stands."""
    async with counter.database.transaction(counter.operator_id) as tx:
        tables = [
            row["table_name"]
            for row in await tx.fetch(
                """SELECT table_name FROM information_schema.columns
                   WHERE table_schema = 'public' AND column_name = 'customer_id' GROUP BY table_name"""
            )
        ]
        found = []
        for table in [*tables, "audit_entries"]:
            text = await tx.fetchval(
                f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t WHERE operator_id = $1",
                counter.operator_id,
            )
            found += [table] * any(word in text for word in words)
    return found


@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_the_purchase_settles_and_then_nothing_names_the_subscriber(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    lost: str,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities, films=2) as counter:
        before = await now_is(counter)
        billing_double.behave("charge", answer_lost() if lost == "answer" else request_lost("reset"))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN

        erased = await erase(counter)
        assert (erased.first_name, erased.last_name, erased.email) == ("", "", "")
        assert (erased.status, erased.erased_at) == (CustomerStatus.DISABLED, None)
        assert (erased.username, erased.mapping_id) == (before.username, before.mapping_id)
        assert await traces(counter, before.first_name, before.last_name) == []
        assert await finish_erasures(counter.database) == 0
        with pytest.raises(Refused):
            await counter.quote(film=1)

        await counter.ends_well()
        settled = PurchaseState.GRANTED if lost == "answer" else PurchaseState.VOID
        assert await counter.state() is settled
        assert await finish_erasures(counter.database) == 1
        assert await finish_erasures(counter.database) == 0
        gone = await now_is(counter)
        assert gone.erased_at == counter.clock.moment
        assert (gone.username, gone.mapping_id, gone.city) == (f"erased-{gone.customer_id.hex}", "", "")
        assert await traces(counter, before.username) == []
        await counter.holds()
        assert await counter.balance() == {}
        (purchase,) = await counter.purchases()
        assert (purchase.amount_minor, purchase.tax_minor) == (499, 87)  # what the tax office asks for stays


async def test_a_repeated_charge_still_names_whom_billing_knows(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, proved=["idempotent"]) as counter:
        billing_double.behave("charge", answer_lost())
        await counter.buy()
        await erase(counter)
        await counter.pass_time(timedelta(seconds=30))
        assert await counter.state() is PurchaseState.GRANTED
        first, again = billing_double.requests("charge")
        assert first.parameters == again.parameters
        await counter.ends_well()
        assert await finish_erasures(counter.database) == 1


async def test_it_may_come_while_billing_is_charging(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(
        module_database_urls, billing_double, capabilities, timeout_seconds=10
    ) as counter:
        billing_double.behave("charge", held("after"))
        buying = asyncio.create_task(counter.buy())
        await billing_double.holding()
        assert (await erase(counter)).erased_at is None
        billing_double.release()
        assert (await buying).state is PurchaseState.GRANTED
        await counter.ends_well()
        assert await finish_erasures(counter.database) == 1


async def test_a_purchase_that_is_watched_counts_as_open(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    """A charge that turns up within the week is given back to whom billing knows."""
    async with open_counter(module_database_urls, billing_double) as counter:
        billing_double.behave("charge", declined_but_charged())
        assert (await counter.buy()).state is PurchaseState.DECLINED
        assert (await erase(counter)).erased_at is None
        await counter.ends_well()
        assert (await counter.state(), billing_double.standing()) == (PurchaseState.REVERSED, [])
        assert await finish_erasures(counter.database) == 1


async def test_with_nothing_open_all_of_it_goes_at_once_and_is_on_record(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double) as counter:
        billing_double.always("charge", HONEST)
        await counter.buy()
        await counter.pass_time(timedelta(days=9))
        before = await now_is(counter)
        assert (await erase(counter)).erased_at == counter.clock.moment
        assert await traces(counter, before.username, before.first_name, before.last_name) == []
        assert (await erase(counter)).erased_at == counter.clock.moment  # asking again is harmless
        async with counter.database.transaction(counter.operator_id) as tx:
            entries = await entries_about(
                tx, operator_id=counter.operator_id, subject_kind="customer",
                subject_id=counter.person.customer_id,
            )  # fmt: skip
        assert {(entry.action, entry.actor_name, entry.reason) for entry in entries} == {
            ("customer.erasure_requested", STAFF.name, "asked for it"),
            ("customer.erased", "Matinee", ""),
        }
        await counter.ends_well()
