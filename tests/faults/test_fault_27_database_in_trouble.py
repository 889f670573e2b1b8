"""Fault 27: a deadlock, an exhausted pool, a full disk."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import held
from tests.faults.counter import Counter, gateway_for, open_counter, services_for

from matinee.platform.db import Database, DatabaseUnavailable, database
from matinee.platform.embedded_postgres import OWNER_ROLE, EmbeddedPostgres, EmbeddedPostgresInfo
from matinee.purchases.types import Purchase, PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@asynccontextmanager
async def a_call_under_way(counter: Counter, billing: BillingDouble) -> AsyncIterator[asyncio.Task[Purchase]]:
    """Buy; inside the block billing has charged and is about to answer."""
    billing.behave("charge", held("after"))
    buying = asyncio.create_task(counter.buy())
    await billing.holding()
    try:
        yield buying
    finally:
        billing.release()


async def owner_connection(counter: Counter) -> "asyncpg.Connection[asyncpg.Record]":
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(counter.urls.owner_url)
    await connection.execute(f"SET matinee.operator_id = '{counter.operator_id}'")
    return connection


CLOSE_THE_CIRCLE = """
    DO $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP
            PERFORM pg_sleep(0.005);
        END LOOP;
        PERFORM FROM purchases FOR UPDATE;
    END $$"""
"""Settling holds the purchase by then and waits for the customer, whom this transaction holds while it wants the
purchase. Who waits looks for a circle once, after `deadlock_timeout`, and is ended if there is one. Settling looks
after the usual second, so the circle is closed before: in the server, which no busy test process delays."""


def look_for_circles_late(postgres: EmbeddedPostgres, urls: EmbeddedPostgresInfo) -> None:
    """Let the owner's new connections to this database lose no deadlock that somebody else could lose."""
    database_name = urlsplit(urls.owner_url).path[1:]
    postgres._sql(f"ALTER ROLE {OWNER_ROLE} IN DATABASE {database_name} SET deadlock_timeout = '60s'")


async def test_a_deadlock_that_the_answer_loses_is_tried_again(
    postgres: EmbeddedPostgres, module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble,
    capabilities: frozenset[str],
) -> None:  # fmt: skip
    look_for_circles_late(postgres, module_database_urls)
    async with open_counter(
        module_database_urls, billing_double, capabilities, timeout_seconds=20
    ) as counter:
        other = await owner_connection(counter)
        try:
            async with a_call_under_way(counter, billing_double) as buying:
                await other.execute("BEGIN")
                await other.execute(
                    "SELECT FROM customers WHERE operator_id = $1 FOR UPDATE", counter.operator_id
                )
                billing_double.release()
                await other.execute(CLOSE_THE_CIRCLE)
                await other.execute("ROLLBACK")
                assert (await buying).state is PurchaseState.GRANTED
        finally:
            await other.close()
        await counter.ends_well()
        assert len(billing_double.charges()) == 1


async def test_without_a_connection_nothing_is_sent(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        open_counter(module_database_urls, billing_double) as counter,
        gateway_for(billing_double.port) as gateway,
    ):
        signed = await counter.quote()
        narrow = await Database.connect(module_database_urls.app_url, connections=1, clock=counter.clock)
        async with narrow.directory():
            monkeypatch.setattr(database, "ACQUIRE_SECONDS", 0.2)
            with pytest.raises(DatabaseUnavailable):
                await counter.confirm(signed, services=services_for(narrow, gateway))
        monkeypatch.undo()
        assert (await counter.purchases(), billing_double.requests()) == ([], [])
        assert (await counter.confirm(signed, services=services_for(narrow, gateway))).reference
        await narrow.close()
        await counter.ends_well()
        assert len(billing_double.charges()) == 1


@pytest.mark.parametrize("lasts", ["a moment", "long"])
async def test_an_answer_waits_for_a_connection(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    lasts: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async with (
        open_counter(module_database_urls, billing_double, capabilities, timeout_seconds=10) as counter,
        AsyncExitStack() as occupied,
    ):
        async with a_call_under_way(counter, billing_double) as buying:
            for _ in range(counter.database.pool_size().most):
                await occupied.enter_async_context(counter.database.directory())
            monkeypatch.setattr(database, "ACQUIRE_SECONDS", 0.2)
            billing_double.release()
            if lasts == "a moment":
                await asyncio.sleep(0.4)
                await occupied.aclose()
            bought = await buying
        monkeypatch.undo()
        assert bought.state is (PurchaseState.GRANTED if lasts == "a moment" else PurchaseState.CHARGING)
        await occupied.aclose()
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.charges()) == 1


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of one mebibyte on which PostgreSQL may have a folder, `space`. Only root can make one."""
    folder = Path(tempfile.mkdtemp(prefix="matinee-disk-", dir="/var/tmp"))
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if not mounted or subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("this account may not mount a small disk")
    try:
        (folder / "space").mkdir(mode=0o700)
        shutil.chown(folder / "space", "nobody")  # whom root lets PostgreSQL run as
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@contextmanager
def table_on(
    disk: Path, postgres: EmbeddedPostgres, urls: EmbeddedPostgresInfo, table: str
) -> Iterator[None]:
    """Keep an empty table on the small disk, until the block ends."""
    database_name = urlsplit(urls.owner_url).path[1:]
    postgres._sql(
        f"CREATE TABLESPACE small LOCATION '{disk}/space';\n"
        f"\\connect {database_name}\nALTER TABLE {table} SET TABLESPACE small;\n"
    )
    try:
        yield
    finally:
        postgres._sql(
            f"\\connect {database_name}\nALTER TABLE {table} SET TABLESPACE pg_default;\n"
            "\\connect postgres\nDROP TABLESPACE small;\n"
        )


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


async def test_nothing_is_sent_for_a_purchase_that_the_disk_has_no_room_for(
    postgres: EmbeddedPostgres, database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble,
    small_disk: Path,
) -> None:  # fmt: skip
    async with open_counter(database_urls, billing_double) as counter:
        with table_on(small_disk, postgres, database_urls, "purchases"):
            signed = await counter.quote()
            with filled(small_disk), pytest.raises(DatabaseUnavailable):
                await counter.confirm(signed)
            assert (await counter.purchases(), billing_double.requests()) == ([], [])
            assert (await counter.confirm(signed)).state is PurchaseState.GRANTED
            await counter.ends_well()


@pytest.mark.parametrize("lasts", ["a moment", "long"])
async def test_an_answer_that_the_disk_has_no_room_for_is_not_lost(
    postgres: EmbeddedPostgres, database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble,
    capabilities: frozenset[str], lasts: str, small_disk: Path,
) -> None:  # fmt: skip
    async with open_counter(database_urls, billing_double, capabilities, timeout_seconds=10) as counter:
        with table_on(small_disk, postgres, database_urls, "entitlements"):
            async with a_call_under_way(counter, billing_double) as buying:
                with filled(small_disk):
                    billing_double.release()
                    await asyncio.wait([buying], timeout=0.5 if lasts == "a moment" else None)
                state = (await buying).state
            assert state is (PurchaseState.GRANTED if lasts == "a moment" else PurchaseState.CHARGING)
            await counter.ends_well()
            assert await counter.state() is PurchaseState.GRANTED
            assert len(billing_double.charges()) == 1


REFUSING = """
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '{code}'; END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_room();
"""


@pytest.mark.parametrize("code", ["53100", "53200", "53300", "53400"])
@pytest.mark.parametrize("table", ["purchases", "entitlements"])
async def test_every_shortage_of_the_server_is_an_error_that_passes(
    database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, table: str, code: str
) -> None:
    """Disk, memory, connections, a limit of its settings: what a small disk shows for the first of them."""
    async with open_counter(database_urls, billing_double) as counter:
        owner = await owner_connection(counter)
        await owner.execute(REFUSING.format(code=code, table=table))
        signed = await counter.quote()
        if table == "purchases":
            with pytest.raises(DatabaseUnavailable):
                await counter.confirm(signed)
            assert billing_double.requests() == []
        else:
            assert (await counter.confirm(signed)).state is PurchaseState.CHARGING
        await owner.execute("DROP FUNCTION no_room CASCADE")
        await owner.close()
        again = await counter.confirm(signed)
        assert again.purchase_id == signed.quote.purchase_id
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert len(billing_double.charges()) == 1
