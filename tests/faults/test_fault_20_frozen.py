"""Fault 20: a process is frozen (SIGSTOP) for 40 to 600 seconds where it hurts, and then goes on."""

from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import answer_lost, held
from tests.faults.counter import STAFF, Counter, open_counter
from tests.faults.parent import child

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.operations.by_staff import refund_by_staff
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]


@pytest.mark.parametrize(
    ("point", "seconds"),
    [
        ("after the commit of confirm", 40),
        ("before the call", 40),
        ("before the call", 600),
        ("after the answer", 600),
    ],
)
async def test_a_buyer_that_goes_on_later_adds_no_charge(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    point: str, seconds: int,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        signed = await counter.quote()
        with child(counter, signed, point) as process:
            await process.freeze(point)
            await counter.pass_time(timedelta(seconds=seconds))
            charged = point == "after the answer"
            seen = charged and "status" in capabilities
            assert await counter.state() is (PurchaseState.GRANTED if seen else PurchaseState.UNKNOWN)
            again = await counter.confirm(signed)  # the subscriber's device asks meanwhile
            assert again.purchase_id == signed.quote.purchase_id
            await process.thaw(counter.clock.moment)
        # Who slept before reading the row must not send; who slept after it could not know.
        sent = point != "after the commit of confirm"
        assert len(billing_double.requests("charge")) == int(sent)
        await counter.ends_well()
        assert await counter.state() is (PurchaseState.GRANTED if sent else PurchaseState.VOID)
        assert len(billing_double.charges()) == int(sent)


async def test_one_that_is_overtaken_by_a_repeat_is_the_same_charge(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, proved=["idempotent"]) as counter:
        with child(counter, await counter.quote(), "before the call") as process:
            await process.freeze("before the call")
            await counter.pass_time(timedelta(seconds=600))
            assert await counter.state() is PurchaseState.GRANTED
            await process.thaw(counter.clock.moment)
        assert len(billing_double.requests("charge")) == 2
        await counter.ends_well()
        assert len(billing_double.charges()) == 1


async def test_a_transaction_that_sleeps_with_its_locks_is_ended_by_the_database(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double) as counter:
        with child(counter, await counter.quote(), "before the commit of settle") as process:
            await process.freeze("before the commit of settle")
            await counter.pass_time(timedelta(seconds=40))
            assert await counter.state() is PurchaseState.GRANTED
            await process.thaw(counter.clock.moment)
        await counter.ends_well()
        assert len(billing_double.charges()) == 1


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize(
    ("point", "seconds"),
    [("before the question", 600), ("after the question", 40), ("after the question", 600)],
)
async def test_a_worker_with_an_old_answer_decides_nothing(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str], point: str,
    seconds: int,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, can, timeout_seconds=3) as counter:
        billing_double.behave("charge", answer_lost())
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        counter.clock.advance(timedelta(seconds=3))
        with child(counter, None, point) as process:
            await process.freeze(point)
            await counter.pass_time(timedelta(seconds=seconds))
            settled = (
                PurchaseState.UNKNOWN if seconds < 60 else PurchaseState.GRANTED
            )  # within its lease, or after
            assert await counter.state() is settled
            await process.thaw(counter.clock.moment)
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.charges()) == 1


@pytest.mark.parametrize("can", ASKED)
async def test_a_refund_that_goes_out_late_gives_back_no_other_charge(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        await refunding(counter)
        with child(counter, None, "before the refund") as process:
            await process.freeze("before the refund")
            await counter.pass_time(timedelta(seconds=600))
            again = await counter.buy()  # the slot is free: the next purchase must stand
            assert again.state is PurchaseState.GRANTED
            await process.thaw(counter.clock.moment)
        await counter.ends_well()
        assert [charge.reference for charge in billing_double.standing()] == [again.reference]


async def refunding(counter: Counter) -> None:
    """Buy, and have staff ask for the money back; the call is due."""
    bought = await counter.buy()
    await counter.pass_time(timedelta(hours=1))
    async with counter.database.transaction(counter.operator_id) as tx:
        await refund_by_staff(
            tx, operator=counter.sale.operator, reference_key=counter.services.reference_key,
            customer_id=bought.customer_id, purchase_id=bought.purchase_id, reason="asked for it", actor=STAFF,
        )  # fmt: skip
    counter.clock.advance(timedelta(seconds=3))


async def test_billing_itself_is_frozen_with_the_call(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", held("before"))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=600))
        billing_double.release()
        await billing_double.arrived("charge")
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.charges()) == 1
