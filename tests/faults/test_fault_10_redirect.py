"""Fault 10: billing answers with a redirect. Following it would be a second request."""

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import redirect
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_it_is_not_followed(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    code: int,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", redirect(billing_double.base_url + "?elsewhere=1", code))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        assert len(billing_double.requests("charge")) == 1
        await counter.ends_well()
        assert await counter.state() is PurchaseState.VOID
        assert (billing_double.charges(), len(billing_double.requests("charge"))) == ([], 1)
