"""The subscriber app as it was built, and what stands in its place where there is none."""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar.types import Receive, Scope, Send

from matinee.kernel.errors import NotFound
from matinee.main.headers import VIEWER_APP
from matinee.main.hosts import HostDirectory, host_of
from matinee.main.pages import asset, render

FOLDER: Final = Path(__file__).resolve().parents[1] / "viewer_app"

_INDEX: Final = "index.html"
_HASHED: Final = "assets/"
_WORTH_PACKING: Final = 1024
_HTML: Final = b"text/html; charset=utf-8"


class _File(msgspec.Struct, frozen=True):
    """One file, read once. `packed` is its gzip form, None where that saves nothing."""

    body: bytes
    packed: bytes | None
    etag: bytes
    media_type: bytes
    cache_control: bytes


class ViewerApp:
    """An ASGI application: the built app on an operator's host, the directory of operators elsewhere."""

    def __init__(self, hosts: HostDirectory, *, folder: Path = FOLDER) -> None:
        self._hosts = hosts
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._read_at = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD. Raises NotFound for a file that is not there."""
        asked: Any = scope
        if asked["method"] not in ("GET", "HEAD"):
            await _send(send, 405, b"", [(b"allow", b"GET, HEAD")])
            return
        path: str = asked["path"].lstrip("/")
        own = asset(path)
        if own is not None:
            await _send_page(asked, send, *own)
            return
        self._refresh()
        is_file = "." in path.rpartition("/")[2]
        if is_file and path != _INDEX:
            await self._send_file(asked, send, path)
            return
        operator = await self._hosts.find(host_of(asked))
        if operator is not None and _INDEX in self._files:
            await self._send_file(asked, send, _INDEX)
        elif operator is not None:
            await _send_page(asked, send, render("not_built.html", operator_name=operator.name), _HTML)
        elif path in ("", _INDEX):
            found = await self._hosts.all()
            page = render("directory.html", operators=found, port=_port(asked))
            await _send_page(asked, send, page, _HTML)
        else:
            raise NotFound("There is nothing at this address.")

    async def _send_file(self, scope: Any, send: Send, path: str) -> None:
        file = self._files.get(path)
        if file is None:
            raise NotFound("There is no such file in the subscriber app.")
        given = dict(scope["headers"])
        headers = [
            (b"content-type", file.media_type),
            (b"cache-control", file.cache_control),
            (b"etag", file.etag),
            (b"vary", b"accept-encoding"),
            (b"content-security-policy", VIEWER_APP),
        ]
        if file.etag in given.get(b"if-none-match", b""):
            await _send(send, 304, b"", headers)
            return
        body = file.body
        if file.packed is not None and b"gzip" in given.get(b"accept-encoding", b""):
            body = file.packed
            headers.append((b"content-encoding", b"gzip"))
        await _send(send, 200, body, headers, head=scope["method"] == "HEAD")

    def _refresh(self) -> None:
        """Read the app again when a build has replaced it; a few megabytes at most, kept in memory."""
        try:
            changed_at = (self._folder / _INDEX).stat().st_mtime_ns
        except OSError:
            changed_at = 0
        if changed_at != self._read_at:
            self._files = dict(_read(self._folder)) if changed_at else {}
            self._read_at = changed_at


def _read(folder: Path) -> Iterator[tuple[str, _File]]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if not file.is_file() or name.endswith((".py", ".map")):
            continue
        body = file.read_bytes()
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        is_text = media_type.startswith("text/") or media_type in ("application/json", "image/svg+xml")
        packed = gzip.compress(body, 9, mtime=0) if is_text and len(body) >= _WORTH_PACKING else None
        yield (
            name,
            _File(
                body=body,
                packed=packed,
                etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"'.encode(),
                media_type=f"{media_type}; charset=utf-8".encode() if is_text else media_type.encode(),
                cache_control=(
                    b"public, max-age=31536000, immutable" if name.startswith(_HASHED) else b"no-cache"
                ),
            ),
        )


def _port(scope: Any) -> str:
    """Return the port that the browser used, as `:8000`, or nothing for the usual one."""
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    port = host.rpartition("]")[2].partition(":")[2]
    return f":{port}" if port.isdigit() else ""


async def _send_page(scope: Any, send: Send, body: bytes, media_type: bytes) -> None:
    headers = [(b"content-type", media_type), (b"cache-control", b"no-cache")]
    await _send(send, 200, body, headers, head=scope["method"] == "HEAD")


async def _send(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], *, head: bool = False
) -> None:
    length = [] if status == 304 else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if head else body, "more_body": False})
