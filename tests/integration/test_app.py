"""The whole application, over its ASGI door: health, errors, headers, pages, and what belongs to which host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from tests.factories.sale import make_operator

from matinee.main import health
from matinee.main.app import create_app
from matinee.main.wiring import build_services
from matinee.platform.db import DatabaseUnavailable
from matinee.platform.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresInfo
from matinee.platform.settings import Settings

UNKNOWN = "http://127.0.0.1:8000"
AURORA = "http://aurora.localhost:8000"


def settings_for(database_url: str, storage: Path) -> Settings:
    return Settings(database_url=database_url, storage_url=storage.as_uri(), secret_key=bytes(32))


@asynccontextmanager
async def running(settings: Settings, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    services = build_services(settings)
    async with services.running():
        app: Any = create_app(settings, services=services, **options)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=UNKNOWN) as client:
            yield client


@pytest.fixture(scope="module")
def directory(module_database_urls: EmbeddedPostgresInfo) -> EmbeddedPostgresInfo:
    """A database with two operators, which no test changes."""

    async def fill() -> None:
        for slug in ("aurora", "borealis"):
            await make_operator(module_database_urls.owner_url, slug)

    asyncio.run(fill())
    return module_database_urls


@pytest.fixture
def viewer_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "viewer_app"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>The app</title>")
    (folder / "assets" / "index-abc123.js").write_text("let app = 1;" * 200)
    return folder


@pytest.fixture
async def client(
    directory: EmbeddedPostgresInfo, tmp_path: Path, viewer_folder: Path
) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_for(directory.app_url, tmp_path / "storage")
    async with running(settings, viewer_folder=viewer_folder) as client:
        yield client


async def test_it_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    alive = await client.get("/healthz")
    assert (alive.status_code, alive.json()["status"]) == (200, "alive")
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "code": "ready", "message": "Ready."})
    assert ready.headers["cache-control"] == "no-store"


async def test_without_a_database_it_lives_but_is_not_ready(tmp_path: Path, free_port: int) -> None:
    nowhere = f"postgresql://matinee_app@127.0.0.1:{free_port}/matinee"
    async with running(settings_for(nowhere, tmp_path)) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (
            503,
            {
                "ready": False,
                "code": "database_unavailable",
                "message": "The database cannot be reached.",
            },
        )
        api = await client.get(f"{AURORA}/api/operator")
        assert (api.status_code, api.json()["code"]) == (503, "database_unavailable")
        assert api.headers["content-type"] == "application/problem+json"
        page = await client.get(f"{AURORA}/")
        assert page.status_code == 503
        assert "The database cannot be reached." in page.text
        assert "matinee_database_up 0.0" in (await client.get("/metrics")).text
        for answer in (api, page, await client.get(f"{AURORA}/console")):
            assert answer.status_code == 503
            assert "Traceback" not in answer.text


async def test_a_database_without_the_newest_schema_is_not_ready(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    empty = postgres.create_database("test_app_empty")
    try:
        async with running(settings_for(empty.app_url, tmp_path)) as client:
            ready = await client.get("/readyz")
    finally:
        postgres.drop_database("test_app_empty")
    assert (ready.status_code, ready.json()["code"]) == (503, "schema_outdated")
    assert "matinee migrate" in ready.json()["message"]


async def test_a_host_of_nobody_shows_the_way_to_every_operator(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    for host in ("aurora.localhost", "borealis.localhost"):
        assert f'href="//{host}:8000/"' in page.text
        assert f'href="//{host}:8000/console"' in page.text
    assert (await client.get("/rentals")).status_code == 404
    forged = await client.get("/", headers={"x-forwarded-host": "aurora.localhost", "host": "evil.example"})
    assert "The app" not in forged.text


async def test_an_operators_host_shows_the_subscriber_app_at_every_address_of_it(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/", "/rentals", "/title/0198", "/index.html"):
        page = await client.get(AURORA + path)
        assert (page.status_code, page.text) == (200, "<title>The app</title>")
        assert page.headers["cache-control"] == "no-cache"
    again = await client.get(AURORA, headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    posted = await client.post(AURORA + "/rentals")
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")


async def test_the_apps_files_are_packed_and_kept_for_ever(client: httpx.AsyncClient) -> None:
    script = await client.get(f"{AURORA}/assets/index-abc123.js")
    assert script.text == "let app = 1;" * 200
    assert script.headers["content-encoding"] == "gzip"
    assert int(script.headers["content-length"]) < 200
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    plain = await client.get(f"{AURORA}/assets/index-abc123.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    missing = await client.get(f"{AURORA}/assets/index-old.js")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_new_build_is_served_without_a_restart(
    client: httpx.AsyncClient, viewer_folder: Path
) -> None:
    assert "The app" in (await client.get(AURORA)).text
    (viewer_folder / "index.html").write_text("<title>Built anew</title>")
    assert "Built anew" in (await client.get(AURORA)).text
    (viewer_folder / "index.html").unlink()
    missing = await client.get(AURORA)
    assert missing.status_code == 200
    assert "make viewer" in missing.text


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/operator", "/api/nowhere", "/console/sign-in", "/published/x", "/nope.js"]
)
async def test_every_answer_has_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(AURORA + path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "max-age" in headers["strict-transport-security"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "'unsafe" not in headers["content-security-policy"]
    assert len(headers["x-request-id"]) == 32


async def test_the_app_may_play_from_a_blob_and_run_its_own_scripts_only(client: httpx.AsyncClient) -> None:
    policy = dict(
        part.strip().split(" ", 1)
        for part in (await client.get(AURORA)).headers["content-security-policy"].split(";")
    )
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "blob:" in policy["media-src"].split()
    assert "blob:" in policy["worker-src"].split()


async def test_unknown_addresses_and_methods_are_told_apart_by_their_readers(
    client: httpx.AsyncClient,
) -> None:
    missing = await client.get(f"{AURORA}/api/nowhere")
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json() == {
        "type": "urn:matinee:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "code": "not_found",
    }
    wrong = await client.put(f"{AURORA}/api/operator")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]
    unknown_host = await client.get("/api/operator")
    assert (unknown_host.status_code, unknown_host.json()["code"]) == (404, "unknown_host")


async def test_a_mistake_of_ours_shows_no_traceback_and_is_logged(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret in a message")

    monkeypatch.setattr(health, "readiness", broken)
    monkeypatch.setattr("matinee.main.viewer.ViewerApp._refresh", broken)
    with structlog.testing.capture_logs() as logs:
        page = await client.get("/readyz")
    assert page.status_code == 500
    assert "a secret" not in page.text
    assert "Something went wrong" in page.text
    assert [entry["event"] for entry in logs] == ["request_failed", "request"]
    assert isinstance(logs[0]["exc_info"], RuntimeError)


@pytest.mark.parametrize("path", ["/api/operator", "/console/sign-in"])
async def test_a_mistake_in_any_face_is_logged_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret in a message")

    monkeypatch.setattr("matinee.main.hosts.HostDirectory.get", broken)
    monkeypatch.setattr("matinee.console.access.operator_by_host", broken)
    with structlog.testing.capture_logs() as logs:
        answer = await client.get(AURORA + path)
    assert (answer.status_code, "a secret" in answer.text) == (500, False)
    assert [entry["event"] for entry in logs] == ["request_failed", "request"]


async def test_a_database_out_of_reach_is_one_line_without_a_traceback(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("The database cannot be reached.")

    monkeypatch.setattr("matinee.console.access.operator_by_host", gone)
    with structlog.testing.capture_logs() as logs:
        answer = await client.get(f"{AURORA}/console/sign-in")
    assert answer.status_code == 503
    assert [entry["event"] for entry in logs] == ["request_unavailable", "request"]
    assert "exc_info" not in logs[0]


async def test_the_description_of_the_api_has_only_the_api(client: httpx.AsyncClient) -> None:
    described = (await client.get("/api/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert "/api/session" in described["paths"]
    assert [path for path in described["paths"] if not path.startswith("/api/")] == []


async def test_requests_are_logged_by_route_and_without_their_query(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logs:
        await client.get(f"{AURORA}/api/items/movie/0198/right?token=hidden")
        await client.get("/healthz")
    [entry] = [entry for entry in logs if entry["event"] == "request"]
    assert entry["method"] == "GET"
    assert "hidden" not in str(entry)
    assert entry["ms"] >= 0


async def test_metrics_count_routes_not_addresses(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.get(f"{AURORA}/some/page/{number}")
        await client.get(f"{AURORA}/api/none/{number}")
    text = (await client.get("/metrics")).text
    assert "some/page" not in text
    assert 'matinee_http_requests_total{method="GET",route="(none)",status="404"}' in text
    assert 'matinee_http_request_seconds_bucket{le="0.1",route="/"}' in text
    assert "matinee_database_up 1.0" in text
    assert 'matinee_database_connections{state="most"} 10.0' in text
    assert "matinee_jobs_oldest_waiting_seconds 0.0" in text
