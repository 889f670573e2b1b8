"""Connections are given to operators in turn."""

import asyncio
from uuid import UUID

import pytest

from matinee.kernel.ids import new_id
from matinee.platform.turns import Turns

FLOODED, QUIET = new_id(), new_id()


async def _until_it_waits() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_flood_at_one_operator_keeps_no_other_one_waiting() -> None:
    turns, served = Turns(2), list[UUID | None]()

    async def work(party: UUID | None) -> None:
        await turns.take(party, seconds=5)
        served.append(party)
        await asyncio.sleep(0)
        turns.give()

    flood = [asyncio.create_task(work(FLOODED)) for _ in range(100)]
    await asyncio.sleep(0)
    late = [asyncio.create_task(work(party)) for party in (QUIET, None)]
    await asyncio.gather(*flood, *late)
    assert served.index(QUIET) <= 10
    assert served.index(None) <= 10
    assert len(served) == 102


async def test_whoever_stops_waiting_takes_no_place_along() -> None:
    turns = Turns(1)
    await turns.take(FLOODED, seconds=1)
    with pytest.raises(TimeoutError):
        await turns.take(FLOODED, seconds=0.01)
    cancelled = asyncio.create_task(turns.take(QUIET, seconds=5))
    handed_over = asyncio.create_task(turns.take(QUIET, seconds=5))
    last = asyncio.create_task(turns.take(None, seconds=5))
    await _until_it_waits()
    cancelled.cancel()
    await _until_it_waits()
    turns.give()
    handed_over.cancel()  # it has the place, and has not heard of it yet
    with pytest.raises(asyncio.CancelledError):
        await handed_over
    await last
    turns.give()
    await turns.take(FLOODED, seconds=0.01)
    with pytest.raises(TimeoutError):
        await turns.take(FLOODED, seconds=0.01)


async def test_a_line_is_only_so_long_and_each_party_has_its_own() -> None:
    turns = Turns(1, most_waiting=2)
    await turns.take(FLOODED, seconds=5)
    waiting = [asyncio.create_task(turns.take(FLOODED, seconds=5)) for _ in range(2)]
    await _until_it_waits()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await turns.take(FLOODED, seconds=60)
    quiet = asyncio.create_task(turns.take(QUIET, seconds=5))
    await _until_it_waits()
    for _ in range(3):
        turns.give()
    await asyncio.gather(*waiting, quiet)
