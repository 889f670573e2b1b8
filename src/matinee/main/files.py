"""Published documents, posters and films, straight from object storage. A delivery network goes in front.

Only `published/` and `media/` are open. What lies there is public by its nature: catalogue documents, posters
and encrypted films; the keys to the films are served by the API, to whoever has the right.
"""

import re
from typing import Any, Final

import msgspec
from litestar.types import Receive, Scope, Send

from matinee.kernel.errors import NotFound
from matinee.platform.storage import ObjectStorage, StoredObject, check_key

_OPEN: Final = re.compile(r"/(published|media)/[0-9a-f-]{36}/.+")
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_TYPES: Final = {
    "json": b"application/json",
    "webp": b"image/webp",
    "m3u8": b"application/vnd.apple.mpegurl",
    "ts": b"video/mp2t",
    "mp4": b"video/mp4",
    "m4s": b"video/iso.segment",
    "vtt": b"text/vtt; charset=utf-8",
}
_FOREVER: Final = b"public, max-age=31536000, immutable"
_ASK_AGAIN: Final = b"no-cache"
_CORS: Final[list[tuple[bytes, bytes]]] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"content-length, content-range, etag"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
_PREFLIGHT: Final[list[tuple[bytes, bytes]]] = [
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"range, if-none-match"),
    (b"access-control-max-age", b"86400"),
]


class _Span(msgspec.Struct, frozen=True):
    """The bytes [start, end) of an object of `size` bytes; `partial` when a part was asked for."""

    start: int
    end: int
    size: int
    partial: bool = True


class StoredFiles:
    """An ASGI application over object storage."""

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET, HEAD and OPTIONS. Raises NotFound, and Unavailable when the storage does not answer."""
        asked: Any = scope
        method = asked["method"]
        if method == "OPTIONS":
            await _send_empty(send, 204, [*_CORS, *_PREFLIGHT])
            return
        if method not in ("GET", "HEAD"):
            await _send_empty(send, 405, [(b"allow", b"GET, HEAD, OPTIONS")])
            return
        key = _key(asked["path"])
        headers = {
            name: value
            for name, value in asked["headers"]
            if name in (b"if-none-match", b"range", b"if-range")
        }
        facts = await self._storage.head(key)
        etag = _etag(facts)
        shared = [*_CORS, (b"etag", etag), (b"cache-control", _cache_control(key))]
        if _matches(headers.get(b"if-none-match"), etag):
            await _send_empty(send, 304, shared)
            return
        span = _span(headers, facts.size_bytes, etag)
        if span is None:
            await _send_empty(send, 416, [*_CORS, (b"content-range", b"bytes */%d" % facts.size_bytes)])
            return
        await self._send_object(send, key, span, shared, body=method == "GET")

    async def _send_object(
        self, send: Send, key: str, span: _Span, headers: list[tuple[bytes, bytes]], *, body: bool
    ) -> None:
        headers = [
            *headers,
            (b"accept-ranges", b"bytes"),
            (b"content-type", _TYPES.get(key.rpartition(".")[2], b"application/octet-stream")),
            (b"content-length", b"%d" % (span.end - span.start)),
        ]
        if span.partial:
            headers.append((b"content-range", b"bytes %d-%d/%d" % (span.start, span.end - 1, span.size)))
        start: Any = {
            "type": "http.response.start",
            "status": 206 if span.partial else 200,
            "headers": headers,
        }
        if not body or span.end == span.start:
            await send(start)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        end = span.end if span.partial else None
        async with self._storage.stream(key, start=span.start, end=end) as (_, chunks):
            await send(start)
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _key(path: str) -> str:
    """Return the storage key that `path` names; one that names none is not found, whatever it tried."""
    if not _OPEN.fullmatch(path):
        raise NotFound("There is nothing at this address.")
    try:
        return check_key(path[1:])
    except ValueError:
        raise NotFound("There is nothing at this address.") from None


def _cache_control(key: str) -> bytes:
    """Names of pages and posters are digests and a film's folder is made anew; only manifests change."""
    return _ASK_AGAIN if key.endswith("/manifest.json") else _FOREVER


def _etag(facts: StoredObject) -> bytes:
    text = (facts.etag or f"{facts.size_bytes}-{facts.modified_at}").strip('"').replace(" ", "")
    return f'"{text}"'.encode()


def _matches(wanted: bytes | None, etag: bytes) -> bool:
    if wanted is None:
        return False
    tags = [tag.strip().removeprefix(b"W/") for tag in wanted.split(b",")]
    return etag in tags or b"*" in tags


def _span(headers: dict[bytes, bytes], size: int, etag: bytes) -> _Span | None:
    """Return what to send, None if the range lies outside. Several ranges, or none we know: everything."""
    whole = _Span(0, size, size, partial=False)
    asked = _RANGE.fullmatch(headers.get(b"range", b"").decode("latin-1").strip())
    if asked is None or headers.get(b"if-range", etag) != etag:
        return whole
    first, last = asked.groups()
    if not first and not last:
        return whole
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < int(first):
        return whole
    return _Span(start, end, size) if start < size and end > start else None


async def _send_empty(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    length = [] if status in (204, 304) else [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
