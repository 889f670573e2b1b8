"""Fault 28: a callback of billing comes while a worker resolves the same purchase, many times over, or with a lie."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import answer_lost, held, proxy_repeats, request_lost
from tests.doubles.settings import provision_for
from tests.factories.shop import SECRET_KEY
from tests.faults.counter import STAFF, Counter, open_counter

from matinee.kernel.ids import new_id
from matinee.kernel.webhook_signatures import signature
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.secrets import SecretBox
from matinee.provisions.operations.secrets import set_secret
from matinee.provisions.rules.callbacks import SignedMessage
from matinee.provisions.types import ProvisionConfig
from matinee.purchases.jobs.callbacks import follow_up, take_callback
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]
NAME, SECRET = "callbacks", "whsec_c2VjcmV0LW9mLW91ci1vd24tYmlsbGluZw=="
BOX = SecretBox(SECRET_KEY)


def telling(billing: BillingDouble, can: frozenset[str]) -> ProvisionConfig:
    config = provision_for(billing.base_url, capabilities=can, timeout_seconds=5)
    return msgspec.structs.replace(config, callback_secret=NAME)


async def agree_on_secret(counter: Counter) -> None:
    async with counter.database.transaction(counter.operator_id) as tx:
        await set_secret(
            tx, operator_id=counter.operator_id, provision_id=counter.sale.provision_id, name=NAME,
            text=SECRET, box=BOX, actor=STAFF, now=counter.clock.moment,
        )  # fmt: skip


async def call_back(counter: Counter, reference: str, status: str = "charged") -> None:
    """Billing says something; whatever it says, Matinee asks."""
    body = msgspec.json.encode({"reference": reference, "status": status})
    message_id, timestamp = f"msg_{new_id().hex}", int(counter.clock.moment.timestamp())
    signed = signature(SECRET, message_id=message_id, timestamp=timestamp, body=body)
    told = await take_callback(
        counter.database, BOX, operator_id=counter.operator_id, provision_id=counter.sale.provision_id,
        message=SignedMessage(
            message_id=message_id, timestamp=str(timestamp), signatures=signed, body=body
        ),
        address="127.0.0.1",
    )  # fmt: skip
    if told is not None:
        await follow_up(counter.services, told)


@pytest.mark.parametrize("can", ASKED)
async def test_both_come_to_one_outcome(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(
        module_database_urls, billing_double, can, config=telling(billing_double, can)
    ) as counter:
        await agree_on_secret(counter)
        billing_double.behave("charge", answer_lost())
        bought = await counter.buy()
        counter.clock.advance(timedelta(seconds=3))
        await asyncio.gather(
            counter.work(), *(call_back(counter, bought.reference) for _ in range(20)), counter.work()
        )
        assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert len(billing_double.charges()) == 1


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("lie", ["charged", "declined"])
async def test_what_it_says_decides_nothing(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str], lie: str
) -> None:
    async with open_counter(
        module_database_urls, billing_double, can, config=telling(billing_double, can)
    ) as counter:
        await agree_on_secret(counter)
        billing_double.behave("charge", request_lost("reset") if lie == "charged" else answer_lost())
        bought = await counter.buy()
        counter.clock.advance(timedelta(seconds=1))
        await call_back(counter, bought.reference, lie)
        truth = PurchaseState.UNKNOWN if lie == "charged" else PurchaseState.GRANTED
        assert await counter.state() is truth
        await counter.ends_well()
        assert await counter.state() is (PurchaseState.VOID if lie == "charged" else PurchaseState.GRANTED)


@pytest.mark.parametrize("can", ASKED)
async def test_one_that_overtakes_the_answer_to_the_charge_waits_for_it(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(
        module_database_urls, billing_double, can, config=telling(billing_double, can)
    ) as counter:
        await agree_on_secret(counter)
        billing_double.behave("charge", held("after"))
        buying = asyncio.create_task(counter.buy())
        await billing_double.holding()
        await call_back(counter, (await counter.purchases())[0].reference)
        assert await counter.state() is PurchaseState.CHARGING
        billing_double.release()
        assert (await buying).state is PurchaseState.GRANTED
        await counter.ends_well()
        assert (len(billing_double.charges()), len(billing_double.requests("charge"))) == (1, 1)


async def test_a_duplicate_that_it_tells_of_is_given_back_once(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble
) -> None:
    async with open_counter(
        module_database_urls, billing_double, CLASS_B, config=telling(billing_double, CLASS_B)
    ) as counter:
        await agree_on_secret(counter)
        billing_double.behave("charge", proxy_repeats(late=True))
        bought = await counter.buy()
        await counter.pass_time(timedelta(minutes=1))
        billing_double.land()
        for _ in range(3):
            counter.clock.advance(timedelta(seconds=10))
            await asyncio.gather(
                *(call_back(counter, bought.reference, "charged twice") for _ in range(5)), counter.work()
            )
        assert len(billing_double.requests("refund")) == 1
        assert len(billing_double.standing()) == 1
        await counter.ends_well()
