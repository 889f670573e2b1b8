"""Fault 24: the connection to the database breaks at a commit; it was made, or not, and nobody says which."""

from contextlib import suppress
from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.faults.counter import gateway_for, open_counter, services_for
from tests.faults.cutting_proxy import Cut, CuttingProxy

from matinee.kernel.errors import Unavailable
from matinee.platform.db import CommitInDoubt, Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("number", range(2))
async def test_each_commit_of_a_purchase_may_be_in_doubt(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    number: int, where: Cut,
) -> None:  # fmt: skip
    async with (
        open_counter(module_database_urls, billing_double, capabilities) as counter,
        CuttingProxy.to(module_database_urls.app_url) as proxy,
        gateway_for(billing_double.port) as gateway,
    ):
        database = await Database.connect(proxy.url, connections=3, clock=counter.clock)
        try:
            signed = await counter.quote()
            proxy.cut(number, where)
            with suppress(Unavailable):
                await counter.confirm(signed, services=services_for(database, gateway))
        finally:
            await database.close()
        counter.clock.advance(timedelta(seconds=3))
        again = await counter.confirm(signed)
        assert again.purchase_id == signed.quote.purchase_id
        await counter.ends_well()
        assert len(billing_double.requests("charge")) <= 1
        charged = len(billing_double.charges())
        # On a busy machine billing may not even be reached in time.
        uncharged = (PurchaseState.VOID, PurchaseState.NOT_SENT)
        assert await counter.state() in ((PurchaseState.GRANTED,) if charged else uncharged)


@pytest.mark.parametrize(("where", "bought"), [("before", 0), ("after", 1)])
async def test_nothing_is_sent_while_the_claim_is_in_doubt(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, where: Cut, bought: int
) -> None:
    async with (
        open_counter(module_database_urls, billing_double) as counter,
        CuttingProxy.to(module_database_urls.app_url) as proxy,
        gateway_for(billing_double.port) as gateway,
    ):
        database = await Database.connect(proxy.url, connections=3, clock=counter.clock)
        signed = await counter.quote()
        proxy.cut(0, where)
        with pytest.raises(CommitInDoubt):
            await counter.confirm(signed, services=services_for(database, gateway))
        await database.close()
        assert (proxy.cuts, billing_double.requests("charge")) == (1, [])
        assert len(await counter.purchases()) == bought
        await counter.ends_well()


async def test_an_answer_is_saved_although_the_first_connection_broke(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with (
        open_counter(module_database_urls, billing_double, capabilities) as counter,
        CuttingProxy.to(module_database_urls.app_url) as proxy,
        gateway_for(billing_double.port) as gateway,
    ):
        database = await Database.connect(proxy.url, connections=3, clock=counter.clock)
        signed = await counter.quote()
        proxy.cut(1, "before")
        await counter.confirm(signed, services=services_for(database, gateway))
        await database.close()
        assert proxy.cuts == 1
        assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert len(billing_double.charges()) == 1
