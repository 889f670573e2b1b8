"""Every route of the console, asked by everybody who can come to its door, with ids of all kinds."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from markupsafe import escape
from tests.doubles.billing import BillingDouble
from tests.factories.offices import CANARY, MARKUP, Ids, Offices, make_offices
from tests.factories.shop import SECRET_KEY
from tests.integration.console.doors import DOORS, PUBLIC

from matinee.console.access import CSRF_COOKIE, CSRF_HEADER, SESSION_COOKIE
from matinee.main.app import create_app
from matinee.main.wiring import build_services
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.settings import Settings
from matinee.staff.types import Role

WITHOUT_A_SESSION: Final = ("nobody", "dismissed", "another operator's admin")
# Sweeps end nobody's session: what is asked afterwards would prove nothing.
_SIGN_OUT: Final = "POST /console/sign-out"
_JUNK_QUERY: Final = {"page": "-1", "after": "%00", "sort": "'; --", "q": "\\\r\n<b>", "from": "2026-99-99"}
_JUNK_FORM: Final = {
    "version": "x", "reason": "\x00\r\n<script>alert(1)</script>", "name": "'\"" * 200, "title": "\u202e",
    "amount": "1e309", "quantity": "-1", "price_EUR": "NaN", "currency": "XXX", "email": "a@b\r\nBcc: c@d",
    "url": "javascript:alert(1)", "base_url": "http://169.254.169.254/", "starts_at": "0000-00-00", "roles": "god",
    "file": "x", "direction": "sideways",
}  # fmt: skip
_PLAIN_FORM: Final = {
    "reason": "Because",
    "version": "1",
    "direction": "up",
    "verdict": "charged",
    "words": "We look",
}


class Visitor(msgspec.Struct, frozen=True):
    """Somebody at the console of the first operator, in a browser that has its CSRF token."""

    app: Litestar
    client: httpx.AsyncClient

    async def ask(self, door: str, ids: Ids, **given: Any) -> httpx.Response:
        """Ask one route for what `ids` name; the answer is checked for what holds for all of them."""
        method, path = door.split(" ")
        answer = await self.client.request(method, ids.address(path), **given)
        assert answer.status_code < 500, (door, answer.text)
        assert CANARY not in answer.text, door
        assert "Traceback" not in answer.text, door
        if "html" in answer.headers.get("content-type", ""):
            assert MARKUP not in answer.text, door
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff", door
        assert "frame-ancestors 'none'" in headers["content-security-policy"], door
        assert "'unsafe" not in headers["content-security-policy"], door
        if "{path}" not in path:
            assert "no-store" in headers["cache-control"], door
        return answer


def doors_of(app: Litestar) -> list[str]:
    """Return every method and address below /console."""
    return sorted(
        f"{method} {route.path_format}"
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path_format.startswith("/console")
        for method in route.methods - {"OPTIONS"}
    )


@pytest.fixture(scope="module")
def offices(module_database_urls: EmbeddedPostgresInfo) -> Iterator[Offices]:
    with BillingDouble.started() as billing:
        yield asyncio.run(make_offices(module_database_urls, billing))


@asynccontextmanager
async def opened(
    urls: EmbeddedPostgresInfo, folder: Path, offices: Offices, who: str
) -> AsyncIterator[Visitor]:
    settings = Settings(database_url=urls.app_url, storage_url=folder.as_uri(), secret_key=SECRET_KEY)
    services = build_services(settings)
    host = f"https://{offices.host}"
    async with services.running():
        app: Any = create_app(settings, services=services)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=host) as client:
            if who in offices.sessions:
                client.cookies.set(SESSION_COOKIE, offices.sessions[who], domain=offices.host)
            await client.get("/console/cms/ppv-rules", follow_redirects=True)
            client.headers.update({CSRF_HEADER: client.cookies[CSRF_COOKIE], "origin": host})
            yield Visitor(app, client)


def test_every_route_has_its_line_in_the_table(tmp_path: Path) -> None:
    nowhere = "postgresql://matinee_app@127.0.0.1:1/matinee"
    app = create_app(Settings(database_url=nowhere, storage_url=tmp_path.as_uri(), secret_key=bytes(32)))
    assert doors_of(app) == sorted([*DOORS, *PUBLIC])
    assert not set(DOORS) & PUBLIC


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_may_do_what_the_table_says_and_no_more(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path, offices: Offices, role: Role
) -> None:
    refused = set()
    async with opened(module_database_urls, tmp_path, offices, role.value) as visitor:
        for door in DOORS:
            answer = await visitor.ask(door, offices.foreign)
            assert answer.status_code in (200, 303, 403, 404, 409, 422), door
            if answer.status_code == 403:
                refused.add(door)
            assert not answer.headers.get("location", "").startswith("/console/sign-in"), door
    assert refused == {door for door, roles in DOORS.items() if role not in roles}


@pytest.mark.parametrize("who", WITHOUT_A_SESSION)
async def test_whoever_has_no_session_here_is_sent_to_the_sign_in_page(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path, offices: Offices, who: str
) -> None:
    async with opened(module_database_urls, tmp_path, offices, who) as visitor:
        for door in DOORS:
            answer = await visitor.ask(door, offices.own, data=_PLAIN_FORM)
            assert answer.status_code == 303, door
            assert answer.headers["location"].startswith("/console/sign-in"), door


async def test_nothing_is_changed_without_the_token_of_the_page(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path, offices: Offices
) -> None:
    async with opened(module_database_urls, tmp_path, offices, "admin") as visitor:
        for forged in ("", "0" * 128):
            visitor.client.headers[CSRF_HEADER] = forged
            for door in (door for door in [*DOORS, *PUBLIC] if door.startswith("POST")):
                answer = await visitor.ask(door, offices.own, data=_PLAIN_FORM)
                assert answer.status_code == 403, door


async def rows_of(urls: EmbeddedPostgresInfo, offices: Offices) -> dict[str, str]:
    """Return a digest of everything that the other operator has, by table."""
    database = await Database.connect(urls.app_url, connections=1)
    try:
        async with database.transaction(offices.foreign_operator_id) as tx:
            tables = await tx.fetch(
                "SELECT table_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND column_name = 'operator_id'"
            )
            return {
                name: await tx.fetchval(
                    f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {name} AS t WHERE operator_id = $1",
                    offices.foreign_operator_id,
                )
                for name in sorted(row["table_name"] for row in tables)
            }
    finally:
        await database.close()


async def test_ids_of_another_operator_are_ids_of_nothing(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path, offices: Offices
) -> None:
    before = await rows_of(module_database_urls, offices)
    async with opened(module_database_urls, tmp_path, offices, "admin") as visitor:
        for door in (door for door in DOORS if "{" in door and "{section}" not in door):
            answer = await visitor.ask(door, offices.foreign, data=_PLAIN_FORM)
            unknown = await visitor.ask(door, Ids(known={}), data=_PLAIN_FORM)
            assert answer.status_code == unknown.status_code, door
            assert answer.status_code in (404, 409, 422), door
            if door.startswith("GET"):
                assert answer.status_code == 404, door
    assert await rows_of(module_database_urls, offices) == before


async def test_pages_of_what_is_there_open(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path, offices: Offices
) -> None:
    escaped = 0
    none_yet = ("{run_id}", "{file_id}", "{endpoint}", "{episode_id}", "/webhooks/{key}", "live-events/{",
                "seasons/{", "content/{purchase}")  # fmt: skip
    async with opened(module_database_urls, tmp_path, offices, "admin") as visitor:
        for door in (door for door in DOORS if door.startswith("GET")):
            if not any(part in door for part in none_yet):
                answer = await visitor.ask(door, offices.own)
                assert answer.status_code == (303 if door == "GET /console" else 200), door
                escaped += str(escape(MARKUP)) in answer.text
    assert escaped > 20  # the names were there to be seen


async def test_junk_is_refused_and_breaks_nothing(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path, offices: Offices
) -> None:
    # The last test of this file: what it sends may well remove what the others ask for.
    junk = ("%20", "%00", "..%2f..%2fetc", "%0d%0aset-cookie:a=b", "%27--", "9" * 400, "%f0%9f%8e%ac")
    async with opened(module_database_urls, tmp_path, offices, "admin") as visitor:
        for number, door in enumerate(DOORS):
            spoiled = junk[number % len(junk)]
            for ids in (Ids(known={}, otherwise=spoiled), offices.own):
                given: dict[str, Any] = {"params": _JUNK_QUERY}
                if door.startswith("POST"):
                    given["data"] = _JUNK_FORM
                answer = await visitor.ask(door, ids, **given)
                assert answer.status_code in (200, 201, 303, 404, 409, 422), door
                assert "set-cookie" not in answer.headers or "a=b" not in answer.headers["set-cookie"], door
                assert "<script>alert" not in answer.text, door
