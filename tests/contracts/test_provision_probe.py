"""The probe against real servers: what each kind of billing system is proved to be, and what it leaves behind."""

from pathlib import Path

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import (
    Behaviour,
    answer_lost,
    declined,
    declined_but_charged,
    error_after,
    not_found,
    proxy_repeats,
    success_uncharged,
)
from tests.doubles.sample import SETTINGS, SampleBilling
from tests.factories.targets import target_of

from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.probe import ProbeAccounts, run_probe
from matinee.provisions.rules import provision_class, validated_config
from matinee.provisions.types import (
    AnswerFields,
    Capability,
    KeyMapping,
    PlatformValue,
    ProbeReport,
    ProvisionConfig,
    Verdict,
    answer_rule,
)

pytest_plugins = ("tests.doubles.fixtures",)

GOOD = {
    PlatformValue.USERID: "test-account",
    PlatformValue.CONTENT_ID: "test-film",
    PlatformValue.CONTENT_NAME: "Test film",
    PlatformValue.CONTENT_PRICE: "1.00",
    PlatformValue.CURRENCY: "EUR",
}
POOR = {**GOOD, PlatformValue.USERID: "test-account-without-credit"}
I, S, R, C = Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND, Capability.CANCEL  # noqa: E741


def sample_config(base_url: str) -> ProvisionConfig:
    """The settings that the sample's page gives, for this server."""
    described = msgspec.json.decode(SETTINGS.read_bytes(), type=ProvisionConfig)
    return msgspec.structs.replace(described, base_url=base_url)


def config_for(base_url: str) -> ProvisionConfig:
    """The same without the cancel call, which has tests of its own."""
    return msgspec.structs.replace(sample_config(base_url), cancel=None)


def policy_for(base_url: str) -> EgressPolicy:
    return EgressPolicy.parse(f"127.0.0.0/8:{base_url.rpartition(':')[2].partition('/')[0]}")


async def probe(config: ProvisionConfig, accounts: ProbeAccounts) -> tuple[ProbeReport, list[float]]:
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    policy = policy_for(config.base_url)
    config = validated_config(config, policy=policy)
    async with AiohttpBillingGateway(policy=policy) as gateway:
        return await run_probe(gateway, target_of(config), accounts, pause=pause), waited


def verdicts(report: ProbeReport) -> list[tuple[str, Verdict]]:
    return [(step.name, step.verdict) for step in report.steps]


def failed(report: ProbeReport) -> list[str]:
    return [step.name for step in report.steps if step.verdict is Verdict.FAILED]


async def test_the_sample_server_is_class_a(sample_billing: SampleBilling) -> None:
    report, waited = await probe(sample_config(sample_billing.base_url), ProbeAccounts(GOOD))
    assert report.capabilities == {I, S, R, C}
    assert provision_class(report.capabilities) == "A"
    assert verdicts(report) == [
        ("unknown_reference", Verdict.PASSED),
        ("first_charge", Verdict.PASSED),
        ("known_reference", Verdict.PASSED),
        ("same_reference", Verdict.PASSED),
        ("same_time", Verdict.PASSED),
        ("refused", Verdict.NOT_CHECKED),
        ("cancel_unused", Verdict.PASSED),
        ("late_charge", Verdict.PASSED),
        ("cancel_again", Verdict.PASSED),
        ("charge_to_cancel", Verdict.PASSED),
        ("cancel_charged", Verdict.PASSED),
        ("one_charge", Verdict.PASSED),
        ("same_time_count", Verdict.PASSED),
        ("refund", Verdict.PASSED),
        ("late_status", Verdict.PASSED),
        ("cancelled_status", Verdict.PASSED),
        ("refund", Verdict.PASSED),
        ("refund", Verdict.PASSED),
        ("refund_status", Verdict.PASSED),
        ("refund_again", Verdict.PASSED),
        ("refund_again_status", Verdict.PASSED),
        ("slowest", Verdict.PASSED),
    ]
    assert sample_billing.standing() == []
    assert waited == [60]


async def test_the_sample_server_with_its_account_that_is_always_declined(
    sample_billing: SampleBilling,
) -> None:
    poor = {**GOOD, PlatformValue.USERID: "probe-declined"}
    report, _ = await probe(sample_config(sample_billing.base_url), ProbeAccounts(GOOD, poor))
    assert failed(report) == []
    assert all(step.verdict is Verdict.PASSED for step in report.steps)
    assert report.capabilities == {I, S, R, C}
    assert sample_billing.standing() == []


async def test_the_report_shows_requests_and_answers(sample_billing: SampleBilling) -> None:
    report, _ = await probe(config_for(sample_billing.base_url), ProbeAccounts(GOOD))
    charge = next(step for step in report.steps if step.name == "first_charge")
    assert charge.request.startswith(f"GET {sample_billing.base_url}?userid=***&content_id=test-film&")
    assert charge.answer.startswith("200 after ")
    assert '"charged"' in charge.answer
    assert "test-account" not in charge.request + charge.answer


async def test_an_honest_double_with_an_account_that_is_refused(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", *[Behaviour()] * 4, declined())
    report, _ = await probe(config_for(billing_double.base_url), ProbeAccounts(GOOD, POOR))
    assert failed(report) == []
    assert report.capabilities == {I, S, R}
    names = [step.name for step in report.steps]
    assert names[5:11] == [
        "refused", "refused_again", "refused_for_good", "one_charge", "same_time_count", "refund",
    ]  # fmt: skip
    assert billing_double.standing() == []


async def test_without_idempotence_both_charges_are_found_and_given_back(
    billing_double: BillingDouble,
) -> None:
    billing_double.configure(capabilities={"status", "refund"})
    report, _ = await probe(config_for(billing_double.base_url), ProbeAccounts(GOOD))
    assert report.capabilities == {S, R}
    assert provision_class(report.capabilities) == "B"
    assert failed(report) == ["one_charge", "same_time_count"]
    assert [charge.reversed for charge in billing_double.charges()] == [True] * 4


async def test_a_system_that_looks_first_and_charges_then_is_caught_by_two_requests_at_once(
    billing_double: BillingDouble,
) -> None:
    """One after the other the same reference is one charge; at the same moment it is two."""
    billing_double.configure(capabilities={"status", "refund"})
    billing_double.behave("charge", Behaviour(), Behaviour(effect="none", says="success"))
    report, _ = await probe(config_for(billing_double.base_url), ProbeAccounts(GOOD))
    assert failed(report) == ["same_time_count"]
    assert report.capabilities == {S, R}
    assert billing_double.standing() == []


async def test_a_refused_reference_that_does_not_stay_refused(billing_double: BillingDouble) -> None:
    """Idempotent for charges but not for refusals: not idempotent. What was charged by it is given back."""
    billing_double.configure(capabilities={"status", "refund"})
    billing_double.behave(
        "charge",
        Behaviour(),
        Behaviour(effect="none", says="success"),
        Behaviour(),
        Behaviour(effect="none", says="success"),
        declined(),
        declined(),
    )
    report, _ = await probe(config_for(billing_double.base_url), ProbeAccounts(GOOD, POOR))
    assert report.capabilities == {S, R}
    assert failed(report) == ["refused_for_good", "refused_status"]
    assert billing_double.standing() == []


@pytest.mark.parametrize(
    ("call", "behaviour", "failing"),
    [
        ("status", Behaviour(says="success"), ["unknown_reference", "known_reference"]),
        ("status", not_found(), ["known_reference"]),
        ("status", error_after(503), ["unknown_reference", "known_reference"]),
        ("charge", success_uncharged(), ["known_reference"]),
        ("charge", answer_lost("close"), ["first_charge"]),
        ("charge", error_after(500), ["first_charge"]),
        ("charge", declined(), ["first_charge", "known_reference"]),
        ("charge", declined_but_charged(), ["first_charge"]),
    ],
)
async def test_without_a_reliable_status_nothing_is_proved(
    billing_double: BillingDouble, call: str, behaviour: Behaviour, failing: list[str]
) -> None:
    billing_double.always("status" if call == "status" else "charge", behaviour)
    report, _ = await probe(config_for(billing_double.base_url), ProbeAccounts(GOOD))
    assert report.capabilities == frozenset()
    assert failed(report) == failing
    assert len(billing_double.requests("charge")) == 1


async def test_what_was_charged_is_given_back_even_if_the_charge_was_not_understood(
    billing_double: BillingDouble,
) -> None:
    billing_double.behave("charge", answer_lost("close"))
    await probe(config_for(billing_double.base_url), ProbeAccounts(GOOD))
    assert [charge.reversed for charge in billing_double.charges()] == [True]


async def test_a_proxy_that_repeats_a_charge_is_seen(billing_double: BillingDouble) -> None:
    billing_double.configure(capabilities={"status", "refund"})
    billing_double.behave("charge", proxy_repeats())
    report, _ = await probe(config_for(billing_double.base_url), ProbeAccounts(GOOD))
    assert failed(report) == ["known_reference"]
    assert report.capabilities == frozenset()
    assert billing_double.standing() == []


@pytest.mark.parametrize(
    ("behaviour", "failing"),
    [
        (Behaviour(effect="none", says="success"), ["refund_status", "refund_again_status"]),
        (error_after(500), ["refund", "refund"]),
        (error_after(409), ["refund", "refund"]),
    ],
)
async def test_a_refund_that_is_not_what_it_says_is_not_proved(
    billing_double: BillingDouble, behaviour: Behaviour, failing: list[str]
) -> None:
    billing_double.always("refund", behaviour)
    report, _ = await probe(config_for(billing_double.base_url), ProbeAccounts(GOOD))
    assert report.capabilities == {I, S}
    assert failed(report) == failing


async def test_a_repeated_refund_that_takes_another_charge_with_it(billing_double: BillingDouble) -> None:
    """Not idempotent, and the refund does not heed the charge's name: the second refund hits the second charge."""
    billing_double.configure(capabilities={"status", "refund"})
    config = config_for(billing_double.base_url)
    assert config.refund is not None
    nameless = tuple(
        msgspec.structs.replace(one, parameter="ignored") if one.parameter == "charge" else one
        for one in config.refund.key_map
    )
    refund = msgspec.structs.replace(config.refund, key_map=nameless)
    report, _ = await probe(msgspec.structs.replace(config, refund=refund), ProbeAccounts(GOOD))
    assert Capability.REFUND not in report.capabilities
    assert "refund_again_status" in failed(report) or "refund_status" in failed(report)


async def test_a_provision_of_which_nothing_can_be_proved_is_not_charged_at_all(
    billing_double: BillingDouble,
) -> None:
    calls = config_for(billing_double.base_url)
    config = msgspec.structs.replace(calls, status=None, refund=None, answer=AnswerFields())
    report, _ = await probe(config, ProbeAccounts(GOOD))
    assert (report.capabilities, verdicts(report)) == (frozenset(), [("provable", Verdict.FAILED)])
    assert billing_double.requests() == []


async def test_a_provision_without_refund_says_what_is_left(billing_double: BillingDouble) -> None:
    config = msgspec.structs.replace(config_for(billing_double.base_url), refund=None)
    report, _ = await probe(config, ProbeAccounts(GOOD))
    assert report.capabilities == {I, S}
    left = [step for step in report.steps if step.name == "refund"]
    assert [step.verdict for step in left] == [Verdict.NOT_CHECKED] * 2
    first, together = billing_double.standing()
    assert left[0].title == f"Give back the charge {together.transaction}"
    assert left[1].detail.endswith(f"Give back by hand: {first.transaction}.")


async def test_a_server_that_is_not_there(free_port: int) -> None:
    report, _ = await probe(config_for(f"http://127.0.0.1:{free_port}/rentals"), ProbeAccounts(GOOD))
    assert (report.capabilities, report.reached) == (frozenset(), False)
    assert [step.name for step in report.steps] == ["unknown_reference"]
    assert report.steps[0].answer.startswith("No answer (connect) after ")


async def test_a_decline_rule_that_is_wrong_shows(sample_billing: SampleBilling) -> None:
    """The commonest mistake: the success rule does not fit what the server says."""
    config = config_for(sample_billing.base_url)
    charge = msgspec.structs.replace(config.charge, success=answer_rule("201 Created"))
    report, _ = await probe(msgspec.structs.replace(config, charge=charge), ProbeAccounts(GOOD))
    first = next(step for step in report.steps if step.name == "first_charge")
    assert first.detail == "Expected: success. Understood: unknown (no_rule_matches)."
    assert sample_billing.standing() == []


def test_the_samples_settings_are_valid(tmp_path: Path) -> None:
    config = config_for("http://127.0.0.1:8100/rentals")
    assert validated_config(config, policy=EgressPolicy.parse("127.0.0.0/8:8100")) == config
    assert KeyMapping(parameter="charge", platform_value=PlatformValue.CHARGE_ID) in (
        config.refund.key_map if config.refund else ()
    )
