"""Nothing is sold through a provision of which nothing was proved, until somebody accepts that."""

from collections.abc import AsyncIterator

import pytest
from tests.factories.shop import Shop, open_shop

from matinee.kernel.errors import Refused
from matinee.platform.audit import SYSTEM
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.operations import accept_class_d, record_probe
from matinee.provisions.types import Capability, ProbeReport
from matinee.purchases.types import PurchaseState


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(database_urls, capabilities=frozenset()) as shop:
        async with shop.database.transaction(shop.operator_id) as tx:
            await tx.execute(
                "UPDATE provisions SET class_d_accepted_at = NULL, class_d_accepted_by = NULL, class_d_words = NULL"
            )
        yield shop


async def _refusal(shop: Shop) -> Refused:
    with pytest.raises(Refused) as refused:
        await shop.quote(await shop.person())
    return refused.value


async def test_without_proof_and_without_consent_nothing_is_for_sale(shop: Shop) -> None:
    refusal = await _refusal(shop)
    assert refusal.code == "not_for_sale"
    assert refusal.message == "Renting is not available at the moment."
    assert shop.billing.requests == []


async def test_a_wallet_needs_no_provision(shop: Shop) -> None:
    person = await shop.person(wallet=100)
    assert (await shop.buy(person)).state is PurchaseState.GRANTED


async def test_once_accepted_it_sells(shop: Shop) -> None:
    await _refusal(shop)
    async with shop.database.transaction(shop.operator_id) as tx:
        await accept_class_d(
            tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id, actor=SYSTEM,
            now=await tx.now(), words="we look into the books by hand",
        )  # fmt: skip
    assert (await shop.buy(await shop.person())).state is PurchaseState.GRANTED


async def test_once_proved_it_sells(shop: Shop) -> None:
    await _refusal(shop)
    async with shop.database.transaction(shop.operator_id) as tx:
        await record_probe(
            tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id, version=1, actor=SYSTEM,
            report=ProbeReport(steps=(), capabilities=frozenset({Capability.IDEMPOTENT, Capability.STATUS})),
            now=await tx.now(),
        )  # fmt: skip
    assert (await shop.quote(await shop.person())).quote.provision_version == 1


async def test_a_proof_that_a_later_probe_took_away_stops_the_confirmation(shop: Shop) -> None:
    async with shop.database.transaction(shop.operator_id) as tx:
        ids = {"operator_id": shop.operator_id, "provision_id": shop.sale.provision_id}
        proved = ProbeReport(steps=(), capabilities=frozenset({Capability.IDEMPOTENT, Capability.STATUS}))
        await record_probe(tx, **ids, version=1, report=proved, actor=SYSTEM, now=await tx.now())
    person = await shop.person()
    signed = await shop.quote(person)
    async with shop.database.transaction(shop.operator_id) as tx:
        nothing = ProbeReport(steps=(), capabilities=frozenset())
        await record_probe(tx, **ids, version=1, report=nothing, actor=SYSTEM, now=await tx.now())
    with pytest.raises(Refused):
        await shop.confirm(person, signed)
    assert shop.billing.requests == []
