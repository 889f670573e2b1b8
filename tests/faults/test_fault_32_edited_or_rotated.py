"""Fault 32: the provision is edited, or its secret is rotated, while a purchase is open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_D
from tests.doubles.misbehaviour import answer_lost
from tests.doubles.settings import provision_for
from tests.faults.counter import STAFF, Counter, open_counter, services_for

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.secrets import SecretBox
from matinee.provisions.egress import EgressPolicy
from matinee.provisions.exchange import AiohttpBillingGateway
from matinee.provisions.operations import delete_secret, set_secret, update_provision
from matinee.provisions.queries import get_provision
from matinee.provisions.types import HeaderAuth, ProvisionConfig
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

BOX = SecretBox(b"k" * 32)


def policy_for(billing: BillingDouble) -> EgressPolicy:
    return EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")


@asynccontextmanager
async def counter_with_secret(
    urls: EmbeddedPostgresInfo, billing: BillingDouble, capabilities: frozenset[str]
) -> AsyncIterator[Counter]:
    """A counter whose billing asks for the secret `old`, which is set."""
    config = provision_for(billing.base_url, capabilities=capabilities, timeout_seconds=1)
    auth = HeaderAuth(header="X-Billing-Secret", value_secret="key")
    config = msgspec.structs.replace(config, auth=auth)
    async with (
        open_counter(urls, billing, capabilities, config=config) as counter,
        AiohttpBillingGateway(policy=policy_for(billing), box=BOX) as gateway,
    ):
        billing.configure(capabilities=capabilities, secret="old")
        await rotate(counter, "old")
        yield msgspec.structs.replace(counter, services=services_for(counter.database, gateway))


async def rotate(counter: Counter, text: str) -> None:
    async with counter.database.transaction(counter.operator_id) as tx:
        await set_secret(
            tx, operator_id=counter.operator_id, provision_id=counter.sale.provision_id, name="key",
            text=text, box=BOX, actor=STAFF, now=await tx.now(),
        )  # fmt: skip


async def edit(counter: Counter, **changes: Any) -> ProvisionConfig:
    """Save another version; return its settings."""
    ids: dict[str, Any] = {
        "operator_id": counter.operator_id,
        "provision_id": counter.sale.provision_id,
    }
    async with counter.database.transaction(counter.operator_id) as tx:
        config = (await get_provision(tx, **ids)).config
        config = msgspec.structs.replace(config, timeout_seconds=3, **changes)
        edited = await update_provision(
            tx, config=config, policy=policy_for(counter.billing), actor=STAFF, now=await tx.now(), **ids
        )
    assert edited.version == 2
    return edited.config


async def test_an_open_purchase_is_settled_with_the_secret_as_it_is_now(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with counter_with_secret(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", answer_lost("close"))
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        billing_double.configure(capabilities=capabilities, secret="new")
        await counter.pass_time(timedelta(minutes=1))
        assert await counter.state() is PurchaseState.UNKNOWN  # every question is refused
        await rotate(counter, "new")
        await counter.pass_time(timedelta(minutes=5))
        if capabilities != CLASS_D:
            assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert (len(billing_double.standing()), len(billing_double.requests("charge"))) == (1, 1)


async def test_a_charge_with_a_secret_that_is_no_longer_good_is_never_sent_twice(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    async with counter_with_secret(module_database_urls, billing_double, capabilities) as counter:
        billing_double.configure(capabilities=capabilities, secret="new")
        first = await counter.buy()
        # Where billing is asked first, the question is refused and nothing is sent; elsewhere nobody can say.
        assert first.state in (PurchaseState.UNKNOWN, PurchaseState.NOT_SENT)
        assert len(billing_double.requests("charge")) == (first.state is PurchaseState.UNKNOWN)
        await rotate(counter, "new")
        await counter.ends_well()
        assert billing_double.standing() == []
        assert (await counter.buy()).state is PurchaseState.GRANTED
        assert len(billing_double.standing()) == 1


async def test_a_secret_that_is_gone_sends_nothing_and_charges_nobody(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    """The newest version does without it, so it could be deleted; what is published still needs it."""
    async with counter_with_secret(module_database_urls, billing_double, CLASS_A) as counter:
        signed = await counter.quote()
        await edit(counter, auth=HeaderAuth(header="X-Billing-Secret", value_secret="other"))
        async with counter.database.transaction(counter.operator_id) as tx:
            await delete_secret(
                tx, operator_id=counter.operator_id, provision_id=counter.sale.provision_id, name="key",
                actor=STAFF, now=await tx.now(),
            )  # fmt: skip
        assert (await counter.confirm(signed)).state is PurchaseState.NOT_SENT
        assert billing_double.requests() == []
        await counter.ends_well()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_purchase_keeps_the_version_it_was_made_with(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    moment: str,
) -> None:  # fmt: skip
    """The edit is wrong in everything: another address, and a rule that takes every answer for a success."""
    async with open_counter(module_database_urls, billing_double, capabilities) as counter:
        billing_double.behave("charge", answer_lost("close"))
        signed = await counter.quote()
        wrong = {
            "base_url": f"http://127.0.0.1:{billing_double.port}/elsewhere",
            "status": None,
            "refund": None,
        }
        if moment == "before":
            await edit(counter, **wrong)
        assert (await counter.confirm(signed)).state is PurchaseState.UNKNOWN
        if moment == "after":
            await edit(counter, **wrong)
        await counter.pass_time(timedelta(minutes=1))
        if capabilities != CLASS_D:
            assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert {request.path for request in billing_double.requests("charge")} == {"/rentals"}
        assert (len(billing_double.standing()), len(billing_double.requests("charge"))) == (1, 1)
