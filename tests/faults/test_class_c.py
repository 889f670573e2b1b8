"""The faults of answers where billing can only cancel: an unclear outcome ends quickly, with nobody charged.

What stays unseen at class C: "success" but never charged, and a request that a proxy repeats: after a success
nothing is cancelled. A refund is made by finance.
"""

import asyncio
from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_C
from tests.doubles.misbehaviour import (
    HONEST,
    Behaviour,
    answer_lost,
    both_match,
    declined,
    declined_but_charged,
    dribble,
    empty,
    error_after,
    error_before,
    held,
    huge,
    lands_late,
    not_found,
    other_subscriber,
    proxy_repeats,
    redirect,
    request_lost,
    success_uncharged,
    truncated,
    unmatched,
    wrong_amount,
    wrong_currency,
)
from tests.doubles.settings import provision_for
from tests.faults.counter import open_counter
from tests.faults.parent import child

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

UNCLEAR = {
    "2 request lost": request_lost("reset"),
    "3 answer lost": answer_lost(),
    "4 lands late": lands_late(how="reset"),
    "5 error after": error_after(),
    "6 error before": error_before(),
    "7 unmatched": unmatched(),
    "7 empty": empty(),
    "7 truncated": truncated(),
    "7 huge": huge(),
    "9 byte by byte": dribble(),
    "10 redirect": redirect("http://127.0.0.1:1/elsewhere"),
    "11 repeated, answer lost": Behaviour(effect="twice", delivery="reset"),
}
DOWN = Behaviour(effect="none", says="error", code=503)
CANCELS = {
    "at once": [],
    "after a day": [DOWN] * 500,
    "its answer is lost": [answer_lost(), answer_lost("close")],
    "it is lost": [request_lost("reset"), request_lost("close")],
    "it lands late": [lands_late(how="reset")],
    "it knows nothing": [not_found(), not_found()],
}


@pytest.mark.parametrize("fault", UNCLEAR)
async def test_an_unclear_charge_is_cancelled_and_ends_within_seconds(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, fault: str
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        billing_double.behave("charge", UNCLEAR[fault])
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        await counter.pass_time(timedelta(seconds=5))
        assert await counter.state() is PurchaseState.VOID
        billing_double.land()  # what arrives now is taken no more
        assert billing_double.standing() == []
        assert (await counter.buy()).state is PurchaseState.GRANTED
        await counter.ends_well()
        assert len(billing_double.standing()) == 1


@pytest.mark.parametrize("cancel", CANCELS)
@pytest.mark.parametrize("charge", ["answer lost", "declined but charged"])
async def test_until_the_cancel_is_acknowledged_nothing_is_believed(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, charge: str, cancel: str
) -> None:
    """Fault 15 is seen here as well: what was declined is cancelled until billing says that it is closed."""
    lie = answer_lost() if charge == "answer lost" else declined_but_charged()
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        billing_double.behave("charge", lie)
        billing_double.behave("cancel", *CANCELS[cancel])
        meanwhile = PurchaseState.UNKNOWN if charge == "answer lost" else PurchaseState.DECLINED
        assert (await counter.buy()).state is meanwhile
        await counter.pass_time(timedelta(hours=25))
        billing_double.land()
        billing_double.always("cancel", HONEST)  # the day is over
        await counter.ends_well()
        assert billing_double.standing() == []


async def test_an_honest_refusal_is_closed_and_the_next_try_may_succeed(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        billing_double.behave("charge", declined())
        assert (await counter.buy()).state is PurchaseState.DECLINED
        assert (await counter.buy()).state is PurchaseState.GRANTED
        await counter.ends_well()
        assert len(billing_double.standing()) == 1
        assert len(billing_double.books().cancelled) == 1


@pytest.mark.parametrize("answer", [other_subscriber(), wrong_amount(), wrong_currency()])
async def test_an_echo_that_disagrees_waits_for_a_person(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, answer: Behaviour
) -> None:
    """Faults 12 and 13."""
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        billing_double.behave("charge", answer)
        assert (await counter.buy()).state is PurchaseState.REVIEW
        await counter.ends_well()


async def test_both_rules_match_waits_for_a_person(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    config = provision_for(
        billing_double.base_url, capabilities=CLASS_C, by_body=True, echo=False, timeout_seconds=1
    )
    async with open_counter(module_database_urls, billing_double, CLASS_C, config=config) as counter:
        billing_double.behave("charge", both_match())
        assert (await counter.buy()).state is PurchaseState.REVIEW
        await counter.ends_well()


@pytest.mark.parametrize("seconds", [40, 600])
@pytest.mark.parametrize("point", ["before the call", "after the answer"])
async def test_a_frozen_buyer_charges_nothing_under_a_closed_reference(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, point: str, seconds: int
) -> None:
    """Fault 20."""
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        with child(counter, await counter.quote(), point) as process:
            await process.freeze(point)
            await counter.pass_time(timedelta(seconds=seconds))
            assert await counter.state() is PurchaseState.VOID
            await process.thaw(counter.clock.moment)
        assert billing_double.standing() == []
        await counter.ends_well()


async def test_a_hundred_clicks_and_a_second_device(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    """Faults 21 and 22."""
    async with open_counter(module_database_urls, billing_double, CLASS_C, timeout_seconds=10) as counter:
        one, other = await counter.quote(), await counter.quote()
        billing_double.behave("charge", held("after"))
        clicks = [asyncio.create_task(counter.confirm(one)) for _ in range(100)]
        await billing_double.holding()
        attached = await counter.confirm(other, device=1)
        assert attached.purchase_id == one.quote.purchase_id
        billing_double.release()
        await asyncio.gather(*clicks)
        assert len(billing_double.requests("charge")) == 1
        await counter.ends_well()
        assert len(billing_double.standing()) == 1


@pytest.mark.parametrize(
    ("fault", "unseen"), [(success_uncharged(), "no_charge"), (proxy_repeats(), "double")], ids=["14", "11"]
)
async def test_what_stays_unseen(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, fault: Behaviour, unseen: str
) -> None:
    async with open_counter(module_database_urls, billing_double, CLASS_C) as counter:
        billing_double.behave("charge", fault)
        assert (await counter.buy()).state is PurchaseState.GRANTED
        assert await counter.ends() == {unseen: 1}
