"""One request of any method leaves, and nothing of it is sent a second time."""

import asyncio

import aiohttp
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

from matinee.platform.http.egress import EgressPolicy
from matinee.platform.http.messages import Failure, HttpRequest, Reply
from matinee.platform.http.wire import Wire

METHODS = ("GET", "POST")


async def never(host: str, port: int) -> list[str]:
    raise AssertionError("an address needs no look-up")


async def send(billing: RawBilling, method: str, *, body: bytes = b"") -> Reply:
    wire = Wire(policy=EgressPolicy.parse(f"127.0.0.0/8:{billing.port}"))
    request = HttpRequest(
        method=method,
        url=f"http://127.0.0.1:{billing.port}/rentals?shop=7",
        headers=(("Content-Type", "application/json"), ("X-Shop", "7")) if body else (),
        body=body,
        shown="",
    )
    try:
        return await wire.send(request, limit_seconds=0.5, lookup=never)
    finally:
        await wire.close()
        await asyncio.sleep(0.05)


BROKEN: dict[str, tuple[Behaviour, Failure | None]] = {
    "closed": (cuts(), Failure.BROKEN),
    "reset": (cuts(reset=True), Failure.BROKEN),
    "closed_within_the_head": (cuts(b"HTTP/1.1 200 OK\r\nContent-Le"), Failure.BROKEN),
    "closed_within_the_body": (cuts(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK"), Failure.BROKEN),
    "not_http": (answers(b"hello\r\n\r\n"), Failure.BROKEN),
    "silence": (says_nothing, Failure.TIMEOUT),
    "server_error": (answers(http("503 Service Unavailable", b"", "Retry-After: 0")), None),
    "asked_to_repeat": (answers(http("408 Request Timeout")), None),
    "asked_to_sign_in": (answers(http("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="x"')), None),
    "digest": (answers(http("401 Unauthorized", b"", 'WWW-Authenticate: Digest realm="x", nonce="y"')), None),
    "see_other": (answers(http("303 See Other", b"", "Location: /x")), None),
    "keep_the_method": (answers(http("307 Temporary Redirect", b"", "Location: /x")), None),
    "for_ever": (answers(http("308 Permanent Redirect", b"", "Location: /x")), None),
    "misdirected": (answers(http("421 Misdirected Request")), None),
    "too_many": (answers(http("429 Too Many Requests", b"", "Retry-After: 0")), None),
    "upgrade": (answers(http("426 Upgrade Required", b"", "Upgrade: h2c", "Connection: Upgrade")), None),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", BROKEN)
async def test_whatever_comes_back_one_request_was_sent(name: str, method: str) -> None:
    behaviour, failure = BROKEN[name]
    body = b'{"reference": "r-1"}' if method == "POST" else b""
    async with raw_billing(behaviour) as billing:
        reply = await send(billing, method, body=body)
        assert reply.failure == failure
        assert [request.split(b" ")[0].decode() for request in billing.requests] == [method]
        assert (billing.bodies, billing.connections) == ([body], 1)


async def test_a_server_that_reads_half_of_a_large_body_and_hangs_up() -> None:
    async with raw_billing(cuts()) as billing:
        reply = await send(billing, "POST", body=b"x" * 300_000)
        assert reply.failure is Failure.BROKEN
        assert billing.connections == 1


async def test_body_and_headers_arrive_as_they_were_built() -> None:
    async with raw_billing(
        answers(http("200 OK", b"", "X-Charge: tx-1", "Set-Cookie: a=1", "Set-Cookie: b=2"))
    ) as billing:
        reply = await send(billing, "POST", body=b'{"title": "\xc3\xa9"}')
    (request,) = billing.requests
    assert request.startswith(b"POST /rentals?shop=7 HTTP/1.1\r\n")
    assert (header(request, "content-type"), header(request, "x-shop")) == ("application/json", "7")
    assert header(request, "content-length") == "15"
    assert billing.bodies == [b'{"title": "\xc3\xa9"}']
    assert (reply.headers["x-charge"], reply.headers["set-cookie"]) == ("tx-1", "a=1, b=2")


async def test_a_post_without_a_body_says_that_it_has_none() -> None:
    async with raw_billing(answers(http("200 OK"))) as billing:
        await send(billing, "POST")
    assert header(billing.requests[0], "content-length") == "0"


async def test_interim_answers_are_no_answers() -> None:
    raw = b"HTTP/1.1 103 Early Hints\r\n\r\n" + http("200 OK", b"done")
    async with raw_billing(answers(raw)) as billing:
        reply = await send(billing, "POST", body=b"x")
        assert (reply.status, reply.body, len(billing.requests)) == (200, b"done", 1)


async def test_plain_aiohttp_may_send_a_post_again_one_day() -> None:
    """Today it does not; were that to change, only the wire's own guard would be left."""
    async with raw_billing(cuts()) as billing, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(f"http://127.0.0.1:{billing.port}/", data=b"x")
        assert len(billing.requests) == 1
