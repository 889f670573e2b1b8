"""Fault 29: the clocks of the application's hosts are wrong by an hour, in both directions. The database's decides."""

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import answer_lost
from tests.factories.clock import SetClock
from tests.faults.counter import Counter, end, open_counters
from tests.faults.product import Product, Web, signed_in
from tests.programs import require_program

from matinee.entitlements.queries import entitlement_of_purchase
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

ASKED = ("A", "B")
HOUR_SECONDS = 3600
SECONDS_TO_SETTLE = 20
TOLERANCE = timedelta(minutes=1)
SOURCE = Path(__file__).with_name("wrong_clock.c")


@pytest.fixture(scope="module")
def wrong_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes the clock of a process wrong."""
    compiler = require_program("cc", package="gcc libc6-dev")
    library = tmp_path_factory.mktemp("clock") / "wrong_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def wrong(library: Path, seconds: int) -> dict[str, str]:
    return {"LD_PRELOAD": str(library), "WRONG_BY_SECONDS": str(seconds)}


def test_the_clock_of_a_process_is_really_wrong(wrong_clock: Path) -> None:
    asking = (
        "import time, datetime; print(time.time(), datetime.datetime.now().timestamp(), time.monotonic())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", asking], env=wrong(wrong_clock, HOUR_SECONDS), capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    of_day, of_date, measured = (float(word) for word in printed.split())
    assert abs(of_day - time.time() - HOUR_SECONDS) < 60
    assert abs(of_date - time.time() - HOUR_SECONDS) < 60
    assert abs(measured - time.monotonic()) < 60


async def granted(counter: Counter) -> None:
    async with asyncio.timeout(SECONDS_TO_SETTLE):
        while await counter.state() is not PurchaseState.GRANTED:  # noqa: ASYNC110 (another process settles it)
            await asyncio.sleep(0.05)


async def test_the_databases_clock_decides_everything(
    database_urls: EmbeddedPostgresInfo, doubles: dict[str, BillingDouble], tmp_path: Path, wrong_clock: Path
) -> None:
    """An invoice of a host that is early is confirmed at one that is late, and the other way round."""
    ports = [double.port for double in doubles.values()]
    clock = SetClock(datetime.now(UTC))
    async with open_counters(database_urls, doubles, clock=clock, films=3) as shops:
        with Product.started(tmp_path, database_urls, ports) as product:
            early = product.web("early", wrong(wrong_clock, HOUR_SECONDS))
            late = product.web("late", wrong(wrong_clock, -HOUR_SECONDS))
            product.worker("worker", wrong(wrong_clock, HOUR_SECONDS))
            for web in (early, late):
                await asyncio.to_thread(web.wait)
            for name, shop in shops.items():
                await buys(shop, 0, early, late)
                await buys(shop, 1, late, early)
                if name in ASKED:
                    shop.billing.behave("charge", answer_lost())
                    await buys(shop, 2, late, early, state="confirming")
                    await granted(shop)
        clock.moment = datetime.now(UTC)
        for shop in shops.values():
            await every_moment_is_the_databases(shop)
        assert await end(list(shops.values())) == [{}] * len(shops)
        for name, shop in shops.items():
            assert len(shop.billing.charges()) == (3 if name in ASKED else 2)


async def buys(shop: Counter, film: int, quoting: Web, confirming: Web, *, state: str = "granted") -> None:
    device = await signed_in(shop)
    quoted = await device.quote(quoting, film)
    lasts = datetime.fromisoformat(quoted.json()["expires_at"]) - shop.clock.moment
    assert abs(lasts - timedelta(minutes=10)) < TOLERANCE
    assert (await device.confirm(confirming, quoted)).json()["state"] == state
    assert (await device.confirm(quoting, quoted)).json()["state"] in (state, "granted")


async def every_moment_is_the_databases(shop: Counter) -> None:
    for purchase in await shop.purchases():
        assert purchase.granted_at is not None
        for moment in (purchase.confirmed_at, purchase.state_since, purchase.granted_at):
            assert abs(moment - shop.clock.moment) < TOLERANCE
        async with shop.database.transaction(shop.operator_id) as tx:
            right = await entitlement_of_purchase(
                tx, operator_id=shop.operator_id, customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
            )  # fmt: skip
        assert right is not None
        assert right.startable_until == purchase.granted_at + timedelta(hours=48)
