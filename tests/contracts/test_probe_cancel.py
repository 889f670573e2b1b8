"""The probe and the cancel call: a reference that was closed first must refuse the charge that comes late."""

import pytest
from tests.contracts.test_provision_probe import GOOD, failed, policy_for, verdicts
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import (
    Behaviour,
    declined,
    declined_but_charged,
    error_after,
    hang,
    not_found,
    slow,
)
from tests.doubles.settings import provision_for
from tests.factories.targets import target_of

from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.probe import ProbeAccounts, run_probe
from matinee.provisions.rules import provision_class
from matinee.provisions.types import Capability, ProbeReport, ProbeStep, Verdict

pytest_plugins = ("tests.doubles.fixtures",)

I, S, R, C = Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND, Capability.CANCEL  # noqa: E741
EVERYTHING = frozenset({"idempotent", "status", "refund", "cancel"})
CLOSES = Behaviour(effect="none", says="success")
"""A cancel that is acknowledged and does nothing."""


async def probe(double: BillingDouble, capabilities: frozenset[str]) -> ProbeReport:
    double.configure(capabilities=capabilities)
    config = provision_for(double.base_url, capabilities=capabilities)

    async def pause(seconds: float) -> None: ...

    async with AiohttpBillingGateway(policy=policy_for(double.base_url)) as gateway:
        return await run_probe(gateway, target_of(config), ProbeAccounts(GOOD), pause=pause)


def details(report: ProbeReport, name: str) -> str:
    return next(step.detail for step in report.steps if step.name == name)


async def test_a_system_that_can_do_everything(billing_double: BillingDouble) -> None:
    report = await probe(billing_double, EVERYTHING)
    assert failed(report) == []
    assert report.capabilities == {I, S, R, C}
    assert billing_double.standing() == []
    names = [step.name for step in report.steps]
    assert names[6:11] == [
        "cancel_unused",
        "late_charge",
        "cancel_again",
        "charge_to_cancel",
        "cancel_charged",
    ]
    assert names[13:17] == ["refund", "late_status", "cancelled_status", "refund"]


async def test_cancel_alone_is_class_c(billing_double: BillingDouble) -> None:
    report = await probe(billing_double, frozenset({"cancel"}))
    assert report.capabilities == {C}
    assert provision_class(report.capabilities) == "C"
    assert verdicts(report) == [
        ("first_charge", Verdict.PASSED),
        ("status", Verdict.NOT_CHECKED),
        ("same_reference", Verdict.FAILED),
        ("cancel_unused", Verdict.PASSED),
        ("late_charge", Verdict.PASSED),
        ("cancel_again", Verdict.PASSED),
        ("charge_to_cancel", Verdict.PASSED),
        ("cancel_charged", Verdict.PASSED),
        ("closed", Verdict.PASSED),
        ("cancelled_money", Verdict.NOT_CHECKED),
        ("refund", Verdict.NOT_CHECKED),
        ("refund", Verdict.NOT_CHECKED),
        ("slowest", Verdict.PASSED),
    ]
    assert "B cannot be proved" in details(report, "status")
    left = {f"Give back the charge {charge.transaction}" for charge in billing_double.standing()}
    assert left == {step.title for step in report.steps if step.name == "refund"}


async def test_cancel_with_refund_and_no_status_leaves_nothing_behind(billing_double: BillingDouble) -> None:
    report = await probe(billing_double, frozenset({"cancel", "refund"}))
    assert report.capabilities == {C}
    assert failed(report) == ["same_reference"]
    assert billing_double.standing() == []


@pytest.mark.parametrize("capabilities", [EVERYTHING, frozenset({"cancel", "refund"})])
async def test_a_cancel_that_closes_nothing_is_caught(
    billing_double: BillingDouble, capabilities: frozenset[str]
) -> None:
    billing_double.always("cancel", CLOSES)
    report = await probe(billing_double, capabilities)
    assert C not in report.capabilities
    assert "late_charge" in failed(report)
    assert details(report, "late_charge") == "It was charged, although its reference was cancelled."
    counted = "status" in capabilities
    assert ("late_status" in failed(report), "cancelled_status" in failed(report)) == (counted, counted)
    assert ("closed" in failed(report)) is not counted
    assert billing_double.standing() == []


async def test_a_refusal_that_charges_all_the_same_is_caught_by_counting(
    billing_double: BillingDouble,
) -> None:
    """The cancel is a lie and the late charge says "declined": only the status call shows the money."""
    billing_double.configure(capabilities=EVERYTHING)
    billing_double.always("cancel", CLOSES)
    billing_double.behave("charge", *[Behaviour()] * 4, declined_but_charged())
    report = await probe(billing_double, EVERYTHING)
    assert C not in report.capabilities
    assert "late_charge" not in failed(report)
    assert "late_status" in failed(report)
    assert billing_double.standing() == []


async def test_a_charge_may_refuse_to_be_cancelled_but_then_it_must_stand(
    billing_double: BillingDouble,
) -> None:
    billing_double.configure(capabilities=EVERYTHING)
    billing_double.behave("cancel", Behaviour(), Behaviour(), declined())
    report = await probe(billing_double, EVERYTHING)
    assert failed(report) == []
    assert report.capabilities == {I, S, R, C}
    assert details(report, "cancel_charged") == "Refused, as it is charged: the charge must stand."
    assert billing_double.standing() == []


async def test_a_refusal_to_cancel_what_is_not_charged_is_caught(billing_double: BillingDouble) -> None:
    """It says "charged already", and takes the money back: the two do not agree."""
    billing_double.configure(capabilities=EVERYTHING)
    billing_double.behave("cancel", Behaviour(), Behaviour(), Behaviour(says="error", code=409))
    report = await probe(billing_double, EVERYTHING)
    assert failed(report) == ["cancelled_status"]
    assert report.capabilities == {I, S, R}


@pytest.mark.parametrize("behaviour", [error_after(500), not_found(), hang()])
async def test_an_unclear_cancel_ends_the_trial_of_it(
    billing_double: BillingDouble, behaviour: Behaviour
) -> None:
    billing_double.configure(capabilities=EVERYTHING)
    billing_double.always("cancel", behaviour)
    report = await probe(billing_double, EVERYTHING)
    assert "cancel_unused" in failed(report)
    assert report.capabilities == {I, S, R}
    assert len(billing_double.requests("cancel")) == 1
    assert billing_double.standing() == []


async def test_a_system_that_refuses_everything_proves_no_cancel(billing_double: BillingDouble) -> None:
    """Its refusal of the late charge would look like a proof."""
    billing_double.always("charge", declined())
    report = await probe(billing_double, frozenset({"cancel"}))
    assert report.capabilities == frozenset()
    assert failed(report) == ["first_charge"]
    assert billing_double.requests("cancel") == []


async def test_without_status_an_unclear_answer_to_the_late_charge_is_no_proof(
    billing_double: BillingDouble,
) -> None:
    billing_double.behave("charge", Behaviour(), Behaviour(), error_after(404))
    report = await probe(billing_double, frozenset({"cancel"}))
    assert "late_charge" in failed(report)
    assert report.capabilities == frozenset()


async def test_an_unreliable_status_leaves_cancel_to_the_charge_call(billing_double: BillingDouble) -> None:
    billing_double.always("status", error_after(503))
    report = await probe(billing_double, EVERYTHING)
    assert report.capabilities == {C}


async def test_the_slowest_answer_is_held_against_the_time_limit(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", slow(1.7))
    report = await probe(billing_double, EVERYTHING)
    assert failed(report) == ["slowest"]
    assert details(report, "slowest").startswith("The slowest answer took 1.")
    assert "(charge); the limit is 3 s." in details(report, "slowest")
    assert report.capabilities == {I, S, R, C}


async def test_every_step_is_told_as_soon_as_it_has_ended(billing_double: BillingDouble) -> None:
    told: list[tuple[ProbeStep, int]] = []

    def on_step(step: ProbeStep) -> None:
        told.append((step, len(billing_double.requests())))

    async with AiohttpBillingGateway(policy=policy_for(billing_double.base_url)) as gateway:
        target = target_of(provision_for(billing_double.base_url))
        report = await run_probe(gateway, target, ProbeAccounts(GOOD), on_step=on_step)
    assert tuple(step for step, _ in told) == report.steps
    assert [count for _, count in told][:3] == [1, 2, 3]
