"""Fault 17: billing's status changes its mind. Only `status` can see this."""

import json
from datetime import timedelta

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B
from tests.doubles.misbehaviour import HONEST, Behaviour, answer_lost, not_found, request_lost
from tests.faults.counter import open_counter

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.purchases.types import PurchaseState

pytest_plugins = ["tests.doubles.fixtures"]

ASKED = [pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B")]
DECLINED = Behaviour(says="declined")
SILENT = Behaviour(delivery="reset")
MINDS = {
    "declined, then charged": [DECLINED],
    "not found, declined, then charged": [not_found(), DECLINED],
    "silent, not found, silent, then charged": [SILENT, not_found(), SILENT],
    "charged, not found thrice, then charged": [HONEST, not_found(), not_found(), not_found()],
    "charged, declined thrice, then charged": [HONEST, DECLINED, DECLINED, DECLINED],
    "charged, silent, not found, then charged": [HONEST, SILENT, not_found()],
}


@pytest.mark.parametrize("can", ASKED)
@pytest.mark.parametrize("minds", MINDS.values(), ids=MINDS)
async def test_what_was_charged_ends_in_access_or_is_given_back(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str],
    minds: list[Behaviour],
) -> None:  # fmt: skip
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", answer_lost())
        await counter.buy()
        billing_double.behave("status", *minds)
        await counter.ends_well()
        state = await counter.state()
        assert state in (PurchaseState.GRANTED, PurchaseState.REVERSED)
        assert len(billing_double.standing()) == int(state is PurchaseState.GRANTED)


@pytest.mark.parametrize("can", ASKED)
async def test_a_charge_that_was_never_made_gives_no_lasting_access(
    module_database_urls: EmbeddedPostgresInfo, billing_double: BillingDouble, can: frozenset[str]
) -> None:
    async with open_counter(module_database_urls, billing_double, can) as counter:
        billing_double.behave("charge", request_lost("reset"))
        purchase = await counter.buy()
        lie = {"status": "charged", "reference": purchase.reference}
        charges = [{"transaction": "tx-77", **lie, "amount": "4.99", "currency": "EUR"}]
        billing_double.behave("status", Behaviour(says="body", body=json.dumps({**lie, "charges": charges})))
        await counter.pass_time(timedelta(seconds=3))
        assert await counter.state() is PurchaseState.GRANTED
        await counter.ends_well()
        assert await counter.state() is PurchaseState.REVERSED
        assert (billing_double.charges(), billing_double.requests("refund")) == ([], [])
