"""Fault 35: the database is lost and restored to an earlier moment, from a base backup and the archived log.

What stays unseen: a purchase that the restored database does not know of, until its customer opens the film again.
Billing that cannot be asked (C, D) is then charged a second time, unless its books are compared first:
docs/operations.md says so.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import answer_lost, declined
from tests.faults.counter import STAFF, Counter, end, open_counters, pass_time
from tests.faults.servers import Archived

from matinee.main.health import readiness
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.operations.by_staff import refund_by_staff
from matinee.purchases.types import Purchase, PurchaseState

ASKED = ("A", "B")
KEPT, UNCLEAR, FORGOTTEN, REFUNDED, REFUSED = range(5)


@pytest.fixture
def archived(scratch: Path) -> Iterator[Archived]:
    folder = scratch / "archived"
    folder.mkdir(mode=0o711)
    server = Archived(folder)
    try:
        yield server
    finally:
        server.remove()


def moved(counter: Counter, database: Database, urls: EmbeddedPostgresInfo) -> Counter:
    """The same counter, before another database."""
    services = msgspec.structs.replace(counter.services, database=database)
    return msgspec.structs.replace(counter, database=database, services=services, urls=urls)


async def ask_back(counter: Counter, bought: Purchase) -> None:
    async with counter.database.transaction(counter.operator_id) as tx:
        await refund_by_staff(
            tx, operator=counter.sale.operator, reference_key=counter.services.reference_key,
            customer_id=bought.customer_id, purchase_id=bought.purchase_id, reason="asked for it", actor=STAFF,
        )  # fmt: skip


async def states(counter: Counter) -> dict[int, PurchaseState]:
    """The state of each film's newest purchase."""
    films = {movie_id: number for number, movie_id in enumerate(counter.sale.movie_ids)}
    return {films[one.item_id]: one.state for one in reversed(await counter.purchases())}


async def test_the_restored_shop_charges_nobody_twice_and_finds_what_it_forgot(
    archived: Archived, doubles: dict[str, BillingDouble]
) -> None:
    urls = archived.start()
    async with open_counters(urls, doubles, films=5, timeout_seconds=5) as shops:
        refunding: dict[str, Purchase] = {}
        for name, shop in shops.items():
            await shop.buy(KEPT)
            refunding[name] = await shop.buy(REFUNDED)
            shop.billing.behave("charge", answer_lost())
            await shop.buy(UNCLEAR)
        archived.server.mark("before")
        forgotten: dict[str, Purchase] = {}
        for name, shop in shops.items():
            forgotten[name] = await shop.buy(FORGOTTEN)
            shop.billing.behave("charge", declined())
            await shop.buy(REFUSED)
            await ask_back(shop, refunding[name])
        await pass_time(list(shops.values()), timedelta(minutes=5))
        for name in ASKED:
            known = await states(shops[name])
            assert (known[UNCLEAR], known[REFUNDED]) == (PurchaseState.GRANTED, PurchaseState.REVERSED)

        restored = archived.restore("before")
        database = await Database.connect(restored.app_url, connections=10, clock=shops["A"].clock)
        try:
            assert (await readiness(database)).ready
            after = {name: moved(shop, database, restored) for name, shop in shops.items()}
            await found_again(after, forgotten)
        finally:
            await database.close()


async def found_again(shops: dict[str, Counter], forgotten: dict[str, Purchase]) -> None:
    for name in ASKED:
        shop = shops[name]
        known = await states(shop)
        assert (known[KEPT], known[UNCLEAR]) == (PurchaseState.GRANTED, PurchaseState.UNKNOWN)
        assert known[REFUNDED] is PurchaseState.GRANTED  # the refund was forgotten
        assert FORGOTTEN not in known
        again = await shop.buy(FORGOTTEN)
        assert (again.state, again.reference) == (PurchaseState.GRANTED, forgotten[name].reference)
        assert len(shop.billing.charges(again.reference)) == 1
        await shop.buy(REFUSED)
    ended = await end(list(shops.values()))
    assert dict(zip(shops, ended, strict=True)) == {
        "A": {},
        "B": {},
        "C": {"no_access": 1},
        "D": {"no_access": 1},
    }
    for name in ASKED:
        known = await states(shops[name])
        assert known == {
            KEPT: PurchaseState.GRANTED,
            UNCLEAR: PurchaseState.GRANTED,
            FORGOTTEN: PurchaseState.GRANTED,
            REFUNDED: PurchaseState.REVERSED,
            REFUSED: known[REFUSED],
        }
