"""The console's own scripts, styles and icons: held in memory, compressed once, cached for ever.

A page names a file with the digest of its content, so a new version is a new address.
"""

import gzip
import hashlib
import mimetypes
import re
from functools import cache
from pathlib import Path

import msgspec
from litestar import Response, get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from markupsafe import Markup

from matinee.console.services import ConsoleRequest

ROOT = Path(__file__).parent / "static"
PREFIX = "/console/static"
_SERVED = (".css", ".js", ".svg", ".png", ".webp")
_SHORTEST_COMPRESSED = 512


class StaticFile(msgspec.Struct, frozen=True):
    content: bytes
    compressed: bytes | None
    content_type: str
    digest: str


@cache
def _files() -> dict[str, StaticFile]:
    found = {}
    for path in sorted(ROOT.rglob("*")):
        if path.suffix in _SERVED and "lucide" not in path.parts:
            found[path.relative_to(ROOT).as_posix()] = _read(path)
    return found


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    is_text = path.suffix in (".css", ".js", ".svg") and len(content) >= _SHORTEST_COMPRESSED
    return StaticFile(
        content=content,
        compressed=gzip.compress(content, mtime=0) if is_text else None,
        content_type=kind,
        digest=hashlib.sha256(content).hexdigest()[:12],
    )


def static_url(name: str) -> str:
    """Return the address of a file under `static/`, with its digest."""
    return f"{PREFIX}/{name}?v={_files()[name].digest}"


@cache
def icon(name: str, label: str = "") -> Markup:
    """Return the inline SVG of a lucide icon: decoration, or an image called `label`."""
    source = (ROOT / "vendor" / "lucide" / f"{name}.svg").read_text("utf-8")
    body = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL).strip()
    body = re.sub(r"\s+", " ", body).replace("> <", "><")
    spoken = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    # The file is a vendored one of ours, and `label` was escaped above.
    return Markup(body.replace("<svg", f"<svg {spoken}", 1))  # nosec B704


@get("/static/{path:path}", opt={"public": True, "static": True}, sync_to_thread=False)
def static_file(request: ConsoleRequest, path: FromPath[str]) -> Response[bytes]:
    """Serve one file."""
    found = _files().get(path.lstrip("/"))
    if found is None:
        raise NotFoundException
    headers = {"Vary": "Accept-Encoding", "ETag": f'"{found.digest}"'}
    right_version = request.query_params.get("v") == found.digest
    headers["Cache-Control"] = "public, max-age=31536000, immutable" if right_version else "no-cache"
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(b"", status_code=304, headers=headers, media_type=MediaType.TEXT)
    content = found.content
    if found.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        content = found.compressed
    return Response(content, headers=headers, media_type=found.content_type)
