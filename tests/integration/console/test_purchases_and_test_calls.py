"""A test call touches no purchase, whatever its settings and earlier answers say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.factories.console_app import console_app
from tests.factories.shop import SECRET_KEY, Shop, open_shop
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.pages import error_at
from tests.simulation.seeded import A

from matinee.platform.audit import SYSTEM
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.secrets import SecretBox
from matinee.platform.storage import ObjectStorage
from matinee.provisions.operations import update_provision
from matinee.provisions.operations.call_tests import keep_call_test
from matinee.provisions.queries import billing_version, get_provision
from matinee.provisions.types import ExchangeRecord, KeyMapping

POLICY = EgressPolicy.parse("127.0.0.1/32:8100")
REFUND = {"call": "refund", "userid": "test", "price": "1.00", "reference": "test-1", "agreed": ""}


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(database_urls, capabilities=A) as opened:
        yield opened


@asynccontextmanager
async def _integrator(shop: Shop, storage: ObjectStorage) -> AsyncIterator[Browser]:
    ports: dict[str, Any] = {
        "settings": None, "secret_box": SecretBox(SECRET_KEY), "egress": POLICY, "gateway": shop.billing,
        "quotes": None, "playback_tokens": None, "purchases": shop.services,
    }  # fmt: skip
    staff = await add_staff(shop.database, shop.sale.operator, "integration")
    app = console_app(database=shop.database, storage=storage, ports=ports)
    async with open_browser(app, shop.sale.operator) as browser:
        await browser.sign_in(staff.email)
        yield browser


async def test_no_answer_and_no_setting_leads_a_test_to_a_purchase(
    shop: Shop, storage: ObjectStorage
) -> None:
    purchase = await shop.buy(await shop.person())
    assert purchase.billing_transaction is not None
    ids = {"operator_id": shop.operator_id, "provision_id": shop.sale.provision_id}
    async with shop.database.transaction(shop.operator_id) as tx:
        # An answer of whatever address somebody tried, which tells of another charge than its own.
        target, _ = await billing_version(tx, **ids, version=1)
        await keep_call_test(
            tx, target=target, reference="test-1", actor=SYSTEM, now=await tx.now(), unsaved=True,
            record=ExchangeRecord(call="charge", request="", elapsed_ms=1, verdict="success", cause=""),
            found={"transaction_id": purchase.billing_transaction},
        )  # fmt: skip
    path = f"/console/crm/products/api-provisions/{shop.sale.provision_id}/test-call"
    async with _integrator(shop, storage) as browser:
        laundered = await browser.post(path, REFUND)
        assert laundered.status_code == 422
        assert "is the charge of a purchase" in error_at(laundered, "reference")
        async with shop.database.transaction(shop.operator_id) as tx:
            config = (await get_provision(tx, **ids)).config
            assert config.refund is not None
            rows = (
                *config.refund.key_map,
                KeyMapping(parameter="also", constant=purchase.reference.upper()),
            )
            config = msgspec.structs.replace(
                config, refund=msgspec.structs.replace(config.refund, key_map=rows)
            )
            await update_provision(
                tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id, config=config, policy=POLICY,
                actor=SYSTEM, now=await tx.now(),
            )  # fmt: skip
        named = await browser.post(path, REFUND)
        assert named.status_code == 422
        assert "name the reference of a purchase" in error_at(named, "call")
    assert shop.standing(purchase) == 1
