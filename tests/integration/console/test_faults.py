"""What people see when something is broken."""

from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.integration.console.conftest import Browser

from matinee.console import sign_in as sign_in_pages
from matinee.platform.db import Database, DatabaseUnavailable


async def test_without_a_database_there_is_a_plain_page(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def gone(*_: Any) -> Any:
        raise DatabaseUnavailable("The database cannot be reached.")
        yield

    monkeypatch.setattr(Database, "directory", gone)
    page = await browser.get("/console/cms/movies")
    assert page.status_code == 503
    assert "The database cannot be reached." in page.text
    assert "Traceback" not in page.text


async def test_a_mistake_of_ours_is_not_shown(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(sign_in_pages, "redirect", broken)
    page = await browser.get("/console")
    assert (page.status_code, "secret detail" in page.text) == (500, False)
    assert "Nothing was saved" in page.text


async def test_what_is_too_large_or_broken_gets_a_page(browser: Browser) -> None:
    await browser.get("/console/cms/packages")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    large = await browser.client.post(
        "/console/cms/packages", content=b"name=" + b"x" * 21_000_000, headers=headers
    )
    assert (large.status_code, "Too large" in large.text) == (413, True)
    headers = {"content-type": "multipart/form-data; boundary=xyz"}
    broken = await browser.client.post("/console/cms/packages", content=b"--xyz nonsense", headers=headers)
    assert broken.status_code in (400, 403)
    assert "Traceback" not in broken.text


async def test_wrong_methods_and_unknown_files_are_pages_too(browser: Browser) -> None:
    assert (await browser.get("/console/static/none.css")).status_code == 404
    await browser.get("/console/cms/packages")
    assert (
        await browser.client.put("/console/cms/packages", headers={"x-csrftoken": browser.token})
    ).status_code == 405
