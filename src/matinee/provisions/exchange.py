"""The HTTP exchange with billing, on aiohttp: exactly one request for one call."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Self, TypeVar

import aiohttp
import msgspec
import structlog
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from matinee.provisions import rules
from matinee.provisions.egress import EgressPolicy, EgressRefused
from matinee.provisions.resolver import Lookup, PinnedResolver, pin, system_lookup
from matinee.provisions.types import (
    Answer,
    BillingTarget,
    CallName,
    CancelOutcome,
    CancelResult,
    ChargeOutcome,
    ChargeResult,
    ExchangeRecord,
    Failure,
    HttpRequest,
    RefundOutcome,
    RefundResult,
    StatusOutcome,
    StatusResult,
    Values,
)

CONNECT_SECONDS = 2.0
LONGEST_BODY_BYTES = 64 * 1024

_HEADERS = {
    "Accept": "application/json, text/plain;q=0.9, */*;q=0.5",
    "Accept-Encoding": "identity",  # a compressed body could be a bomb, and its rules could not be checked
    "Connection": "close",
    "User-Agent": "Matinee",
}

_log = structlog.get_logger()

Outcome = TypeVar("Outcome", ChargeOutcome, StatusOutcome, RefundOutcome, CancelOutcome)


class _Reply(msgspec.Struct, frozen=True):
    """What came back: a whole answer, or a failure with whatever was seen of an answer."""

    status: int | None = None
    body: bytes = b""
    failure: Failure | None = None
    headers: Mapping[str, str] = {}


class _Progress:
    """How far one call has come. `may_have_sent` turns true before the first byte of a request can leave."""

    def __init__(self) -> None:
        self.may_have_sent = False


class _BrokenOff(Exception):
    """A connection broke. It hides the error's type from aiohttp, which for some sends a request again."""


class AiohttpBillingGateway:
    """The shipped BillingGateway. Use it in one event loop; close it with `close` or as a context manager."""

    def __init__(
        self,
        *,
        policy: EgressPolicy,
        lookup: Lookup = system_lookup,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._lookup = lookup
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def charge(self, target: BillingTarget, values: Values) -> ChargeResult:
        config = target.config
        outcome, record = await self._call(
            "charge",
            target,
            lambda: rules.build_charge(config, values),
            lambda answer: rules.judge_charge(config, answer, values),
            rules.unanswered_charge,
        )
        return ChargeResult(outcome, record)

    async def status(self, target: BillingTarget, values: Values) -> StatusResult:
        call = target.config.status
        outcome, record = await self._call(
            "status",
            target,
            lambda: rules.build_status(target.config, values),
            lambda answer: (
                rules.judge_status(call, answer, values)
                if call
                else rules.unanswered_status(Failure.NOT_BUILT)
            ),
            rules.unanswered_status,
        )
        return StatusResult(outcome, record)

    async def refund(self, target: BillingTarget, values: Values) -> RefundResult:
        call = target.config.refund
        outcome, record = await self._call(
            "refund",
            target,
            lambda: rules.build_refund(target.config, values),
            lambda answer: (
                rules.judge_refund(call, answer) if call else rules.unanswered_refund(Failure.NOT_BUILT)
            ),
            rules.unanswered_refund,
        )
        return RefundResult(outcome, record)

    async def cancel(self, target: BillingTarget, values: Values) -> CancelResult:
        call = target.config.cancel
        outcome, record = await self._call(
            "cancel",
            target,
            lambda: rules.build_cancel(target.config, values),
            lambda answer: (
                rules.judge_cancel(call, answer) if call else rules.unanswered_cancel(Failure.NOT_BUILT)
            ),
            rules.unanswered_cancel,
        )
        return CancelResult(outcome, record)

    async def _call(
        self,
        call: CallName,
        target: BillingTarget,
        build: Callable[[], HttpRequest],
        judge: Callable[[Answer], Outcome],
        unanswered: Callable[[Failure], Outcome],
    ) -> tuple[Outcome, ExchangeRecord]:
        """Build, send once, judge; whatever happens, there is an outcome and a record of it."""
        started = time.monotonic()
        try:
            request = build()
        except rules.RequestNotBuilt as problem:
            request, reply = (
                HttpRequest(url="", shown=f"not sent: {problem}"),
                _Reply(failure=Failure.NOT_BUILT),
            )
        else:
            reply = await self._send(request, target.config.timeout_seconds)
        if reply.failure is None and reply.status is not None:
            outcome = judge(Answer(status=reply.status, headers=reply.headers, body=reply.body))
        else:
            outcome = unanswered(reply.failure or Failure.BROKEN)
        record = ExchangeRecord(
            call=call,
            request=request.shown,
            elapsed_ms=round((time.monotonic() - started) * 1000),
            verdict=outcome.kind.value,
            cause=outcome.cause,
            status=reply.status,
            body=rules.excerpt(reply.body, secrets=request.secrets),
        )
        return outcome, record

    async def _send(self, request: HttpRequest, limit_seconds: float) -> _Reply:
        """Send the one request. Never raises, except when this task itself is cancelled."""
        progress = _Progress()
        try:
            async with asyncio.timeout(limit_seconds):
                connect_seconds = CONNECT_SECONDS - await self._resolve(request.url)
                return await self._exchange(request, progress, connect_seconds)
        except EgressRefused:
            return _Reply(failure=Failure.EGRESS)
        except _NameUnknown:
            return _Reply(failure=Failure.DNS)
        except Exception as error:  # whatever it was, it is an outcome: money may depend on it
            return _Reply(failure=_failure(error, progress))

    async def _resolve(self, url: str) -> float:
        """Check where `url` leads and pin its addresses; return the seconds that took."""
        destination = self._policy.check_url(url.partition("?")[0])
        started = time.monotonic()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await pin(destination, self._policy, self._lookup)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
            raise _NameUnknown from error
        return time.monotonic() - started

    async def _exchange(self, request: HttpRequest, progress: _Progress, connect_seconds: float) -> _Reply:
        session = self._session or self._open()
        timeout = aiohttp.ClientTimeout(
            total=None, connect=max(connect_seconds, 0.1), sock_connect=max(connect_seconds, 0.1)
        )
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
            timeout=timeout,
            trace_request_ctx=progress,
        ) as response:
            return await _read(response)

    def _open(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_note_connected)
        trace.on_connection_reuseconn.append(_note_connected)
        trace.on_request_headers_sent.append(_note_connected)
        connector = aiohttp.TCPConnector(
            resolver=PinnedResolver(),
            use_dns_cache=False,
            force_close=True,
            limit=0,
            ssl=self._tls if self._tls is not None else True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            trust_env=False,
            trace_configs=[trace],
            middlewares=[_once],
        )
        return self._session


class _NameUnknown(Exception):
    """The host name could not be resolved in time."""


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending again: after a lost connection it would repeat a GET, even on a new one."""
    try:
        return await handler(request)
    except Exception as error:
        raise _BrokenOff from error


async def _note_connected(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.may_have_sent = True


async def _read(response: ClientResponse) -> _Reply:
    """Read at most 64 KiB of body; a longer or an encoded one is no answer, but its start is kept."""
    body = bytearray()
    failure: Failure | None = None
    if response.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}:
        failure = Failure.ENCODED
    try:
        while chunk := await response.content.read(LONGEST_BODY_BYTES + 1 - len(body)):
            body += chunk
            if len(body) > LONGEST_BODY_BYTES:
                failure = failure or Failure.TOO_LARGE
                break
    except (aiohttp.ClientError, OSError):
        failure = Failure.BROKEN
    finally:
        response.close()
    return _Reply(response.status, bytes(body[:LONGEST_BODY_BYTES]), failure, _headers(response))


def _headers(response: ClientResponse) -> dict[str, str]:
    """Return the answer's headers by lower-case name; one that came more than once is joined by commas."""
    return {
        name.lower(): ", ".join(response.headers.getall(name)) for name in dict.fromkeys(response.headers)
    }


def _failure(error: Exception, progress: _Progress) -> Failure:
    """Return what an error means: nothing was sent only if it came before a connection stood."""
    cause = error.__cause__ if isinstance(error, _BrokenOff) else error
    if progress.may_have_sent:
        return Failure.TIMEOUT if isinstance(cause, TimeoutError) else Failure.BROKEN
    if isinstance(cause, ssl.SSLError | ssl.CertificateError | aiohttp.ClientSSLError):
        return Failure.TLS
    if not isinstance(cause, OSError | aiohttp.ClientError):
        _log.warning("billing_call_failed", error=type(cause).__name__)
    return Failure.CONNECT
