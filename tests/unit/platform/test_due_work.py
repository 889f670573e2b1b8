"""The loop that does what is due: no place stays empty while somebody waits, and nobody takes them all."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest

from matinee.platform import due_work
from matinee.platform.due_work import DueWork


class Key(msgspec.Struct, frozen=True):
    operator_id: UUID
    number: int


class Desk:
    """A due list in memory. What is done leaves it; what hangs stays under way until `release`."""

    def __init__(self, *, hanging: bool = False) -> None:
        self.due: list[Key] = []
        self.under_way: Counter[UUID] = Counter()
        self.looks = 0
        self.empty = asyncio.Event()
        self.release = asyncio.Event()
        if not hanging:
            self.release.set()

    def add(self, operator: int, count: int) -> UUID:
        operator_id = UUID(int=operator)
        self.due += [Key(operator_id, number) for number in range(count)]
        return operator_id

    async def look(self, busy: Sequence[UUID]) -> list[Key]:
        self.looks += 1
        return [key for key in self.due if key.operator_id not in busy]

    async def do(self, key: Key) -> None:
        self.due.remove(key)
        self.under_way[key.operator_id] += 1
        await asyncio.sleep(0)
        await self.release.wait()
        self.under_way[key.operator_id] -= 1
        if not self.due:
            self.empty.set()


async def test_a_place_that_becomes_free_is_taken_without_waiting_for_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(due_work, "IDLE_SECONDS", 3600.0)
    monkeypatch.setattr(due_work, "BREATH_SECONDS", 0.0)
    desk, stop = Desk(), asyncio.Event()
    desk.add(1, 50)
    loop = asyncio.create_task(DueWork("test", look=desk.look, do=desk.do, per_operator=2).run(stop))
    async with asyncio.timeout(20):
        await desk.empty.wait()
    stop.set()
    loop.cancel()


async def test_however_many_operators_hang_there_is_room_for_the_next() -> None:
    desk = Desk(hanging=True)
    work = DueWork("test", look=desk.look, do=desk.do, at_once=100, per_operator=20, in_a_crowd=2)
    first = desk.add(1, 1000)
    await work.start_due()
    assert desk.under_way[first] == 20
    others = [desk.add(operator, 1000) for operator in range(2, 30)]
    for _ in others:
        await work.start_due()
    assert sum(desk.under_way.values()) < 100
    last = desk.add(30, 1)
    await work.start_due()
    assert desk.under_way[last] == 1
    desk.release.set()
    desk.due.clear()
    await work.drain()


async def test_when_every_place_is_taken_nothing_more_is_started() -> None:
    desk = Desk(hanging=True)
    work = DueWork("test", look=desk.look, do=desk.do, at_once=10, per_operator=8, in_a_crowd=4)
    for operator in range(1, 9):
        desk.add(operator, 100)
        await work.start_due()
    assert sum(desk.under_way.values()) == 10
    desk.release.set()
    desk.due.clear()
    await work.drain()


async def test_what_breaks_is_left_alone_for_a_while_and_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(due_work, "IDLE_SECONDS", 0.0)
    desk, stop = Desk(), asyncio.Event()
    broken, sound = desk.add(1, 1), desk.add(2, 3)
    tried: Counter[UUID] = Counter()

    async def do(key: Key) -> None:
        tried[key.operator_id] += 1
        if key.operator_id == broken:  # before any lease: it stays due
            raise RuntimeError("a row that nobody can read")
        desk.due.remove(key)

    async def looked(times: int) -> None:
        work = asyncio.create_task(DueWork("test", look=desk.look, do=do).run(stop))
        async with asyncio.timeout(20):
            while desk.looks < times:  # noqa: ASYNC110
                await asyncio.sleep(0)
        stop.set()
        await work

    await looked(20)
    assert tried == {broken: 1, sound: 3}
    monkeypatch.setattr(due_work, "REST_SECONDS", 0.0)
    stop.clear()
    await looked(40)
    assert tried[broken] > 10
