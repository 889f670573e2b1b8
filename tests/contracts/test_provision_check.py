"""`matinee provision check` as developers run it: a process of its own, with no settings and no database."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import declined_but_charged
from tests.doubles.sample import SETTINGS, SampleBilling

from matinee.main.provision_check import own_machine
from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.kit.settings import usual_settings
from matinee.provisions.rules import validated_config
from matinee.provisions.types import HeaderAuth, OAuth2Auth, ProvisionConfig

pytest_plugins = ("tests.doubles.fixtures",)

CANARY = "canary-8a52e0"


def check(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
    return subprocess.run(
        [sys.executable, "-m", "matinee.main", "provision", "check", *arguments],
        env=bare | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings(folder: Path, **changes: object) -> Path:
    """A settings file as it is exported, with changes."""
    described = msgspec.json.decode(SETTINGS.read_bytes(), type=ProvisionConfig)
    file = folder / "provision.json"
    changes = {"longest_processing_seconds": 0} | changes
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(described, **changes)))
    return file


def test_the_sample_passes_as_class_a_and_nothing_stays_charged(sample_billing: SampleBilling) -> None:
    done = check(sample_billing.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(
        "\nClass A: never a double charge. Proved: cancel, idempotent, refund, status.\n"
    )
    assert "FAILED" not in done.stdout
    assert sample_billing.standing() == []


def test_the_report_for_machines(sample_billing: SampleBilling) -> None:
    done = check(sample_billing.base_url, "--json")
    report = json.loads(done.stdout)
    assert {
        name: report[name] for name in ("reached", "class", "required", "passed", "capabilities", "url")
    } == {
        "reached": True,
        "class": "A",
        "required": "A",
        "passed": True,
        "capabilities": ["cancel", "idempotent", "refund", "status"],
        "url": sample_billing.base_url,
    }
    assert {step["verdict"] for step in report["steps"]} == {"passed"}
    assert report["steps"][1]["request"].startswith(f"GET {sample_billing.base_url}?userid=***&")


@pytest.mark.parametrize(("required", "status"), [("A", 1), ("B", 0), ("C", 0)])
def test_less_than_required_is_exit_status_one(
    billing_double: BillingDouble, required: str, status: int
) -> None:
    billing_double.configure(capabilities={"status", "refund"})
    done = check(billing_double.base_url, "--require", required)
    assert done.returncode == status
    assert "Class B: a duplicate is found and given back. Proved: refund, status." in done.stdout
    assert ("Class A was asked for." in done.stdout) == bool(status)
    assert billing_double.standing() == []


def test_a_server_that_lies_is_class_d_and_the_report_shows_where(billing_double: BillingDouble) -> None:
    billing_double.always("charge", declined_but_charged())
    done = check(billing_double.base_url, "--require", "C")
    assert done.returncode == 1
    assert "Class D: nothing is proved" in done.stdout
    line = next(line for line in done.stdout.splitlines() if "Charge the test account:" in line)
    assert line.startswith("FAILED")
    assert "Understood: declined (no_success)" in line
    assert f"        | GET {billing_double.base_url}?userid=***" in done.stdout


def test_a_server_that_is_not_there_is_exit_status_two(free_port: int) -> None:
    for extra in ([], ["--json"]):
        done = check(f"http://127.0.0.1:{free_port}/rentals", *extra)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["reached"] is False


def test_what_cannot_be_used_is_exit_status_two_with_a_reason(tmp_path: Path, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}/rentals"
    broken, odd = tmp_path / "broken.json", tmp_path / "odd.json"
    broken.write_text("{")
    odd.write_text('{"name": 7}')
    needs = settings(tmp_path, auth=HeaderAuth(header="X-Billing-Secret", value_secret="key"))
    cases = [
        (["ftp://127.0.0.1/x"], "base_url"),
        (["http://127.0.0.1:99999/x"], ""),
        ([url, "--config", str(tmp_path / "missing.json")], "missing.json"),
        ([url, "--config", str(broken)], "cannot be read"),
        ([url, "--config", str(odd)], "cannot be read"),
        ([url, "--account", "password=x"], "userid"),
        ([url, "--account", "userid"], "KEY=VALUE"),
        ([url, "--require", "Z"], "'Z'"),
        ([url, "--config", str(needs)], "key=@FILE"),
        ([url, "--config", str(needs), "--secret", f"key={CANARY}"], "command line"),
        ([url, "--config", str(needs), "--secret", "key=env:NOT_SET"], "env:VARIABLE"),
        ([url, "--config", str(needs), "--secret", "key=@/nowhere"], "/nowhere"),
    ]
    for arguments, reason in cases:
        done = check(*arguments)
        assert (done.returncode, arguments) == (2, arguments)
        assert reason in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("source", ["file", "environment"])
def test_secrets_come_from_a_file_or_the_environment_and_are_never_shown(tmp_path: Path, source: str) -> None:
    file = settings(tmp_path, auth=HeaderAuth(header="X-Billing-Secret", value_secret="key"))
    kept = tmp_path / "key.txt"
    kept.write_text(f"{CANARY}\n")
    given = f"key=@{kept}" if source == "file" else "key=env:BILLING_KEY"
    server = SampleBilling(tmp_path / "ledger.sqlite", secret=CANARY)
    try:
        done = check(
            server.base_url, "--config", str(file), "--secret", given, "--verbose", BILLING_KEY=CANARY
        )
        standing = server.standing()
    finally:
        server.stop()
    assert (done.returncode, standing) == (0, [])
    assert "X-Billing-Secret: ***" in done.stdout
    assert CANARY not in done.stdout + done.stderr


def test_values_of_the_account_are_sent(billing_double: BillingDouble) -> None:
    check(
        billing_double.base_url,
        "--account", "userid=anna", "--account", "content_price=2.50", "--declined", "userid=probe-declined",
    )  # fmt: skip
    asked = {
        (request.parameter("userid"), request.parameter("content_price"))
        for request in billing_double.requests("charge")
    }
    assert asked == {("anna", "2.50"), ("probe-declined", "2.50")}


def test_the_usual_settings_are_those_of_the_kit() -> None:
    kit = msgspec.json.decode(SETTINGS.read_bytes(), type=ProvisionConfig)
    usual = usual_settings(kit.base_url)
    assert msgspec.structs.replace(usual, longest_processing_seconds=60) == kit
    for url in ("https://a.example", "https://a.example/", "https://a.example/api/rentals/?shop=7"):
        config = validated_config(usual_settings(url), policy=EgressPolicy())
        assert config.status is not None
        assert config.status.url in {"/status", "/api/rentals/status"}


def test_a_developers_own_machine_may_call_anything_on_the_ports_in_use() -> None:
    config = msgspec.structs.replace(
        usual_settings("http://10.1.2.3:8100/rentals"),
        auth=OAuth2Auth(token_url="http://[::1]:9000/token", client_id="me", client_secret="key"),
    )
    policy = own_machine(config)
    for url in ("http://10.1.2.3:8100/x", "http://127.0.0.1:9000/x", "https://[fd00::1]:8100/x"):
        policy.check_url(url)
    assert {rule.port for rule in policy.rules} == {8100, 9000}
