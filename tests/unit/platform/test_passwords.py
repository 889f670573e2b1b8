"""Passwords are hashed in turn, in a pool of threads with a bounded queue before it."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from matinee.platform import passwords
from matinee.platform.passwords import MOST_WAITING, SignInBusy, hash_password, verify_password

FLOODED, QUIET = ("subscriber", "flooded"), ("subscriber", "quiet")


class Held:
    """A hasher that stops until it is let go, and notes whose password it was given."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.checked: list[str] = []

    def verify(self, encoded: str, password: str) -> bool:
        self.begun.release()
        assert self.go.wait(10)
        self.checked.append(password)
        return True

    def hash(self, password: str) -> str:
        self.verify("", password)
        return "hashed"


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held()
    monkeypatch.setattr(passwords, "_HASHER", held)
    yield held
    held.go.set()


async def _flood(tries: int) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(verify_password("flood", "x", party=FLOODED)) for _ in range(tries)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_a_full_queue_is_said_at_once_and_to_its_own_operator_alone(hasher: Held) -> None:
    flood = await _flood(passwords.THREADS + MOST_WAITING)
    with pytest.raises(SignInBusy) as refused:
        async with asyncio.timeout(2):
            await verify_password("one more", "x", party=FLOODED)
    assert (refused.value.code, refused.value.retry_after_seconds) == ("unavailable", 5)

    others = [
        asyncio.create_task(verify_password("quiet", "x", party=QUIET)),
        asyncio.create_task(hash_password("a new password")),
    ]
    await asyncio.sleep(0)
    hasher.go.set()
    assert await asyncio.gather(*others) == [True, "hashed"]
    assert all(await asyncio.gather(*flood))
    assert hasher.checked.index("quiet") < 10
    assert hasher.checked.index("a new password") < 10
    assert "one more" not in hasher.checked


async def test_whoever_hangs_up_gives_its_place_back_when_the_thread_is_free(hasher: Held) -> None:
    flood = await _flood(passwords.THREADS)
    for _ in flood:  # what no thread has begun would be dropped, and would hold none
        assert await asyncio.to_thread(hasher.begun.acquire, timeout=10)
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    later = asyncio.create_task(verify_password("later", "x", party=QUIET))
    await asyncio.sleep(0)
    assert passwords._POOL._work_queue.qsize() == 0
    hasher.go.set()
    assert await later
    assert hasher.checked.index("later") >= 1  # no thread was free for it before


async def test_waiting_has_an_end(hasher: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LONGEST_WAIT_SECONDS", 0.01)
    flood = await _flood(passwords.THREADS)
    with pytest.raises(SignInBusy):
        await verify_password("later", "x", party=QUIET)
    hasher.go.set()
    await asyncio.gather(*flood)
