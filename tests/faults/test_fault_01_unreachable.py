"""Fault 1: billing's name is unknown, nobody listens, or its certificate is wrong. Nothing was sent."""

import ssl

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.settings import provision_for
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]


@pytest.mark.parametrize("fault", ["dns", "connect", "tls"])
async def test_nothing_is_sent_and_confirming_again_is_safe(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, free_port: int,
    capabilities: frozenset[str], fault: str,
) -> None:  # fmt: skip
    address = {
        "dns": f"http://nobody.invalid:{billing_double.port}/rentals",
        "connect": f"http://127.0.0.1:{free_port}/rentals",
        "tls": f"https://127.0.0.1:{billing_double.port}/rentals",  # the double speaks no TLS
    }[fault]
    config = provision_for(address, capabilities=capabilities, timeout_seconds=3)
    async with open_counter(module_database_urls, billing_double, capabilities, config=config) as counter:
        policy = EgressPolicy.parse(
            f"127.0.0.0/8:{billing_double.port}, 127.0.0.0/8:{free_port}, nobody.invalid:{billing_double.port}"
        )
        async with AiohttpBillingGateway(policy=policy, tls=ssl.create_default_context()) as gateway:
            services: PurchaseServices = msgspec.structs.replace(counter.services, gateway=gateway)
            purchase = await counter.confirm(await counter.quote(), services=services)
            assert purchase.state is PurchaseState.NOT_SENT
            again = await counter.confirm(await counter.quote(), services=services)
            assert again.reference == purchase.reference
        assert billing_double.requests() == []
        await counter.ends_well()
