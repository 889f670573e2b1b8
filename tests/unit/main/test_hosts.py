"""Which host names count, and for how long an answer about one is believed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from matinee.kernel.errors import NotFound
from matinee.kernel.ids import new_id
from matinee.main.hosts import FRESH_SECONDS, HostDirectory, host_of
from matinee.platform.db import Database, DatabaseUnavailable


@pytest.mark.parametrize(
    ("sent", "host"),
    [
        ("tv.example", "tv.example"),
        ("TV.Example:8000", "tv.example"),
        ("tv.example.", "tv.example"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("", ""),
    ],
)
def test_a_host_name_is_read_without_port_and_case(sent: str, host: str) -> None:
    assert host_of({"headers": [(b"x-forwarded-host", b"evil.example"), (b"host", sent.encode())]}) == host
    assert host_of({"headers": []}) == ""


class _Directory:
    """A database with one host in it, which counts how often it is asked and can be out of reach."""

    def __init__(self) -> None:
        self.asked = 0
        self.reachable = True
        self.strangers_wait_for: asyncio.Event | None = None

    @asynccontextmanager
    async def directory(self) -> AsyncIterator["_Directory"]:
        if not self.reachable:
            raise DatabaseUnavailable("gone")
        yield self

    async def fetchrow(self, _: str, host: str) -> dict[str, Any] | None:
        self.asked += 1
        if host != "tv.example":
            if self.strangers_wait_for is not None:
                await self.strangers_wait_for.wait()
            return None
        return {
            "operator_id": new_id(), "slug": "tv", "name": "TV", "time_zone": "UTC", "currency": "EUR",
            "country": "NL", "locale": "en", "tax_rate_basis_points": 0, "cms_name": "tv", "crm_name": "tv",
            "host": host,
        }  # fmt: skip


async def test_an_answer_is_believed_for_a_few_seconds_whichever_it_is() -> None:
    moment = 100.0
    store = _Directory()
    hosts = HostDirectory(cast(Database, store), clock=lambda: moment)
    for _ in range(3):
        found = await hosts.find("tv.example")
        assert found is not None
        assert found.name == "TV"
        assert await hosts.find("nobody.example") is None
    assert store.asked == 2
    moment += FRESH_SECONDS
    await hosts.find("tv.example")
    assert store.asked == 3
    with pytest.raises(NotFound) as raised:
        await hosts.get("nobody.example")
    assert raised.value.code == "unknown_host"


async def test_a_thousand_invented_names_do_not_fill_the_memory() -> None:
    store = _Directory()
    hosts = HostDirectory(cast(Database, store), clock=lambda: 0.0)
    for number in range(2500):
        await hosts.find(f"{number}.example")
    assert len(hosts._known) <= 1000


async def test_a_database_out_of_reach_is_no_answer_to_remember() -> None:
    store = _Directory()
    hosts = HostDirectory(cast(Database, store))
    store.reachable = False
    with pytest.raises(DatabaseUnavailable):
        await hosts.find("tv.example")
    store.reachable = True
    assert await hosts.find("tv.example") is not None


async def test_a_flood_of_invented_names_keeps_no_operator_waiting() -> None:
    moment = 100.0
    store = _Directory()
    hosts = HostDirectory(cast(Database, store), clock=lambda: moment)
    await hosts.find("tv.example")
    answer = asyncio.Event()
    store.strangers_wait_for = answer
    flood = [asyncio.create_task(hosts.find(f"{number}.example")) for number in range(1500)]
    await asyncio.sleep(0)
    moment += FRESH_SECONDS
    async with asyncio.timeout(1):
        assert await hosts.find("tv.example") is not None
    answer.set()
    await asyncio.gather(*flood)
    asked = store.asked
    assert await hosts.find("tv.example") is not None
    assert store.asked == asked, "the operator's own name was forgotten for theirs"
    assert len(hosts._known) <= 1000
