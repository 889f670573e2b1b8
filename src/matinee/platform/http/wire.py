"""One HTTP request on the wire, on aiohttp: never a second one, never a redirect, never a connection shared."""

import asyncio
import ssl
import time
from types import SimpleNamespace

import aiohttp
import structlog
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from matinee.platform.http.egress import EgressPolicy, EgressRefused
from matinee.platform.http.messages import Failure, HttpRequest, Reply
from matinee.platform.http.resolver import Lookup, PinnedResolver, pin

CONNECT_SECONDS = 2.0
LONGEST_BODY_BYTES = 64 * 1024

_HEADERS = {
    "Accept": "application/json, text/plain;q=0.9, */*;q=0.5",
    "Accept-Encoding": "identity",  # a compressed body could be a bomb, and its rules could not be checked
    "Connection": "close",
    "User-Agent": "Matinee",
}

_log = structlog.get_logger()


class Wire:
    """Sends requests where the egress policy allows it. Use it in one event loop, and close it."""

    def __init__(self, *, policy: EgressPolicy, tls: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: HttpRequest, *, limit_seconds: float, lookup: Lookup) -> Reply:
        """Send the one request. Never raises, except when this task itself is cancelled."""
        progress = _Progress()
        try:
            async with asyncio.timeout(limit_seconds):
                connect_seconds = CONNECT_SECONDS - await self._resolve(request.url, lookup)
                return await self._exchange(request, progress, connect_seconds)
        except EgressRefused:
            return Reply(failure=Failure.EGRESS)
        except _NameUnknown:
            return Reply(failure=Failure.DNS)
        except Exception as error:  # whatever it was, it is an outcome: money may depend on it
            return Reply(failure=_failure(error, progress))

    async def _resolve(self, url: str, lookup: Lookup) -> float:
        """Check where `url` leads and pin its addresses; return the seconds that took."""
        destination = self._policy.check_url(url.partition("?")[0])
        started = time.monotonic()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await pin(destination, self._policy, lookup)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
            raise _NameUnknown from error
        return time.monotonic() - started

    async def _exchange(self, request: HttpRequest, progress: "_Progress", connect_seconds: float) -> Reply:
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


class _Progress:
    """How far one call has come. `may_have_sent` turns true before the first byte of a request can leave."""

    def __init__(self) -> None:
        self.may_have_sent = False


class _BrokenOff(Exception):
    """A connection broke. It hides the error's type from aiohttp, which for some sends a request again."""


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


async def _read(response: ClientResponse) -> Reply:
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
    return Reply(response.status, bytes(body[:LONGEST_BODY_BYTES]), failure, _headers(response))


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
        _log.warning("http_call_failed", error=type(cause).__name__)
    return Failure.CONNECT
