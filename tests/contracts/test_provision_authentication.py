"""How calls show who sends them, on the wire: every kind of authentication, and tokens fetched once."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import msgspec
import pytest
from tests.contracts.raw_billing import (
    Behaviour,
    RawBilling,
    answers,
    cuts,
    header,
    http,
    raw_billing,
    says_nothing,
)
from tests.factories.targets import target_of

from matinee.kernel.webhook_signatures import is_signed
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.gateway.sealing import seal_secret
from matinee.provisions.types import (
    AnswerFields,
    Auth,
    BasicAuth,
    BearerAuth,
    BillingTarget,
    CallConfig,
    ChargeKind,
    ChargeOutcome,
    HeaderAuth,
    HmacAuth,
    KeyMapping,
    Method,
    NoAuth,
    OAuth2Auth,
    PlatformValue,
    ProvisionConfig,
    json_place,
)

BOX = SecretBox(b"k" * 32)
CANARY = "canary-4c1e7d"
VALUES = {PlatformValue.REFERENCE: "ref-1"}
KEYS = (KeyMapping(parameter="ref", platform_value=PlatformValue.REFERENCE),)


def target(port: int, auth: Auth, secret: str = CANARY, **changes: object) -> BillingTarget:
    """A provision whose one secret is called `key`."""
    config = ProvisionConfig(
        name="Main",
        base_url=f"http://127.0.0.1:{port}/rentals?shop=7",
        charge=CallConfig(key_map=KEYS),
        auth=auth,
        timeout_seconds=2,
    )
    bare = target_of(msgspec.structs.replace(config, **changes))
    sealed = seal_secret(
        BOX, secret, operator_id=bare.operator_id, provision_id=bare.provision_id, name="key"
    )
    return msgspec.structs.replace(bare, sealed_secrets={"key": sealed})


def gateway(*ports: int) -> AiohttpBillingGateway:
    policy = EgressPolicy.parse(",".join(f"127.0.0.0/8:{port}" for port in ports))
    return AiohttpBillingGateway(policy=policy, box=BOX)


@asynccontextmanager
async def honest() -> AsyncIterator[RawBilling]:
    async with raw_billing(answers(http("200 OK"))) as billing:
        yield billing


BASIC = base64.b64encode(b"shop:" + CANARY.encode()).decode()


@pytest.mark.parametrize(
    ("auth", "name", "expected"),
    [
        (NoAuth(), "authorization", ""),
        (BasicAuth(username="shop", password_secret="key"), "authorization", f"Basic {BASIC}"),
        (BearerAuth(token_secret="key"), "authorization", f"Bearer {CANARY}"),
        (HeaderAuth(header="X-Billing-Secret", value_secret="key"), "x-billing-secret", CANARY),
    ],
)
async def test_the_header_that_is_sent(auth: Auth, name: str, expected: str) -> None:
    async with honest() as billing, gateway(billing.port) as calls:
        result = await calls.charge(target(billing.port, auth), VALUES)
    assert result.outcome.kind is ChargeKind.SUCCESS
    assert header(billing.requests[0], name) == expected
    assert CANARY not in result.record.request
    assert (f"{name}: ***" in result.record.request.lower()) == bool(expected)


async def test_a_signature_covers_the_query_of_a_get_and_is_fresh_each_time() -> None:
    async with honest() as billing, gateway(billing.port) as calls:
        one = target(billing.port, HmacAuth(key_secret="key"))
        for _ in range(2):
            await calls.charge(one, VALUES)
    ids = set()
    for request in billing.requests:
        query = request.split(b" ")[1].partition(b"?")[2]
        sent = int(header(request, "webhook-timestamp"))
        ids.add(header(request, "webhook-id"))
        assert query == b"shop=7&ref=ref-1"
        assert abs(sent - time.time()) < 5
        assert is_signed(
            header(request, "webhook-signature"), CANARY,
            message_id=header(request, "webhook-id"), timestamp=sent, body=query,
        )  # fmt: skip
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("auth", "secret"),
    [
        (BearerAuth(token_secret="missing"), CANARY),
        (BasicAuth(username="shop", password_secret="missing"), CANARY),
        (BearerAuth(token_secret="key"), "snow\N{SNOWMAN}man"),
        (HeaderAuth(header="X-Key", value_secret="key"), "line\r\nHost: evil"),
        (HmacAuth(key_secret="key"), "whsec_not base64"),
    ],
)
async def test_a_secret_that_cannot_be_used_sends_nothing(auth: Auth, secret: str) -> None:
    async with honest() as billing, gateway(billing.port) as calls:
        result = await calls.charge(target(billing.port, auth, secret), VALUES)
    assert result.outcome == ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="not_built")
    assert billing.connections == 0
    assert secret not in result.record.request


async def test_a_secret_that_was_sealed_elsewhere_sends_nothing() -> None:
    async with honest() as billing:
        one = target(billing.port, BearerAuth(token_secret="key"))
        policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")
        for box in (SecretBox(b"x" * 32), None):
            async with AiohttpBillingGateway(policy=policy, box=box) as calls:
                result = await calls.charge(one, VALUES)
            assert result.outcome.cause == "not_built"
        assert billing.connections == 0


async def test_a_secret_in_the_answer_is_masked() -> None:
    body = f"you sent {CANARY} and {BASIC}".encode()
    async with raw_billing(answers(http("200 OK", body))) as billing, gateway(billing.port) as calls:
        auth = BasicAuth(username="shop", password_secret="key")
        result = await calls.charge(target(billing.port, auth), VALUES)
    assert result.record.body == "you sent *** and ***"


async def test_a_secret_in_billings_reason_is_masked_and_other_words_stay() -> None:
    body = msgspec.json.encode({"reason": f"{CANARY} is wrong for ref-1"})
    answer = AnswerFields(decline_reason=json_place("/reason"))
    async with raw_billing(answers(http("402 No", body))) as billing, gateway(billing.port) as calls:
        auth = BearerAuth(token_secret="key")
        result = await calls.charge(target(billing.port, auth, answer=answer), VALUES)
    assert result.outcome.decline_reason == "*** is wrong for ref-1"
    assert CANARY not in repr(result)


async def test_the_record_names_the_rules_that_match() -> None:
    async with honest() as billing, gateway(billing.port) as calls:
        result = await calls.charge(target(billing.port, NoAuth()), VALUES)
    assert result.record.matched == "success"


@pytest.mark.parametrize("method", [Method.POST_FORM, Method.POST_JSON])
async def test_a_signature_covers_the_body_of_a_post(method: Method) -> None:
    charge = CallConfig(key_map=KEYS, method=method)
    async with honest() as billing, gateway(billing.port) as calls:
        one = target(billing.port, HmacAuth(key_secret="key"), charge=charge)
        result = await calls.charge(one, VALUES)
    (request,), (body,) = billing.requests, billing.bodies
    assert body == {Method.POST_FORM: b"ref=ref-1", Method.POST_JSON: b'{"ref":"ref-1"}'}[method]
    assert is_signed(
        header(request, "webhook-signature"), CANARY, message_id=header(request, "webhook-id"),
        timestamp=int(header(request, "webhook-timestamp")), body=body,
    )  # fmt: skip
    assert result.record.request.endswith(f"webhook-signature: ***\n\n{body.decode()}")


# OAuth 2


def token(text: str = "token-1", **more: object) -> Behaviour:
    return answers(http("200 OK", msgspec.json.encode({"access_token": text, "token_type": "Bearer"} | more)))


@asynccontextmanager
async def oauth(behaviour: Behaviour) -> AsyncIterator[tuple[RawBilling, RawBilling, OAuth2Auth]]:
    """Run billing and a token server; the settings fit the latter."""
    async with honest() as billing, raw_billing(behaviour) as tokens:
        url = f"http://127.0.0.1:{tokens.port}/token"
        yield (
            billing,
            tokens,
            OAuth2Auth(token_url=url, client_id="me & you", client_secret="key", scope="a b"),
        )


async def test_a_token_is_asked_for_as_the_standard_says() -> None:
    async with oauth(token()) as (billing, tokens, auth), gateway(billing.port, tokens.port) as calls:
        result = await calls.charge(target(billing.port, auth, "pass:word"), VALUES)
    assert result.outcome.kind is ChargeKind.SUCCESS
    assert header(billing.requests[0], "authorization") == "Bearer token-1"
    asked = tokens.requests[0]
    assert asked.startswith(b"POST /token HTTP/1.1\r\n")
    pair = base64.b64decode(header(asked, "authorization").removeprefix("Basic ")).decode()
    assert pair == "me%20%26%20you:pass%3Aword"
    assert parse_qs(tokens.bodies[0].decode()) == {"grant_type": ["client_credentials"], "scope": ["a b"]}
    assert "Authorization: ***" in result.record.request


async def test_a_client_may_show_itself_in_the_body_and_then_only_there() -> None:
    async with oauth(token()) as (billing, tokens, auth), gateway(billing.port, tokens.port) as calls:
        in_body = msgspec.structs.replace(auth, client_auth="body")
        result = await calls.charge(target(billing.port, in_body, "pass:& word"), VALUES)
    assert result.outcome.kind is ChargeKind.SUCCESS
    assert header(billing.requests[0], "authorization") == "Bearer token-1"
    assert b"authorization" not in tokens.requests[0].lower()
    assert parse_qs(tokens.bodies[0].decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["a b"],
        "client_id": ["me & you"],
        "client_secret": ["pass:& word"],
    }
    assert "pass" not in repr(result)


async def test_one_token_serves_many_calls_and_parallel_ones_share_the_request() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await token()(reader, writer)

    async with oauth(slow) as (billing, tokens, auth), gateway(billing.port, tokens.port) as calls:
        one = target(billing.port, auth)
        results = await asyncio.gather(*(calls.charge(one, VALUES) for _ in range(20)))
        results.append(await calls.charge(one, VALUES))
    assert {result.outcome.kind for result in results} == {ChargeKind.SUCCESS}
    assert (len(tokens.requests), len(billing.requests)) == (1, 21)


async def test_who_gives_up_does_not_take_the_token_from_the_others() -> None:
    gate = asyncio.Event()

    async def held(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await token()(reader, writer)

    async with oauth(held) as (billing, tokens, auth), gateway(billing.port, tokens.port) as calls:
        one = target(billing.port, auth)
        first, second = (asyncio.create_task(calls.charge(one, VALUES)) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.sleep(0.05)
        gate.set()
        assert (await second).outcome.kind is ChargeKind.SUCCESS
        assert (len(tokens.requests), len(billing.requests)) == (1, 1)


async def test_a_token_is_fetched_again_before_it_runs_out() -> None:
    """It lives 100 s, so it is used for 75."""
    now = 1000.0
    async with (
        oauth(token(expires_in=100)) as (billing, tokens, auth),
        gateway(billing.port, tokens.port) as calls,
    ):
        calls.tokens.clock = lambda: now
        one, seen = target(billing.port, auth), []
        for moment in (1000.0, 1074.0, 1076.0, 1077.0):
            now = moment
            await calls.charge(one, VALUES)
            seen.append(len(tokens.requests))
    assert seen == [1, 1, 2, 2]


async def test_a_rotated_secret_asks_for_a_token_of_its_own() -> None:
    async with oauth(token()) as (billing, tokens, auth), gateway(billing.port, tokens.port) as calls:
        await calls.charge(target(billing.port, auth, "old"), VALUES)
        await calls.charge(target(billing.port, auth, "new"), VALUES)
    given = [base64.b64decode(header(asked, "authorization")[6:]).decode() for asked in tokens.requests]
    assert [pair.partition(":")[2] for pair in given] == ["old", "new"]


async def test_a_refused_token_is_dropped_and_the_charge_is_not_sent_again() -> None:
    async with (
        raw_billing(answers(http("401 Unauthorized"))) as billing,
        raw_billing(token()) as tokens,
        gateway(billing.port, tokens.port) as calls,
    ):
        auth = OAuth2Auth(token_url=f"http://127.0.0.1:{tokens.port}/", client_id="me", client_secret="key")
        one = target(billing.port, auth)
        result = await calls.charge(one, VALUES)
        assert result.outcome == ChargeOutcome(kind=ChargeKind.UNKNOWN, cause="no_rule_matches")
        assert (len(tokens.requests), len(billing.requests)) == (1, 1)
        await calls.charge(one, VALUES)
        assert (len(tokens.requests), len(billing.requests)) == (2, 2)


NO_TOKEN: dict[str, Behaviour] = {
    "refused": answers(http("401 Unauthorized", b'{"error": "invalid_client"}')),
    "server_error": answers(http("500 Internal Server Error")),
    "redirect": answers(http("302 Found", b"", "Location: /other")),
    "created": answers(http("201 Created", b'{"access_token": "token-1"}')),
    "not_json": answers(http("200 OK", b"token-1")),
    "a_list": answers(http("200 OK", b'["token-1"]')),
    "no_token": answers(http("200 OK", b"{}")),
    "empty": token(""),
    "not_a_text": answers(http("200 OK", b'{"access_token": 7}')),
    "smuggled_header": token("x\r\nHost: evil"),
    "other_kind": token(token_type="mac"),
    "cut": cuts(),
    "silence": says_nothing,
}


@pytest.mark.parametrize("name", NO_TOKEN)
async def test_without_a_token_nothing_is_sent(name: str) -> None:
    async with oauth(NO_TOKEN[name]) as (billing, tokens, auth), gateway(billing.port, tokens.port) as calls:
        result = await calls.charge(target(billing.port, auth), VALUES)
        assert result.outcome == ChargeOutcome(kind=ChargeKind.NOT_SENT, cause="token")
        assert (len(tokens.requests), billing.connections) == (1, 0)
        assert result.record.elapsed_ms < 1500
        assert CANARY not in repr(result)


async def test_a_token_server_that_recovers_is_asked_again() -> None:
    broken = answers(http("503 Service Unavailable"))
    async with oauth(broken) as (billing, tokens, auth), gateway(billing.port, tokens.port) as calls:
        one = target(billing.port, auth)
        assert (await calls.charge(one, VALUES)).outcome.cause == "token"
        tokens.behaviour = token()
        assert (await calls.charge(one, VALUES)).outcome.kind is ChargeKind.SUCCESS


async def test_the_token_address_is_under_the_same_rules() -> None:
    async with oauth(token()) as (billing, tokens, auth), gateway(billing.port) as calls:
        result = await calls.charge(target(billing.port, auth), VALUES)
        assert result.outcome.cause == "token"
        assert "token_egress_refused" in result.record.request
        assert tokens.connections == billing.connections == 0


async def test_two_provisions_never_share_a_token() -> None:
    async with oauth(token()) as (billing, tokens, auth), gateway(billing.port, tokens.port) as calls:
        one = target(billing.port, auth)
        sealed = seal_secret(
            BOX, CANARY, operator_id=one.provision_id, provision_id=one.operator_id, name="key"
        )
        other = msgspec.structs.replace(
            one, operator_id=one.provision_id, provision_id=one.operator_id, sealed_secrets={"key": sealed}
        )
        await calls.charge(one, VALUES)
        await calls.charge(other, VALUES)
        assert len(tokens.requests) == 2
