"""Fault 32: the provision is edited, or a secret rotated, while a purchase is open."""

from datetime import timedelta

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import answer_lost
from tests.doubles.settings import provision_for
from tests.factories.shop import SECRET_KEY
from tests.faults.counter import STAFF, Counter, open_counter

from matinee.kernel.errors import Conflict, Refused
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.secrets import SecretBox
from matinee.provisions.operations import record_probe, switch_off, update_provision
from matinee.provisions.operations.secrets import delete_secret, set_secret
from matinee.provisions.types import HeaderAuth, ProbeReport, ProvisionConfig
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]
NAME = "billing_key"


async def keep_secret(counter: Counter, text: str) -> None:
    async with counter.database.transaction(counter.operator_id) as tx:
        await set_secret(
            tx, operator_id=counter.operator_id, provision_id=counter.sale.provision_id, name=NAME, text=text,
            box=SecretBox(SECRET_KEY), actor=STAFF, now=counter.clock.moment,
        )  # fmt: skip


async def forget_secret(counter: Counter) -> None:
    async with counter.database.transaction(counter.operator_id) as tx:
        await delete_secret(
            tx, operator_id=counter.operator_id, provision_id=counter.sale.provision_id, name=NAME,
            actor=STAFF, now=counter.clock.moment,
        )  # fmt: skip


def guarded(billing: BillingDouble, can: frozenset[str]) -> ProvisionConfig:
    """Settings that prove who calls with a secret in a header."""
    config = provision_for(billing.base_url, capabilities=can, timeout_seconds=1)
    return msgspec.structs.replace(config, auth=HeaderAuth(header="X-Billing-Secret", value_secret=NAME))


async def edit(counter: Counter, config: ProvisionConfig, *ports: int) -> None:
    policy = EgressPolicy.parse(", ".join(f"127.0.0.0/8:{port}" for port in ports))
    async with counter.database.transaction(counter.operator_id) as tx:
        saved = await update_provision(
            tx, operator_id=counter.operator_id, provision_id=counter.sale.provision_id, config=config,
            policy=policy, actor=STAFF, now=counter.clock.moment,
        )  # fmt: skip
    assert saved.version == 2


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("order", ["billing first", "ours first"])
async def test_a_rotated_secret_counts_for_open_purchases_at_once(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str], order: str
) -> None:
    async with open_counter(
        module_database_urls, billing_double, can, config=guarded(billing_double, can)
    ) as counter:
        billing_double.configure(capabilities=can, secret="the old one")
        await keep_secret(counter, "the old one")
        billing_double.behave("charge", answer_lost())
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        if order == "billing first":
            billing_double.configure(capabilities=can, secret="the new one")
        else:
            await keep_secret(counter, "the new one")
        await counter.pass_time(timedelta(hours=1))  # nobody believes a 401
        assert await counter.state() is PurchaseState.UNKNOWN
        billing_double.configure(capabilities=can, secret="the new one")
        await keep_secret(counter, "the new one")
        await counter.pass_time(timedelta(hours=2))
        assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert len(billing_double.charges()) == 1


@pytest.mark.parametrize("can", ASKED)
async def test_a_charge_with_an_old_secret_is_unclear_and_ends_without_a_charge(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(
        module_database_urls, billing_double, can, config=guarded(billing_double, can)
    ) as counter:
        billing_double.configure(capabilities=can, secret="the new one")
        await keep_secret(counter, "the old one")
        bought = await counter.buy()
        asked_first = "idempotent" not in can
        assert bought.state is (PurchaseState.NOT_SENT if asked_first else PurchaseState.UNKNOWN)
        await keep_secret(counter, "the new one")
        await counter.ends_well()
        assert billing_double.charges() == []


async def test_without_its_secret_nothing_is_sent_and_one_in_use_cannot_be_deleted(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    config = guarded(billing_double, CLASS_A)
    async with open_counter(module_database_urls, billing_double, config=config) as counter:
        billing_double.configure(secret="a secret")
        assert (await counter.buy()).state is PurchaseState.NOT_SENT
        assert billing_double.requests() == []
        await keep_secret(counter, "a secret")
        billing_double.behave("charge", answer_lost())
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        with pytest.raises(Conflict):
            await forget_secret(counter)
        await counter.ends_well()
        assert (await counter.state(), len(billing_double.charges())) == (PurchaseState.GRANTED, 1)


@pytest.mark.parametrize("can", ASKED)
async def test_an_open_purchase_is_asked_for_where_it_was_charged(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble,
    second_billing_double: BillingDouble, can: frozenset[str],
) -> None:  # fmt: skip
    """The provision moves to another billing system, which knows nothing of the purchase."""
    async with open_counter(module_database_urls, billing_double, can) as counter:
        second_billing_double.configure(capabilities=can)
        billing_double.behave("charge", answer_lost())
        quoted_before = await counter.quote()
        assert (await counter.confirm(quoted_before)).state is PurchaseState.UNKNOWN
        moved = provision_for(second_billing_double.base_url, capabilities=can, timeout_seconds=3)
        await edit(counter, moved, billing_double.port, second_billing_double.port)
        await counter.pass_time(timedelta(seconds=10))
        assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert (len(billing_double.charges()), second_billing_double.requests()) == (1, [])


@pytest.mark.parametrize("change", ["edited", "switched off", "proved less"])
async def test_what_is_open_settles_by_the_version_that_it_was_made_with(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, capabilities: frozenset[str],
    change: str,
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, capabilities, films=2) as counter:
        billing_double.behave("charge", answer_lost())
        assert (await counter.buy()).state is PurchaseState.UNKNOWN
        async with counter.database.transaction(counter.operator_id) as tx:
            if change == "switched off":
                await switch_off(
                    tx, operator_id=counter.operator_id, provision_id=counter.sale.provision_id, actor=STAFF,
                    now=counter.clock.moment,
                )  # fmt: skip
            elif change == "proved less":
                await record_probe(
                    tx, operator_id=counter.operator_id, provision_id=counter.sale.provision_id, version=1,
                    report=ProbeReport(steps=(), capabilities=frozenset()), actor=STAFF,
                    now=counter.clock.moment,
                )  # fmt: skip
        if change == "edited":
            config = provision_for(billing_double.base_url, capabilities=capabilities, timeout_seconds=5)
            await edit(counter, config, billing_double.port)
        if change == "switched off":
            with pytest.raises(Refused):
                await counter.quote(film=1)
        await counter.ends_well()
        assert await counter.state() is PurchaseState.GRANTED
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)
