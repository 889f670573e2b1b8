"""Fault 25: the database's primary dies, and a synchronous standby takes over, in the middle of a purchase.

Each fail-over is real, and happens to a purchase at a billing system of each class at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import held
from tests.faults.counter import Counter, end, open_counters
from tests.faults.servers import Pair

from matinee.platform.db import CommitInDoubt
from matinee.purchases.types import PurchaseState

Doubles = dict[str, BillingDouble]


@pytest.fixture
def ready_pair(pair: Pair) -> Pair:
    pair.renew()
    return pair


@asynccontextmanager
async def counters(pair: Pair, doubles: Doubles) -> AsyncIterator[list[Counter]]:
    async with open_counters(pair.urls, doubles) as opened:
        yield list(opened.values())


async def held_after_the_charge(tills: list[Counter]) -> list["asyncio.Task[object]"]:
    """Buy everywhere; when this returns billing has charged and is about to answer."""
    for till in tills:
        till.billing.behave("charge", held("after"))
    buying = [asyncio.create_task(till.buy()) for till in tills]
    for till in tills:
        await till.billing.holding()
    return list(buying)


async def all_end_well(tills: list[Counter]) -> None:
    assert await end(tills) == [{}] * len(tills)
    for till in tills:
        assert len(till.billing.requests("charge")) <= 1


async def test_between_claim_and_settle(ready_pair: Pair, doubles: Doubles) -> None:
    async with counters(ready_pair, doubles) as tills:
        buying = await held_after_the_charge(tills)
        await asyncio.to_thread(ready_pair.fail_over)
        for till in tills:
            till.billing.release()
        await asyncio.gather(*buying)
        assert [await till.state() for till in tills] == [PurchaseState.GRANTED] * len(tills)
        await all_end_well(tills)
        assert [len(till.billing.charges()) for till in tills] == [1] * len(tills)


async def test_just_after_the_commit_of_the_outcome(ready_pair: Pair, doubles: Doubles) -> None:
    async with counters(ready_pair, doubles) as tills:
        bought = await asyncio.gather(*(till.buy() for till in tills))
        await asyncio.to_thread(ready_pair.fail_over)
        assert [purchase.state for purchase in bought] == [PurchaseState.GRANTED] * len(tills)
        assert [await till.state() for till in tills] == [PurchaseState.GRANTED] * len(tills)
        await all_end_well(tills)


async def test_while_the_claim_is_being_committed(ready_pair: Pair, doubles: Doubles) -> None:
    """The primary has it and the standby may not: nothing is sent, and the same key finds out what there is."""
    standby = ready_pair.standby
    assert standby is not None
    async with counters(ready_pair, doubles) as tills:
        quotes = [await till.quote() for till in tills]
        standby.freeze()
        buying = [
            asyncio.create_task(till.confirm(signed)) for till, signed in zip(tills, quotes, strict=True)
        ]
        await asyncio.to_thread(ready_pair.commits_wait, len(tills))
        await asyncio.to_thread(ready_pair.fail_over)
        doubts = await asyncio.gather(*buying, return_exceptions=True)
        assert [type(doubt) for doubt in doubts] == [CommitInDoubt] * len(tills)
        assert [till.billing.requests("charge") for till in tills] == [[]] * len(tills)
        for till, signed in zip(tills, quotes, strict=True):
            again = await till.confirm(signed)
            assert again.purchase_id == signed.quote.purchase_id
        await all_end_well(tills)


async def test_while_the_outcome_is_being_committed(ready_pair: Pair, doubles: Doubles) -> None:
    standby = ready_pair.standby
    assert standby is not None
    async with counters(ready_pair, doubles) as tills:
        buying = await held_after_the_charge(tills)
        standby.freeze()
        for till in tills:
            till.billing.release()
        await asyncio.to_thread(ready_pair.commits_wait, len(tills))
        await asyncio.to_thread(ready_pair.fail_over)
        await asyncio.gather(*buying)
        assert [await till.state() for till in tills] == [PurchaseState.GRANTED] * len(tills)
        await all_end_well(tills)
        assert [len(till.billing.charges()) for till in tills] == [1] * len(tills)
