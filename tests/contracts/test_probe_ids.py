"""The probe without a status call: only billing's own transaction ids can show that a repeat was no second charge."""

import msgspec
import pytest
from tests.contracts.test_provision_probe import GOOD, POOR, failed, policy_for, verdicts
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import Behaviour, declined, error_after
from tests.doubles.settings import provision_for
from tests.factories.targets import target_of

from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.probe import ProbeAccounts, run_probe
from matinee.provisions.rules import provision_class
from matinee.provisions.types import Capability, Place, ProbeReport, Verdict, json_place

pytest_plugins = ("tests.doubles.fixtures",)

AS_SENT = json_place("/transaction")
ALONE = frozenset({"idempotent", "refund"})


async def probe(
    double: BillingDouble,
    *,
    capabilities: frozenset[str] = ALONE,
    place: Place | None = AS_SENT,
    accounts: ProbeAccounts | None = None,
) -> ProbeReport:
    double.configure(capabilities=capabilities)
    config = provision_for(double.base_url, capabilities=capabilities)
    config = msgspec.structs.replace(
        config, answer=msgspec.structs.replace(config.answer, transaction_id=place)
    )

    async def pause(seconds: float) -> None: ...

    async with AiohttpBillingGateway(policy=policy_for(double.base_url)) as gateway:
        return await run_probe(gateway, target_of(config), accounts or ProbeAccounts(GOOD), pause=pause)


def detail(report: ProbeReport, name: str) -> str:
    return next(step.detail for step in report.steps if step.name == name)


async def test_idempotent_alone_is_class_a(billing_double: BillingDouble) -> None:
    report = await probe(billing_double)
    assert report.capabilities == {Capability.IDEMPOTENT}
    assert provision_class(report.capabilities) == "A"
    assert verdicts(report) == [
        ("first_charge", Verdict.PASSED),
        ("status", Verdict.NOT_CHECKED),
        ("same_reference", Verdict.PASSED),
        ("same_time", Verdict.PASSED),
        ("another_id", Verdict.PASSED),
        ("refused", Verdict.NOT_CHECKED),
        ("refund", Verdict.PASSED),
        ("refund", Verdict.PASSED),
        ("refund_unseen", Verdict.NOT_CHECKED),
        ("slowest", Verdict.PASSED),
    ]
    assert detail(report, "another_id") == "tx-1 and tx-2."
    assert len(billing_double.charges()) == 2
    assert billing_double.standing() == []


async def test_a_second_charge_shows_by_its_id_and_is_given_back(billing_double: BillingDouble) -> None:
    report = await probe(billing_double, capabilities=frozenset({"refund"}))
    assert report.capabilities == frozenset()
    assert failed(report) == ["same_reference"]
    assert "with the transaction id tx-1. Understood: success (success), id tx-2." in detail(
        report, "same_reference"
    )
    assert [charge.reversed for charge in billing_double.charges()] == [True, True]


async def test_two_charges_at_the_same_moment_show_by_their_ids(billing_double: BillingDouble) -> None:
    """It looks first and charges then: one after the other is one charge, at the same moment it is two."""
    billing_double.behave(
        "charge", Behaviour(), Behaviour(effect="none", says="success", overrides={"transaction": "tx-1"})
    )
    report = await probe(billing_double, capabilities=frozenset({"refund"}))
    assert report.capabilities == frozenset()
    assert failed(report) == ["same_time"]
    assert billing_double.standing() == []


@pytest.mark.parametrize("sent_away", [error_after(409), Behaviour(effect="none", says="error", code=409)])
async def test_one_of_two_at_the_same_moment_may_be_sent_away(
    billing_double: BillingDouble, sent_away: Behaviour
) -> None:
    """A third charge of that reference then has to show the same id."""
    billing_double.behave("charge", Behaviour(), Behaviour(), sent_away)
    report = await probe(billing_double)
    assert report.capabilities == {Capability.IDEMPOTENT}
    assert len(billing_double.requests("charge")) == 5


async def test_an_id_that_never_changes_proves_nothing(billing_double: BillingDouble) -> None:
    billing_double.always("charge", Behaviour(overrides={"transaction": "ok"}))
    report = await probe(billing_double, capabilities=frozenset())
    assert report.capabilities == frozenset()
    assert failed(report) == ["another_id"]


async def test_our_reference_written_back_is_no_id_of_a_charge(billing_double: BillingDouble) -> None:
    """The same reference twice is two charges here, both answered with the same text."""
    report = await probe(billing_double, capabilities=frozenset(), place=json_place("/reference"))
    assert report.capabilities == frozenset()
    assert failed(report) == ["transaction_id"]
    assert "our own reference written back" in detail(report, "transaction_id")
    assert len(billing_double.requests("charge")) == 1


async def test_an_id_that_is_not_where_the_provision_looks_is_named(billing_double: BillingDouble) -> None:
    report = await probe(billing_double, place=json_place("/nowhere"))
    assert report.capabilities == frozenset()
    assert failed(report) == ["transaction_id", "refund"]
    assert "no transaction id where the provision looks for it" in detail(report, "transaction_id")


async def test_without_the_place_of_the_id_the_report_says_what_is_missing(
    billing_double: BillingDouble,
) -> None:
    report = await probe(billing_double, capabilities=frozenset({"cancel", "idempotent"}), place=None)
    assert report.capabilities == {Capability.CANCEL}
    assert "the provision does not say where the answer to a charge has it" in detail(
        report, "same_reference"
    )
    nothing = await probe(billing_double, capabilities=frozenset({"idempotent"}), place=None)
    assert "or the transaction id read from the answer to a charge" in detail(nothing, "provable")


def says(charge_id: str) -> Behaviour:
    return Behaviour(effect="none", says="success", overrides={"transaction": charge_id})


@pytest.mark.parametrize(
    ("last", "failing"),
    [
        (declined(), []),
        (error_after(409), []),
        (error_after(500), ["refused_for_good"]),
        (Behaviour(), ["refused_for_good"]),
    ],
)
async def test_a_refused_reference_must_stay_refused(
    billing_double: BillingDouble, last: Behaviour, failing: list[str]
) -> None:
    """Behaves as if it were idempotent; the last call charges the refused reference to the account that could pay."""
    idempotent = [Behaviour(), says("tx-1"), Behaviour(), says("tx-2")]
    billing_double.behave("charge", *idempotent, declined(), declined(), last)
    accounts = ProbeAccounts(GOOD, POOR)
    report = await probe(billing_double, capabilities=frozenset({"refund"}), accounts=accounts)
    assert failed(report) == failing
    assert (Capability.IDEMPOTENT in report.capabilities) == (failing == [])
    assert len(billing_double.requests("refund")) == 2 + (last == Behaviour())
