"""Published files and films over HTTP: what is open, how long it is kept, ranges, and tricks with paths."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.integration.test_app import AURORA, UNKNOWN, directory, running, settings_for

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo

__all__ = ["directory"]

OPERATOR = "0198c0de-0000-7000-8000-000000000001"
MANIFEST = f"/published/{OPERATOR}/movies_tv/manifest.json"
PAGE = f"/published/{OPERATOR}/pages/{'ab' * 32}.json"
SEGMENT = f"/media/{OPERATOR}/0198c0de-0000-7000-8000-000000000002/run/v1/segment-1.ts"


@pytest.fixture
async def client(directory: EmbeddedPostgresInfo, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    folder = tmp_path / "storage"
    for path, body in (
        (MANIFEST, b'{"pages":[]}'),
        (PAGE, b'{"items":[]}'),
        (SEGMENT, bytes(range(256)) * 8192),
        (f"/uploads/{OPERATOR}/film/source", b"the master"),
        (f"/snapshots/{OPERATOR}/movies_tv/x.json", b"{}"),
        (f"/published/{OPERATOR}/.hidden", b"x"),
    ):
        file = folder / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    (tmp_path / "outside.json").write_bytes(b"outside")
    async with running(settings_for(directory.app_url, folder)) as client:
        yield client


async def test_a_manifest_is_asked_for_again_and_pages_are_kept(client: httpx.AsyncClient) -> None:
    manifest = await client.get(MANIFEST)
    assert (manifest.status_code, manifest.content) == (200, b'{"pages":[]}')
    assert manifest.headers["cache-control"] == "no-cache"
    assert manifest.headers["content-type"] == "application/json"
    for path in (PAGE, SEGMENT):
        kept = await client.get(path)
        assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-type"] == "video/mp2t"
    assert (await client.get(AURORA + MANIFEST)).content == manifest.content


async def test_what_is_known_already_is_not_sent_again(client: httpx.AsyncClient, tmp_path: Path) -> None:
    first = await client.get(MANIFEST)
    etag = first.headers["etag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = await client.get(MANIFEST, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    (tmp_path / "storage" / MANIFEST[1:]).write_bytes(b'{"pages":["new"]}')
    changed = await client.get(MANIFEST, headers={"if-none-match": etag})
    assert (changed.status_code, changed.content) == (200, b'{"pages":["new"]}')


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=5-", 5, 2097151),
        ("bytes=-4", 2097148, 2097151),
        ("bytes=2097150-9999999", 2097150, 2097151),
    ],
)
async def test_a_part_of_a_film(client: httpx.AsyncClient, asked: str, first: int, last: int) -> None:
    part = await client.get(SEGMENT, headers={"range": asked})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes {first}-{last}/2097152"
    assert part.content == (bytes(range(256)) * 8192)[first : last + 1]


async def test_a_range_that_lies_outside_and_ranges_that_nobody_serves(client: httpx.AsyncClient) -> None:
    outside = await client.get(SEGMENT, headers={"range": "bytes=2097152-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, "bytes */2097152")
    for ignored in (
        "bytes=0-1,4-5",
        "items=0-1",
        "bytes=-",
        "bytes=9-1",
        "bytes=x-1",
        f"bytes=0-{'9' * 5000}",
    ):
        whole = await client.get(SEGMENT, headers={"range": ignored})
        assert (whole.status_code, len(whole.content)) == (200, 2097152)
    stale = await client.get(SEGMENT, headers={"range": "bytes=0-9", "if-range": '"an older one"'})
    assert stale.status_code == 200


async def test_head_and_preflight(client: httpx.AsyncClient) -> None:
    head = await client.head(SEGMENT)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "2097152")
    preflight = await client.options(SEGMENT, headers={"origin": "https://tv.example"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "range" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    written = await client.put(SEGMENT, content=b"x")
    assert (written.status_code, written.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path",
    [
        f"/uploads/{OPERATOR}/film/source",
        f"/snapshots/{OPERATOR}/movies_tv/x.json",
        "/published/",
        f"/published/{OPERATOR}",
        f"/published/{OPERATOR}/",
        f"/published/{OPERATOR}/.hidden",
        f"/published/{OPERATOR}/../../uploads/{OPERATOR}/film/source",
        f"/published/{OPERATOR}/%2e%2e/%2e%2e/uploads/{OPERATOR}/film/source",
        f"/published/{OPERATOR}/..%2f..%2f..%2foutside.json",
        f"/published/{OPERATOR}/..%5c..%5coutside.json",
        f"/published/{OPERATOR}//etc/passwd",
        "/published//etc/passwd",
        "/media/../uploads",
        f"/media/{OPERATOR}/%00",
        f"/media/{OPERATOR}/movies_tv/none.ts",
    ],
)
async def test_nothing_else_is_open_whatever_the_path_tries(client: httpx.AsyncClient, path: str) -> None:
    raw = httpx.Request("GET", UNKNOWN)
    raw.url = raw.url.copy_with(raw_path=path.encode())
    answer = await client.send(raw)
    assert answer.status_code == 404
    assert b"the master" not in answer.content
    assert b"outside" not in answer.content
