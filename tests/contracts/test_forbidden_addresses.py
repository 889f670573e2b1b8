"""Where calls may never go: one table, asked when a provision is saved and again when each call connects.

Every row is tried as the base URL, as the address of each other call, and as the address that tokens come from.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.contracts.raw_billing import answers, http, raw_billing
from tests.factories.targets import target_of

from matinee.kernel.errors import Invalid
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.gateway.sealing import seal_secret
from matinee.provisions.kit.settings import usual_settings
from matinee.provisions.rules import validated_config
from matinee.provisions.types import BillingTarget, ExchangeRecord, OAuth2Auth, PlatformValue, ProvisionConfig

PUBLIC = "https://billing.example/rentals"
BOX = SecretBox(b"k" * 32)
VALUES = {
    PlatformValue.USERID: "anna", PlatformValue.CONTENT_ID: "m-1", PlatformValue.CONTENT_NAME: "Film",
    PlatformValue.CONTENT_PRICE: "4.99", PlatformValue.CURRENCY: "EUR", PlatformValue.REFERENCE: "r-1",
    PlatformValue.REFUND_REFERENCE: "f-1", PlatformValue.CHARGE_ID: "tx-1",
}  # fmt: skip

ADDRESSES = [
    # a cloud's metadata service, in every spelling that some resolver understands
    "https://169.254.169.254/latest/meta-data",
    "https://0xA9FEA9FE/",
    "https://0xA9.0xFE.0xA9.0xFE/",
    "https://2852039166/",
    "https://0251.0376.0251.0376/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[fd00:ec2::254]/",
    # this machine
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://localhost/",
    "https://billing.localhost/",
    "https://127.0.0.1./",
    # the neighbours
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fc00::1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    # nobody in particular
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[ff02::1]/",
    # another protocol, or none of the web's
    "file:///etc/passwd",
    "gopher://billing.example:70/_GET",
    "ftp://billing.example/",
    "dict://billing.example:11211/stats",
    "http://billing.example/rentals",
    # a name that is not the host
    "https://user@billing.example/",
    "https://user:word@billing.example/",
    "https://billing.example@169.254.169.254/",
    "https://billing.example\\@169.254.169.254/",
    "https://billing.example#@169.254.169.254/",
    # another door
    "https://billing.example:22/",
    "https://billing.example:6379/",
    "https://billing.example:8443/",
    "https://billing.example:0/",
    "https://billing.example:65536/",
    "https://billing.example:+443/",
    # something smuggled
    "https://billing.example/\r\nHost: evil.example",
    "https://billing.example/%0d%0aHost:%20evil.example",
    "https://billing.example /",
    "https://①②⑦.⓪.⓪.①/",
    "https://billing。example/",
    "https:///rentals",
]

NAMES = {
    "private": ["10.0.0.1"],
    "metadata": ["169.254.169.254"],
    "this-machine": ["127.0.0.1"],
    "any": ["0.0.0.0"],
    "public-and-private": ["93.184.215.14", "10.0.0.1"],
    "private-and-public": ["10.0.0.1", "93.184.215.14"],
    "public-and-loopback-v6": ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::1"],
    "mapped": ["::ffff:10.0.0.1"],
    "translated": ["64:ff9b::a9fe:a9fe"],
    "scoped": ["fe80::1%eth0"],
    "nobody": [],
}
"""Names that pass when they are saved, and what they turn out to stand for."""


def config(**changes: Any) -> ProvisionConfig:
    return msgspec.structs.replace(usual_settings(PUBLIC), timeout_seconds=3, **changes)


def _call(name: str, url: str) -> ProvisionConfig:
    call = getattr(config(), name)
    return config(**{name: msgspec.structs.replace(call, url=url)})


def _token(url: str) -> ProvisionConfig:
    return config(auth=OAuth2Auth(token_url=url, client_id="me", client_secret="key"))


PLACES: dict[str, tuple[str, Callable[[str], ProvisionConfig], str]] = {
    "base_url": ("base_url", lambda url: config(base_url=url), "charge"),
    "status": ("status.url", lambda url: _call("status", url), "status"),
    "refund": ("refund.url", lambda url: _call("refund", url), "refund"),
    "cancel": ("cancel.url", lambda url: _call("cancel", url), "cancel"),
    "token": ("auth.token_url", _token, "charge"),
}
"""Where an address may be written: the field that complains, the settings, and the call that goes there."""

everywhere = pytest.mark.parametrize("place", PLACES)


class Resolver:
    """A name server that says what the test wants, and remembers what it was asked."""

    def __init__(self, says: Callable[[str, int], list[str]]) -> None:
        self.says = says
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.says(host, len(self.asked))


def target(settings: ProvisionConfig) -> BillingTarget:
    bare = target_of(settings)
    ids = {"operator_id": bare.operator_id, "provision_id": bare.provision_id}
    return msgspec.structs.replace(bare, sealed_secrets={"key": seal_secret(BOX, "s", name="key", **ids)})


async def make(call: str, settings: ProvisionConfig, policy: EgressPolicy, names: Resolver) -> ExchangeRecord:
    async with AiohttpBillingGateway(policy=policy, lookup=names, box=BOX) as gateway:
        result = await getattr(gateway, call)(target(settings), VALUES)
    record: ExchangeRecord = result.record
    return record


def refused(record: ExchangeRecord, place: str) -> bool:
    """Whether nothing was sent because of where it would have gone."""
    if place == "token":
        return record.cause == "token" and "token_egress_refused" in record.request
    return record.cause == "egress_refused"


@everywhere
@pytest.mark.parametrize("address", ADDRESSES)
async def test_an_address_is_refused_when_it_is_saved_and_when_it_is_called(place: str, address: str) -> None:
    field, settings, call = PLACES[place]
    with pytest.raises(Invalid) as complaint:
        validated_config(settings(address), policy=EgressPolicy())
    assert field in complaint.value.fields
    names = Resolver(lambda host, count: ["93.184.215.14"])
    record = await make(call, settings(address), EgressPolicy(), names)
    if place != "token":  # a second call's address without a scheme would be made https, as when it is saved
        assert record.cause in {"egress_refused", "not_built"}
    else:
        assert refused(record, place)
    assert record.status is None
    assert names.asked == []


@everywhere
@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_judged_by_what_it_stands_for_when_it_is_called(place: str, name: str) -> None:
    _, settings, call = PLACES[place]
    address = f"https://{name}.example/x"
    validated_config(settings(address), policy=EgressPolicy())
    names = Resolver(lambda host, count: NAMES[name] if host.startswith(name) else ["93.184.215.14"])
    record = await make(call, settings(address), EgressPolicy(), names)
    assert refused(record, place)
    assert (record.status, names.asked) == (None, [f"{name}.example"])


@everywhere
async def test_a_name_that_changes_its_mind_between_the_check_and_the_connection(place: str) -> None:
    """The name server is asked once, and what was checked is what is connected to."""
    _, settings, call = PLACES[place]
    token = msgspec.json.encode({"access_token": "t", "token_type": "bearer"})
    async with raw_billing(answers(http("200 OK", token))) as billing:
        policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")
        names = Resolver(lambda host, count: ["127.0.0.1"] if count == 1 else ["10.0.0.1"])
        address = f"http://billing.example:{billing.port}/x"
        record = await make(call, settings(address), policy, names)
        assert len(billing.requests) == 1
        assert names.asked == ["billing.example"] * (2 if place == "token" else 1)
        if place == "token":  # the charge itself asks anew, and finds a neighbour
            assert record.cause == "egress_refused"
        second = await make(call, settings(address), policy, names)
        assert refused(second, place)
        assert len(billing.requests) == 1


@everywhere
@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
async def test_a_redirect_to_a_neighbour_is_not_followed(place: str, status: str) -> None:
    _, settings, call = PLACES[place]
    async with raw_billing(answers(http("200 OK"))) as neighbour:
        location = f"Location: http://127.0.0.1:{neighbour.port}/latest/meta-data"
        async with raw_billing(answers(http(status, b"", location))) as billing:
            policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port},127.0.0.0/8:{neighbour.port}")
            names = Resolver(lambda host, count: ["127.0.0.1"])
            record = await make(call, settings(f"http://127.0.0.1:{billing.port}/x"), policy, names)
            assert (len(billing.requests), neighbour.connections) == (1, 0)
            assert record.cause == ("token" if place == "token" else "redirect")


@everywhere
async def test_a_private_address_that_the_platforms_owner_allows_is_called(place: str) -> None:
    """The other side: the guard does not refuse everything."""
    _, settings, call = PLACES[place]
    async with raw_billing(answers(http("200 OK"))) as billing:
        policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")
        names = Resolver(lambda host, count: ["127.0.0.1"])
        await make(call, settings(f"http://127.0.0.1:{billing.port}/x"), policy, names)
        assert (len(billing.requests), names.asked) == (1, [])
