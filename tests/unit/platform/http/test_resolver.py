"""Threads that look names up: few for each operator, so that a silent name server hurts its own operator alone."""

import asyncio
import threading
import time
from uuid import UUID

import pytest

from matinee.platform.http.resolver import LookupPool

SLOW, QUICK = UUID(int=1), UUID(int=2)


class Names:
    """A resolver that is silent for some names until it is let go, and counts the threads that wait in it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.waiting = 0
        self.most = 0
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def ask(self, host: str, port: int) -> list[str]:
        with self._lock:
            self.asked.append(host)
        if host == "unknown.example":
            raise OSError("no such name")
        if host.endswith("slow.example"):
            with self._lock:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
            self.go.wait(10)
            with self._lock:
                self.waiting -= 1
        return ["192.0.2.7"]


@pytest.fixture
def names() -> Names:
    return Names()


async def give_up(pool: LookupPool, operator: UUID, seconds: float, host: str = "slow.example") -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await pool.of(operator)(host, 443)


async def test_one_operators_silent_name_server_leaves_threads_to_the_others(names: Names) -> None:
    pool = LookupPool(names.ask, threads=4, threads_per_operator=2)
    try:
        await asyncio.gather(*(give_up(pool, SLOW, 0.2, f"{n}.slow.example") for n in range(50)))
        started = time.monotonic()
        assert await pool.of(QUICK)("quick.example", 443) == ["192.0.2.7"]
        assert time.monotonic() - started < 1
        assert (names.waiting, names.most) == (2, 2)
    finally:
        names.go.set()
        pool.close()


async def test_without_the_limit_it_would_take_them_all(names: Names) -> None:
    """What the limit is for: as many threads for one operator as there are."""
    pool = LookupPool(names.ask, threads=4, threads_per_operator=4)
    try:
        await asyncio.gather(*(give_up(pool, SLOW, 0.2, f"{n}.slow.example") for n in range(50)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await pool.of(QUICK)("quick.example", 443)
    finally:
        names.go.set()
        pool.close()


async def test_the_dead_names_of_sixteen_operators_leave_the_others_alone(names: Names) -> None:
    pool = LookupPool(names.ask)
    try:
        dead = [(UUID(int=100 + n // 4), f"{n}.slow.example") for n in range(64)]
        await asyncio.gather(*(give_up(pool, operator, 0.5, host) for operator, host in dead))
        assert names.waiting == 64
        async with asyncio.timeout(2):
            assert await pool.of(QUICK)("quick.example", 443) == ["192.0.2.7"]
    finally:
        names.go.set()
        pool.close()


async def test_one_name_of_an_operator_is_asked_for_once_at_a_time(names: Names) -> None:
    pool = LookupPool(names.ask, threads=8, threads_per_operator=2)
    try:
        await asyncio.gather(*(give_up(pool, SLOW, 0.1) for _ in range(50)))
        assert names.asked == ["slow.example"]
        assert await pool.of(SLOW)("quick.example", 443) == ["192.0.2.7"]
        waiting = [asyncio.ensure_future(pool.of(SLOW)("Slow.example", 443)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting.pop().cancel()
        names.go.set()
        assert await asyncio.gather(*waiting) == [["192.0.2.7"]] * 2
        assert names.asked == ["slow.example", "quick.example"]
        assert await pool.of(SLOW)("slow.example", 443) == ["192.0.2.7"]
        assert len(names.asked) == 3
    finally:
        names.go.set()
        pool.close()


async def test_a_name_that_was_silent_is_left_alone_for_a_while_by_its_operator(names: Names) -> None:
    pool = LookupPool(names.ask, silent_after_seconds=0.0)
    try:
        with pytest.raises(OSError, match="no such name"):
            await pool.of(SLOW)("unknown.example", 443)
        with pytest.raises(OSError, match="silent a moment ago"):
            await pool.of(SLOW)("unknown.example", 443)
        assert names.asked == ["unknown.example"]
        with pytest.raises(OSError, match="no such name"):
            await pool.of(QUICK)("unknown.example", 443)
    finally:
        pool.close()


async def test_a_thread_counts_until_its_name_server_has_answered(names: Names) -> None:
    pool = LookupPool(names.ask, threads=4, threads_per_operator=1)
    try:
        await give_up(pool, SLOW, 0.1)
        with pytest.raises(TimeoutError):  # the thread is still asking, so a quick name has to wait as well
            async with asyncio.timeout(0.2):
                await pool.of(SLOW)("quick.example", 443)
        names.go.set()
        async with asyncio.timeout(2):
            assert await pool.of(SLOW)("quick.example", 443) == ["192.0.2.7"]
    finally:
        names.go.set()
        pool.close()


async def test_many_quick_questions_of_one_operator_are_all_answered(names: Names) -> None:
    pool = LookupPool(names.ask, threads=4, threads_per_operator=2)
    try:
        found = await asyncio.gather(*(pool.of(QUICK)("quick.example", 443) for _ in range(200)))
        assert found == [["192.0.2.7"]] * 200
    finally:
        pool.close()


async def test_an_unknown_name_gives_its_thread_back(names: Names) -> None:
    pool = LookupPool(names.ask, threads=1, threads_per_operator=1)
    try:
        for _ in range(3):
            with pytest.raises(OSError, match="no such name"):
                await pool.of(SLOW)("unknown.example", 443)
        assert await pool.of(SLOW)("quick.example", 443) == ["192.0.2.7"]
    finally:
        pool.close()


def test_the_loop_may_end_before_the_name_server_answers(names: Names) -> None:
    pool = LookupPool(names.ask, threads=1, threads_per_operator=1)
    asyncio.run(give_up(pool, SLOW, 0.1))
    names.go.set()
    pool.close()
