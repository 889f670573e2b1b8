"""The exchange on the wire: how many requests leave, how they look, and what a broken answer becomes."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import UUID

import aiohttp
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.contracts.raw_billing import (
    Behaviour,
    RawBilling,
    answers,
    cuts,
    drips,
    http,
    raw_billing,
    says_nothing,
)
from tests.factories.targets import target_of

from matinee.platform.http.egress import EgressPolicy
from matinee.platform.http.resolver import LookupPool
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.types import (
    AnswerFields,
    BillingTarget,
    CallConfig,
    ChargeKind,
    ChargeOutcome,
    DeclineText,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    RefundKind,
    StatusCall,
    StatusKind,
    json_place,
)

VALUES = {
    PlatformValue.REFERENCE: "ref-1",
    PlatformValue.USERID: "anna",
    PlatformValue.CONTENT_NAME: "Tom & Jerry: 100 % = fun?\r\nHost: evil é",
    PlatformValue.REFUND_REFERENCE: "refund-1",
    PlatformValue.CHARGE_ID: "tx-1",
}
KEYS = (
    KeyMapping(parameter="ref", platform_value=PlatformValue.REFERENCE),
    KeyMapping(parameter="title", platform_value=PlatformValue.CONTENT_NAME),
    KeyMapping(parameter="who", platform_value=PlatformValue.USERID),
    KeyMapping(parameter="key", constant="canary-secret"),
)


def config_for(port: int, *, scheme: str = "http", host: str = "127.0.0.1") -> ProvisionConfig:
    return ProvisionConfig(
        name="Main",
        base_url=f"{scheme}://{host}:{port}/rentals?shop=7",
        charge=CallConfig(key_map=KEYS),
        status=StatusCall(url="/status", key_map=KEYS[:1]),
        refund=RefundCall(
            url="/refund",
            key_map=(
                KeyMapping(parameter="id", platform_value=PlatformValue.CHARGE_ID),
                KeyMapping(parameter="again", platform_value=PlatformValue.REFUND_REFERENCE),
            ),
        ),
        timeout_seconds=3,
    )


def gateway_for(port: int) -> AiohttpBillingGateway:
    return AiohttpBillingGateway(policy=EgressPolicy.parse(f"127.0.0.0/8:{port}"))


def briefly(port: int) -> BillingTarget:
    """Return the target with a time limit of one second, less than may be saved."""
    return target_of(msgspec.structs.replace(config_for(port), timeout_seconds=1))


async def charge_against(behaviour: Behaviour) -> tuple[ChargeOutcome, RawBilling]:
    async with raw_billing(behaviour) as billing, gateway_for(billing.port) as gateway:
        result = await gateway.charge(briefly(billing.port), VALUES)
        await asyncio.sleep(0.05)
        return result.outcome, billing


async def test_plain_aiohttp_sends_a_get_again() -> None:
    """The trap that the gateway must avoid; if this test fails, aiohttp has changed for the better."""
    async with raw_billing(cuts()) as billing, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get(f"http://127.0.0.1:{billing.port}/")
        assert len(billing.requests) == 2


BROKEN = {
    "closed_without_answer": (cuts(), "broken"),
    "reset_without_answer": (cuts(reset=True), "broken"),
    "closed_within_the_head": (cuts(b"HTTP/1.1 200 OK\r\nContent-Le"), "broken"),
    "closed_within_the_body": (cuts(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK"), "broken"),
    "reset_within_the_body": (
        cuts(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK", reset=True),
        "broken",
    ),
    "closed_within_a_chunk": (
        cuts(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        "broken",
    ),
    "not_http": (answers(b"\x15\x03\x01 no web server here\r\n\r\n"), "broken"),
    "silence": (says_nothing, "timeout"),
    "one_byte_at_a_time": (drips(http("200 OK", b"OK" * 500), every_seconds=0.05), "timeout"),
    "too_large": (answers(http("200 OK", b"x" * 65_537)), "too_large"),
    "endless": (cuts(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 400_000), "too_large"),
    "compressed": (answers(http("200 OK", b"\x1f\x8b", "Content-Encoding: gzip")), "encoded"),
    "redirect": (answers(http("302 Found", b"", "Location: /rentals")), "redirect"),
    "redirect_that_keeps_the_method": (
        answers(http("307 Temporary Redirect", b"", "Location: /x")),
        "redirect",
    ),
    "server_error": (answers(http("500 Internal Server Error")), "server_error"),
    "unavailable": (answers(http("503 Service Unavailable", b"", "Retry-After: 0")), "server_error"),
    "unexpected_status": (answers(http("404 Not Found")), "no_rule_matches"),
    "empty": (answers(http("204 No Content")), "no_rule_matches"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_an_unclear_answer_is_unknown_and_one_request_was_sent(name: str) -> None:
    behaviour, cause = BROKEN[name]
    outcome, billing = await charge_against(behaviour)
    assert outcome == ChargeOutcome(kind=ChargeKind.UNKNOWN, cause=cause)
    assert (len(billing.requests), billing.connections) == (1, 1)


async def test_clear_answers() -> None:
    outcome, billing = await charge_against(answers(http("200 OK", b"x" * 65_536)))
    assert (outcome.kind, len(billing.requests)) == (ChargeKind.SUCCESS, 1)
    outcome, billing = await charge_against(answers(http("402 Payment Required")))
    assert (outcome.kind, len(billing.requests)) == (ChargeKind.DECLINED, 1)


async def test_ten_calls_are_ten_requests_on_ten_connections() -> None:
    """The server keeps its connections open and closes each as soon as it is used again."""

    async def closes_when_reused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(billing.requests) > billing.connections:
            writer.close()
            return
        await answers(http("200 OK", b"", "Connection: keep-alive"))(reader, writer)

    async with raw_billing(closes_when_reused) as billing, gateway_for(billing.port) as gateway:
        results = [await gateway.charge(target_of(config_for(billing.port)), VALUES) for _ in range(10)]
        assert [result.outcome.kind for result in results] == [ChargeKind.SUCCESS] * 10
        assert (len(billing.requests), billing.connections) == (10, 10)


async def test_the_request_is_encoded_by_position_and_nothing_can_be_smuggled() -> None:
    async with raw_billing(answers(http("200 OK"))) as billing, gateway_for(billing.port) as gateway:
        await gateway.charge(target_of(config_for(billing.port)), VALUES)
        head = billing.requests[0].decode().split("\r\n")
        assert head[0] == (
            "GET /rentals?shop=7&ref=ref-1"
            "&title=Tom%20%26%20Jerry%3A%20100%20%25%20%3D%20fun%3F%0D%0AHost%3A%20evil%20%C3%A9"
            "&who=anna&key=canary-secret HTTP/1.1"
        )
        names = sorted(line.partition(":")[0].lower() for line in head[1:] if line)
        assert names == ["accept", "accept-encoding", "connection", "host", "user-agent"]
        assert "Connection: close" in head


async def test_status_and_refund_send_one_request_each() -> None:
    body = msgspec.json.encode({"charges": [{"id": "tx-1"}, {"id": 2}]})
    async with raw_billing(answers(http("200 OK", body))) as billing, gateway_for(billing.port) as gateway:
        status = await gateway.status(target_of(config_for(billing.port)), VALUES)
        refund = await gateway.refund(target_of(config_for(billing.port)), VALUES)
        assert (status.outcome.kind, status.outcome.charge_ids) == (StatusKind.CHARGED, ("tx-1", "2"))
        assert refund.outcome.kind is RefundKind.REFUNDED
        assert [request.split(b" ")[1] for request in billing.requests] == [
            b"/status?ref=ref-1", b"/refund?id=tx-1&again=refund-1",
        ]  # fmt: skip


async def test_cookies_are_not_kept() -> None:
    behaviour = answers(http("200 OK", b"", "Set-Cookie: session=abc; Path=/"))
    async with raw_billing(behaviour) as billing, gateway_for(billing.port) as gateway:
        for _ in range(2):
            await gateway.charge(target_of(config_for(billing.port, host="localhost")), VALUES)
        assert all(b"cookie" not in request.lower() for request in billing.requests)


async def test_the_record_shows_the_exchange_without_its_secrets() -> None:
    body = b'{"echo": "canary-secret", "user": "anna", "card": "4111 1111 1111 1111"}' + b"." * 4000
    async with raw_billing(answers(http("200 OK", body))) as billing, gateway_for(billing.port) as gateway:
        record = (await gateway.charge(target_of(config_for(billing.port)), VALUES)).record
    assert "canary-secret" not in record.request + record.body
    assert "anna" not in record.request + record.body
    assert "4111" not in record.body
    assert len(record.body.encode()) == 2048
    assert record.request.startswith(
        f"GET http://127.0.0.1:{billing.port}/rentals?shop=***&ref=ref-1&title=Tom%20"
    )
    assert (record.call, record.status, record.verdict, record.cause) == ("charge", 200, "success", "success")
    assert 0 <= record.elapsed_ms < 1000


async def test_the_record_names_the_rule_and_keeps_their_word_for_a_refusal_masked() -> None:
    reply = http("402 Payment Required", b'{"reason": "LIMIT of anna"}')
    async with raw_billing(answers(reply)) as billing, gateway_for(billing.port) as gateway:
        config = msgspec.structs.replace(
            config_for(billing.port),
            answer=AnswerFields(decline_reason=json_place("/reason")),
            decline_texts=(DeclineText(code="other", text="Another text."),),
        )
        result = await gateway.charge(target_of(config), VALUES)
    assert (result.record.matched, result.record.decline_code) == ("no_success", "LIMIT of ***")
    assert (result.outcome.kind, result.outcome.decline_reason) == (ChargeKind.DECLINED, None)


# Nothing was sent.


async def test_nobody_listens(free_port: int) -> None:
    async with gateway_for(free_port) as gateway:
        result = await gateway.charge(target_of(config_for(free_port)), VALUES)
    assert result.outcome == ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="connect")
    assert result.record.status is None


async def test_a_connection_that_is_never_accepted() -> None:
    """A full backlog swallows the handshake: the connect limit of 2 s ends it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        async with gateway_for(port) as gateway:
            result = await gateway.charge(target_of(config_for(port)), VALUES)
        for filler in fillers:
            filler.close()
    assert result.outcome == ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="connect")
    assert 1800 <= result.record.elapsed_ms <= 2700


async def test_a_name_that_does_not_exist(free_port: int) -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    policy = EgressPolicy.parse(f"127.0.0.0/8:{free_port}")
    async with AiohttpBillingGateway(policy=policy, lookup=unknown) as gateway:
        result = await gateway.charge(target_of(config_for(free_port, host="billing.example")), VALUES)
    assert result.outcome == ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="dns")


async def test_a_name_server_that_does_not_answer(free_port: int) -> None:
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    policy = EgressPolicy.parse(f"127.0.0.0/8:{free_port}")
    async with AiohttpBillingGateway(policy=policy, lookup=slow) as gateway:
        result = await gateway.charge(target_of(config_for(free_port, host="billing.example")), VALUES)
    assert result.outcome == ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="dns")
    assert result.record.elapsed_ms < 2700


async def test_one_operators_silent_name_server_does_not_hold_up_another_operator() -> None:
    silent = threading.Event()

    def ask(host: str, port: int) -> list[str]:
        if host == "slow.example":
            silent.wait(10)
        return ["127.0.0.1"]

    async with raw_billing(answers(http("200 OK"))) as billing:
        names = LookupPool(ask, threads=2, threads_per_operator=1)
        policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")
        slow = target_of(config_for(billing.port, host="slow.example"))
        quick = msgspec.structs.replace(
            target_of(config_for(billing.port, host="quick.example")), operator_id=UUID(int=7)
        )
        try:
            async with AiohttpBillingGateway(policy=policy, names=names) as gateway:
                held = [asyncio.create_task(gateway.charge(slow, VALUES)) for _ in range(20)]
                await asyncio.sleep(0.1)
                result = await gateway.charge(quick, VALUES)
                outcomes = [(await one).outcome for one in held]
        finally:
            silent.set()
        assert result.outcome.kind is ChargeKind.SUCCESS
        assert result.record.elapsed_ms < 1000
        assert outcomes == [ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="dns")] * 20
        assert len(billing.requests) == 1


async def test_a_missing_value_sends_nothing() -> None:
    async with raw_billing(answers(http("200 OK"))) as billing, gateway_for(billing.port) as gateway:
        result = await gateway.charge(
            target_of(config_for(billing.port)), {**VALUES, PlatformValue.USERID: ""}
        )
        assert result.outcome == ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="not_built")
        assert billing.connections == 0


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for billing.example and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "billing.example")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("billing.example"), x509.IPAddress(ip_address("127.0.0.9"))]
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@pytest.fixture
async def tls_billing(certificate: tuple[Path, Path]) -> AsyncIterator[RawBilling]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    async with raw_billing(answers(http("200 OK")), tls=context) as billing:
        yield billing


async def loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    ("trusted", "host", "kind", "cause", "requests"),
    [
        (True, "billing.example", ChargeKind.SUCCESS, "success", 1),
        (True, "other.example", ChargeKind.NOT_SENT, "tls", 0),
        (False, "billing.example", ChargeKind.NOT_SENT, "tls", 0),
    ],
)
async def test_the_certificate_must_be_trusted_and_fit_the_name(
    tls_billing: RawBilling,
    certificate: tuple[Path, Path],
    trusted: bool,
    host: str,
    kind: ChargeKind,
    cause: str,
    requests: int,
) -> None:
    tls = ssl.create_default_context(cafile=str(certificate[0]) if trusted else None)
    policy = EgressPolicy.parse(f"127.0.0.0/8:{tls_billing.port}")
    async with AiohttpBillingGateway(policy=policy, lookup=loopback, tls=tls) as gateway:
        result = await gateway.charge(
            target_of(config_for(tls_billing.port, scheme="https", host=host)), VALUES
        )
    assert (result.outcome.kind, result.outcome.cause, len(tls_billing.requests)) == (kind, cause, requests)


async def test_https_to_a_server_without_tls() -> None:
    async with (
        raw_billing(cuts(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as billing,
        gateway_for(billing.port) as gateway,
    ):
        result = await gateway.charge(target_of(config_for(billing.port, scheme="https")), VALUES)
    assert result.outcome.kind is ChargeKind.NOT_SENT


# Egress, at the moment of connecting.


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["127.0.0.2", "10.0.0.1"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["fe80::1%eth0"],
        [],
    ],
)
async def test_a_name_that_leads_to_a_forbidden_address_is_not_connected_to(addresses: list[str]) -> None:
    async def double(host: str, port: int) -> list[str]:
        return addresses

    async with raw_billing(answers(http("200 OK"))) as billing:
        policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")
        async with AiohttpBillingGateway(policy=policy, lookup=double) as gateway:
            result = await gateway.charge(target_of(config_for(billing.port, host="billing.example")), VALUES)
        assert result.outcome == ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="egress_refused")
        assert billing.connections == 0


async def test_a_name_server_that_changes_its_mind_is_asked_only_once() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with raw_billing(answers(http("200 OK"))) as billing:
        policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")
        async with AiohttpBillingGateway(policy=policy, lookup=rebinding) as gateway:
            first = await gateway.charge(target_of(config_for(billing.port, host="billing.example")), VALUES)
            second = await gateway.charge(target_of(config_for(billing.port, host="billing.example")), VALUES)
        assert (first.outcome.kind, second.outcome.cause) == (ChargeKind.SUCCESS, "egress_refused")
        assert asked == ["billing.example", "billing.example"]
        assert billing.requests[0].split(b"\r\n")[1] == f"Host: billing.example:{billing.port}".encode()


async def test_parallel_calls_keep_their_own_addresses() -> None:
    """Each call may connect only to what was checked for it, also when many share the gateway."""

    async def by_name(host: str, port: int) -> list[str]:
        await asyncio.sleep(0.01)
        return ["127.0.0.1"] if host.startswith("good") else ["192.168.0.1"]

    async with raw_billing(answers(http("200 OK"))) as billing:
        policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")
        async with AiohttpBillingGateway(policy=policy, lookup=by_name) as gateway:
            results = await asyncio.gather(
                *(
                    gateway.charge(
                        target_of(config_for(billing.port, host=f"{name}{number}.example")), VALUES
                    )
                    for number in range(10)
                    for name in ("good", "bad")
                )
            )
        kinds = [result.outcome.kind for result in results]
        assert kinds == [ChargeKind.SUCCESS, ChargeKind.NOT_SENT] * 10
        assert len(billing.requests) == 10


async def test_an_address_that_is_no_longer_allowed_is_refused() -> None:
    async with (
        raw_billing(answers(http("200 OK"))) as billing,
        AiohttpBillingGateway(policy=EgressPolicy()) as gateway,
    ):
        result = await gateway.charge(target_of(config_for(billing.port)), VALUES)
        assert (result.outcome.cause, billing.connections) == ("egress_refused", 0)


async def test_a_host_name_may_be_typed_in_upper_case() -> None:
    async with raw_billing(answers(http("200 OK"))) as billing:

        async def lookup(host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port},http://billing.example:{billing.port}")
        async with AiohttpBillingGateway(policy=policy, lookup=lookup) as gateway:
            result = await gateway.charge(target_of(config_for(billing.port, host="Billing.Example")), VALUES)
        assert result.outcome.kind is ChargeKind.SUCCESS
