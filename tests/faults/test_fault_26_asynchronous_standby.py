"""Fault 26: a standby is attached that commits do not wait for. A fail-over to it would forget charges: refused."""

import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.faults.servers import STANDBY, Pair

from matinee.kernel.errors import Misconfigured
from matinee.main.health import readiness, refuse_to_forget
from matinee.platform.db import Database, Standby
from matinee.platform.settings import Settings

SECONDS_TO_REFUSE = 60


@pytest.fixture
def asynchronous(pair: Pair) -> Iterator[Pair]:
    pair.renew()
    pair.wait_for("")
    yield pair
    if pair.standby is not None:
        pair.wait_for(STANDBY)


@pytest.fixture
async def database(pair: Pair) -> AsyncIterator[Database]:
    database = await Database.connect(pair.urls.app_url, connections=2)
    yield database
    await database.close()


async def test_a_process_is_not_ready_and_says_why(asynchronous: Pair, database: Database) -> None:
    found = await readiness(database)
    assert (found.ready, found.code) == (False, "not_durable")
    assert "synchronous_standby_names" in found.message
    with pytest.raises(Misconfigured, match="MATINEE_DATABASE_STANDBY=none"):
        await refuse_to_forget(database, standby=Standby.ATTACHED)


@pytest.mark.parametrize("command", [["worker"], ["serve", "--port", "1024"]], ids=["worker", "serve"])
def test_the_commands_do_not_start(asynchronous: Pair, tmp_path: Path, command: list[str]) -> None:
    environment = {
        "MATINEE_DATABASE_URL": asynchronous.urls.app_url,
        "MATINEE_STORAGE_URL": tmp_path.as_uri(),
        "MATINEE_SECRET_KEY": base64.b64encode(bytes(32)).decode(),
    }
    done = subprocess.run(
        [sys.executable, "-m", "matinee.main", *command], env=os.environ | environment, capture_output=True,
        text=True, timeout=SECONDS_TO_REFUSE, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "A standby is attached to the database and commits do not wait for it" in done.stderr
    assert "Traceback" not in done.stderr


async def test_one_that_never_takes_over_may_follow_as_it_likes(
    asynchronous: Pair, database: Database
) -> None:
    assert (await readiness(database, standby=Standby.NONE)).ready
    await refuse_to_forget(database, standby=Standby.NONE)


async def test_one_that_is_promised_must_be_waited_for_even_while_it_is_away(
    asynchronous: Pair, database: Database
) -> None:
    assert (await readiness(database, standby=Standby.SYNCHRONOUS)).code == "not_durable"
    asynchronous.wait_for(STANDBY)
    assert (await readiness(database, standby=Standby.SYNCHRONOUS)).ready


async def test_a_synchronous_standby_is_welcome(pair: Pair, database: Database) -> None:
    pair.renew()
    assert (await readiness(database)).ready


async def test_whatever_the_server_defaults_to_our_commits_wait(pair: Pair, database: Database) -> None:
    pair.sql("ALTER ROLE matinee_app SET synchronous_commit = 'off';")
    try:
        fresh = await Database.connect(pair.urls.app_url, connections=1)
        async with fresh.directory() as tx:
            assert await tx.fetchval("SHOW synchronous_commit") == "on"
        await fresh.close()
    finally:
        pair.sql("ALTER ROLE matinee_app RESET synchronous_commit;")


async def test_a_base_backup_under_way_is_no_standby(
    asynchronous: Pair, database: Database, tmp_path: Path
) -> None:
    """A nightly backup must not take the shop down."""
    asynchronous.stop_following()
    assert (await readiness(database)).ready
    with asynchronous.primary.backup_under_way(asynchronous.scratch()):
        async with database.directory() as tx:
            assert await tx.fetchval("SELECT count(*) FROM pg_stat_replication") > 0
        assert (await readiness(database)).ready


@pytest.mark.parametrize(("text", "standby"), [("", Standby.ATTACHED), ("none", Standby.NONE)])
def test_the_setting(text: str, standby: Standby) -> None:
    given = {
        "MATINEE_DATABASE_URL": "postgresql://x/y", "MATINEE_STORAGE_URL": "file:///x",
        "MATINEE_SECRET_KEY": base64.b64encode(bytes(32)).decode(), "MATINEE_DATABASE_STANDBY": text,
    }  # fmt: skip
    assert Settings.from_environment(given).database_standby is standby
    with pytest.raises(Misconfigured, match="MATINEE_DATABASE_STANDBY"):
        Settings.from_environment(given | {"MATINEE_DATABASE_STANDBY": "asynchronous"})
