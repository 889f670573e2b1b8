"""The kit for operators' developers: every language behaves alike, passes the probe as class A, and is in the zip."""

import io
import json
import socket
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.doubles.kit import COMMANDS, running_sample
from tests.doubles.sample import SAMPLES, SETTINGS
from tests.doubles.wire import Reply, order, send
from tests.factories.targets import target_of

from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.kit.archive import LANGUAGES, SHARED, build_kit
from matinee.provisions.probe import ProbeAccounts, run_probe
from matinee.provisions.rules import provision_class, validated_config
from matinee.provisions.types import Capability, PlatformValue, ProvisionConfig, Verdict

SECRET = "a shared secret"
SERVICES = {"python": "server.py", "php": "server.php", "node": "server.mjs", "csharp": "Program.cs"}
ACCOUNT = {
    PlatformValue.USERID: "probe",
    PlatformValue.CONTENT_ID: "test-film",
    PlatformValue.CONTENT_NAME: "Ein Film — “Café & Co.” 50 %",
    PlatformValue.CONTENT_PRICE: "1.00",
    PlatformValue.CURRENCY: "EUR",
}


@pytest.fixture(scope="module", params=sorted(COMMANDS))
def rentals(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of one language's service, which demands SECRET."""
    ledger = tmp_path_factory.mktemp(request.param) / "ledger.sqlite"
    with running_sample(request.param, port=_free_port(), database=ledger, secret=SECRET) as base_url:
        yield base_url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, given: dict[str, str], *, method: str = "GET", secret: str = SECRET) -> Reply:
    headers = {"X-Billing-Secret": secret}
    if method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return send(url, given, method=method, headers=headers)


def test_the_same_reference_is_one_charge_and_one_answer(rentals: str) -> None:
    first, again = ask(rentals, order("same-1")), ask(rentals, order("same-1"), method="POST")
    spelled = ask(rentals, order("same-1", content_price="4.990"))

    assert first.code == 200
    assert (again.code, again.body) == (first.code, first.body) == (spelled.code, spelled.body)
    assert first.body["status"] == "charged"
    assert first.body["reference"] == "same-1"
    assert len(ask(f"{rentals}/status", {"reference": "same-1"}).body["charges"]) == 1


def test_twenty_at_once_are_one_charge(rentals: str) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(rentals, order("at-once-1")), range(20)))

    assert {answer.code for answer in answers} == {200}
    assert len({answer.body["transaction"] for answer in answers}) == 1
    assert len(ask(f"{rentals}/status", {"reference": "at-once-1"}).body["charges"]) == 1


@pytest.mark.parametrize(
    "change", [{"content_price": "5.99"}, {"currency": "USD"}, {"userid": "ben"}, {"content_id": "m-2"}]
)
def test_a_reference_is_never_another_rental(rentals: str, change: dict[str, str]) -> None:
    assert ask(rentals, order("mine-1")).code == 200
    assert ask(rentals, order("mine-1", **change)).code == 409
    assert len(ask(f"{rentals}/status", {"reference": "mine-1"}).body["charges"]) == 1


def test_a_refusal_stays(rentals: str) -> None:
    poor = order("poor-1", userid="probe-declined")

    assert [ask(rentals, poor).code for _ in range(2)] == [402, 402]
    told = ask(f"{rentals}/status", {"reference": "poor-1"})
    assert (told.code, told.body["status"], told.body["charges"]) == (402, "declined", [])


def test_an_unknown_reference_is_unknown(rentals: str) -> None:
    told = ask(f"{rentals}/status", {"reference": "never-1"})
    assert (told.code, told.body) == (404, {"status": "unknown", "reference": "never-1", "charges": []})


def test_a_refund_names_its_charge_and_happens_once(rentals: str) -> None:
    charged = ask(rentals, order("back-1")).body["transaction"]
    other = ask(rentals, order("back-2")).body["transaction"]
    refund = {"reference": "back-1", "refund_reference": "r-1", "charge": charged}

    assert ask(f"{rentals}/refund", refund | {"charge": other}).code == 409
    assert [ask(f"{rentals}/refund", refund).code for _ in range(2)] == [200, 200]
    assert ask(f"{rentals}/refund", refund | {"refund_reference": "r-2"}).code == 409
    assert ask(f"{rentals}/refund", {"reference": "back-2", "refund_reference": "r-1"}).code == 409
    told = ask(f"{rentals}/status", {"reference": "back-1"})
    assert (told.code, told.body["status"], told.body["charges"]) == (200, "refunded", [])
    assert len(ask(f"{rentals}/status", {"reference": "back-2"}).body["charges"]) == 1
    assert ask(rentals, order("back-1")).code == 409


def test_what_was_cancelled_is_never_charged(rentals: str) -> None:
    assert [ask(f"{rentals}/cancel", {"reference": "no-1"}).code for _ in range(2)] == [200, 200]
    late = ask(rentals, order("no-1"))
    assert (late.code, late.body["status"]) == (402, "cancelled")
    told = ask(f"{rentals}/status", {"reference": "no-1"})
    assert (told.code, told.body["status"], told.body["charges"]) == (402, "cancelled", [])


def test_what_is_charged_cannot_be_cancelled(rentals: str) -> None:
    assert ask(rentals, order("yes-1")).code == 200
    assert ask(f"{rentals}/cancel", {"reference": "yes-1"}).code == 409
    assert len(ask(f"{rentals}/status", {"reference": "yes-1"}).body["charges"]) == 1


@pytest.mark.parametrize("target", ["//", "http://[", "*", "/rentals?reference=%", "/%"])
def test_an_address_that_means_nothing_ends_nobody_elses_calls(rentals: str, target: str) -> None:
    url = urlsplit(rentals)
    with socket.create_connection((url.hostname, url.port), timeout=5) as line:
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: billing\r\nConnection: close\r\n\r\n".encode())
        while line.recv(4096):
            pass
    assert ask(f"{rentals}/status", {"reference": "never-2"}).code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reference": ""}, "reference"),
        ({"reference": "a b"}, "reference"),
        ({"reference": "x" * 65}, "reference"),
        ({"content_price": "0.00"}, "content_price"),
        ({"content_price": "4,99"}, "content_price"),
        ({"content_price": "1e3"}, "content_price"),
        ({"currency": "eur"}, "currency"),
        ({"userid": " "}, "userid"),
        ({"content_name": "a\nb"}, "content_name"),
    ],
)
def test_bad_input_names_the_field_and_stores_nothing(
    rentals: str, change: dict[str, str], field: str
) -> None:
    refused = ask(rentals, order("bad-1") | change)

    assert (refused.code, refused.body["field"]) == (400, field)
    assert ask(f"{rentals}/status", {"reference": "bad-1"}).code == 404


def test_a_wrong_secret_is_refused_everywhere(rentals: str) -> None:
    for path in ("", "/status", "/refund", "/cancel"):
        assert ask(f"{rentals}{path}", order("secret-1"), secret="guess").code == 401
    assert ask(f"{rentals}/status", {"reference": "secret-1"}).code == 404


def test_titles_of_every_script_are_kept(rentals: str) -> None:
    assert ask(rentals, order("title-1", content_name="Ночь & день — 夜 50 %")).code == 200


@pytest.mark.parametrize("language", sorted(COMMANDS))
async def test_the_probe_proves_class_a(language: str, tmp_path: Path) -> None:
    async def at_once(seconds: float) -> None:
        """The samples book at once: there is nothing to wait for."""

    with running_sample(language, port=_free_port(), database=tmp_path / "ledger.sqlite") as base_url:
        policy = EgressPolicy.parse(f"127.0.0.0/8:{base_url.rpartition(':')[2].partition('/')[0]}")
        settings = msgspec.json.decode(SETTINGS.read_bytes(), type=ProvisionConfig)
        config = validated_config(msgspec.structs.replace(settings, base_url=base_url), policy=policy)
        accounts = ProbeAccounts(ACCOUNT, ACCOUNT | {PlatformValue.USERID: "probe-declined"})
        async with AiohttpBillingGateway(policy=policy) as gateway:
            report = await run_probe(gateway, target_of(config), accounts, pause=at_once)

    assert [step.name for step in report.steps if step.verdict is Verdict.FAILED] == []
    assert report.capabilities == frozenset(Capability)
    assert provision_class(report.capabilities) == "A"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_service_stays_small(language: str) -> None:
    assert len((SAMPLES / language / SERVICES[language]).read_text().splitlines()) < 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_readme_is_one_page(language: str) -> None:
    assert len((SAMPLES / language / "README.md").read_text().splitlines()) <= 60


def test_the_zip_is_complete_in_every_folder_and_always_the_same() -> None:
    packed = build_kit(SAMPLES)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
        settings = json.loads(archive.read("matinee.demo.tvod/php/provision.json"))

    for language in LANGUAGES:
        wanted = {"README.md", SERVICES[language], *SHARED}
        assert {f"matinee.demo.tvod/{language}/{name}" for name in wanted} <= names
    assert not [name for name in names if "sqlite" in name or "pyc" in name]
    assert settings["base_url"] == "http://127.0.0.1:8100/rentals"
    assert build_kit(SAMPLES) == packed
