"""`matinee check` finds what is broken in a live database, and nothing where all is well."""

import base64
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.factories.shop import Shop, open_shop

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import Capability
from matinee.purchases.types import PurchaseState

A = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})

# what is done to a granted purchase, an unclear one or a wallet -> the invariants that it breaks
BREAKS: dict[str, tuple[str, set[str]]] = {
    "a right without a granted purchase": (
        ("UPDATE purchases SET state = 'REVIEW', next_check_at = state_since WHERE payment_type = 'api' "
        "AND state = 'GRANTED'"),
        {"I2", "I5"},
    ),
    "evidence without a right": ("DELETE FROM entitlements", {"I3"}),
    "a charge for what was over": ("UPDATE entitlements SET startable_until = granted_at", {"I3"}),
    "a charge that nobody claimed": (
        """INSERT INTO billing_attempts SELECT operator_id, customer_id, purchase_id, gen_random_uuid(), call,
               provision_id, provision_version, 9, at, outcome, exchange FROM billing_attempts
           WHERE call = 'charge' LIMIT 1""",
        {"I4"},
    ),
    "a second charge in one epoch": (
        """INSERT INTO billing_attempts SELECT a.operator_id, a.customer_id, a.purchase_id, gen_random_uuid(), a.call,
               a.provision_id, a.provision_version, a.epoch, a.at, a.outcome, a.exchange
           FROM billing_attempts a JOIN purchases p USING (operator_id, customer_id, purchase_id)
           WHERE a.call = 'charge' AND p.state = 'GRANTED'""",
        {"I4"},
    ),
    "a final state that was left": (
        """INSERT INTO purchase_events SELECT operator_id, customer_id, purchase_id,
               'ffffffff-0000-7000-8000-000000000000', at + interval '1 second', 'NOT_SENT', 'GRANTED', 1, 'x'
           FROM purchase_events WHERE to_state = 'GRANTED' AND from_state = 'CHARGING'""",
        {"I5"},
    ),
    "another amount than was quoted": (
        """INSERT INTO ledger_entries SELECT operator_id, customer_id, gen_random_uuid(), purchase_id, account,
               amount_minor * 2, currency, cause, posted_at FROM ledger_entries
           WHERE account IN ('billing', 'revenue') AND currency = 'EUR'""",
        {"I6"},
    ),
    "an unclear purchase that was forgotten": (
        "UPDATE purchases SET state_since = state_since - interval '26 hours' WHERE state = 'UNKNOWN'", {"I7"},
    ),
    "half an entry": (
        """INSERT INTO ledger_entries SELECT operator_id, customer_id, gen_random_uuid(), purchase_id, account,
               amount_minor, currency, cause, posted_at FROM ledger_entries WHERE account = 'billing'""",
        {"I8"},
    ),
    "a wallet that holds more than was put in": ("UPDATE wallets SET balance_minor = 50", {"I8"}),
    "a right to another film": (
        ("UPDATE entitlements SET item_id = (SELECT item_id FROM items ORDER BY item_id DESC LIMIT 1) "
        "WHERE item_id = (SELECT item_id FROM items ORDER BY item_id LIMIT 1)"), {"I9"},
    ),
}  # fmt: skip


async def lived_in(shop: Shop) -> None:
    """A granted purchase, one that is unclear, and one from a wallet."""
    ann = await shop.person()
    await shop.buy(ann)
    await shop.buy(await shop.person(wallet=9))
    shop.billing.choose = lambda call: Fault.REQUEST_LOST if call == "charge" else Fault.NO_ANSWER
    unclear = await shop.buy(await shop.person(), shop.sale.movie_ids[1])
    assert unclear.state is PurchaseState.UNKNOWN


def check(urls: EmbeddedPostgresInfo, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")} | {
        "MATINEE_DATABASE_URL": urls.app_url,
        "MATINEE_STORAGE_URL": folder.as_uri(),
        "MATINEE_SECRET_KEY": base64.b64encode(bytes(32)).decode(),
    }
    return subprocess.run(
        [sys.executable, "-m", "matinee.main", "check", *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def as_owner(urls: EmbeddedPostgresInfo, shop: Shop, *statements: str) -> None:
    connection: Any = await asyncpg.connect(urls.owner_url)
    async with connection.transaction():
        await connection.execute(f"SET LOCAL matinee.operator_id = '{shop.operator_id}'")
        for statement in statements:
            await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize(("statement", "broken"), BREAKS.values(), ids=BREAKS)
async def test_each_broken_invariant_is_noticed(
    module_database_urls: EmbeddedPostgresInfo, statement: str, broken: set[str]
) -> None:
    async with open_shop(module_database_urls, capabilities=A, films=2) as shop:
        await lived_in(shop)
        assert await shop.broken() == []
        await as_owner(module_database_urls, shop, statement)
        assert {one.invariant for one in await shop.broken()} == broken


async def test_the_command_tells_what_holds_and_what_does_not(
    database_urls: EmbeddedPostgresInfo, tmp_path: Path
) -> None:
    async with (
        open_shop(database_urls, capabilities=A, films=2) as well,
        open_shop(database_urls, capabilities=A, films=2) as broken,
    ):
        # The command reads the server's clock, by which these purchases are old: only young ones are made here.
        await well.buy(await well.person())
        await broken.buy(await broken.person())
        whole = check(database_urls, tmp_path)
        assert (whole.returncode, whole.stdout) == (0, "2 operators: everything holds.\n")
        await as_owner(
            database_urls, broken, "UPDATE purchases SET state = 'REVIEW', next_check_at = state_since"
        )
        found = check(database_urls, tmp_path)
        lines = found.stdout.splitlines()
        assert (found.returncode, lines[-1]) == (1, f"2 operators: {len(lines) - 1} broken.")
        slug = broken.sale.operator.slug
        assert {line.split(": ")[0] for line in lines[:-1]} == {slug}
        assert {line.split(": ")[1] for line in lines[:-1]} >= {"I5"}
        as_json = check(database_urls, tmp_path, "--json", "--operator", slug)
        report = json.loads(as_json.stdout)
        assert (as_json.returncode, report["broken"]) == (1, len(lines) - 1)
        assert [one["operator"] for one in report["operators"]] == [slug]
        only = check(database_urls, tmp_path, "--operator", well.sale.operator.slug)
        assert (only.returncode, only.stdout) == (0, "1 operator: everything holds.\n")
        nobody = check(database_urls, tmp_path, "--operator", "nobody")
        assert (nobody.returncode, nobody.stdout) == (1, "")
        assert nobody.stderr.startswith("Error: There is no operator 'nobody'")


async def test_a_day_without_a_decision_needs_an_alert(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A, films=2) as shop:
        await lived_in(shop)
        shop.clock.advance(timedelta(hours=24))
        assert await shop.broken() == []
        shop.clock.advance(timedelta(hours=2))
        assert [one.invariant for one in await shop.broken()] == ["I7"]
        await shop.work()
        assert await shop.broken() == []
