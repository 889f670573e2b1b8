"""Uploading a film: into storage as it comes, then a job, then its progress."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
from tests.factories.catalogue import Catalogue
from tests.integration.console.conftest import Browser

from matinee.media.operations import fail_packaging, note_progress, start_packaging
from matinee.media.queries import assets_by_id
from matinee.media.types import Asset
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.storage import ObjectStorage

PATH = "/console/cms/uploads"


async def upload(
    browser: Browser, content: bytes, name: str = "fog.mp4", token: str = ""
) -> tuple[int, str, str]:
    await browser.get("/console/cms/movies/new")

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    headers = {
        "x-csrftoken": token or browser.token,
        "x-file-name": name,
        "content-type": "application/octet-stream",
    }
    answer = await browser.client.post(PATH, content=chunks(), headers=headers)
    return answer.status_code, answer.headers.get("x-asset-id", ""), answer.text


async def assets_of(database: Database, operator: Operator) -> list[Asset]:
    async with database.transaction(operator.operator_id) as tx:
        kept = await tx.fetch("SELECT asset_id FROM assets")
        found = await assets_by_id(
            tx, operator_id=operator.operator_id, asset_ids=[row["asset_id"] for row in kept]
        )
    return list(found.values())


async def test_a_film_is_stored_registered_and_queued(
    browser: Browser, database: Database, operator: Operator, storage: ObjectStorage, catalogue: Catalogue
) -> None:
    status, asset_id, page = await upload(browser, b"film" * 5000, "F%C3%B8g%20%3Cb%3E.mp4")
    assert (status, "Waiting to be packaged" in page) == (201, True)
    assert "<b>" not in page
    (asset,) = await assets_of(database, operator)
    assert (str(asset.asset_id), asset.state) == (asset_id, "uploaded")
    assert await storage.get(asset.source_key) == b"film" * 5000
    async with database.transaction(operator.operator_id) as tx:
        jobs = await tx.fetch("SELECT task_name, args::text FROM jobs.procrastinate_jobs")
    assert [(job["task_name"], msgspec.json.decode(job["args"])) for job in jobs] == [
        ("media.package_asset", {"operator_id": str(operator.operator_id), "asset_id": asset_id})
    ]
    assert await catalogue.audit_actions(asset_id) == ["asset.uploaded"]


async def test_an_empty_file_is_refused_and_leaves_nothing(
    browser: Browser, database: Database, operator: Operator, storage: ObjectStorage
) -> None:
    status, _, text = await upload(browser, b"")
    assert (status, text) == (422, "This file is empty. Choose the film again.")
    assert await assets_of(database, operator) == []


async def test_an_upload_without_the_token_is_refused(
    browser: Browser, database: Database, operator: Operator
) -> None:
    status, _, _ = await upload(browser, b"film", token="0" * 128)
    assert status == 403
    assert await assets_of(database, operator) == []


async def test_the_page_follows_the_packaging_to_its_end(
    browser: Browser, database: Database, operator: Operator
) -> None:
    _, asset_id, _ = await upload(browser, b"film")
    found = {"operator_id": operator.operator_id, "asset_id": UUID(asset_id)}

    async def shown() -> str:
        return (await browser.get(f"/console/cms/assets/{asset_id}")).text

    async with database.transaction(operator.operator_id) as tx:
        await start_packaging(tx, **found, now=await tx.now())
        await note_progress(tx, **found, percent=40, now=await tx.now())
    running = await shown()
    assert "Packaging: 40 %" in running
    assert "every 2s" in running
    async with database.transaction(operator.operator_id) as tx:
        await fail_packaging(tx, **found, error="There is no picture.", now=await tx.now())
    failed = await shown()
    assert "There is no picture." in failed
    assert "every 2s" not in failed
    await browser.get("/console/cms/movies/new")
    again = await browser.post(f"/console/cms/assets/{asset_id}/retry")
    assert "Waiting to be packaged" in again.text
    async with database.transaction(operator.operator_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM jobs.procrastinate_jobs") == 2


async def test_the_neighbours_films_are_not_found(
    browser: Browser, database: Database, other_operator: Operator
) -> None:
    async with database.transaction(other_operator.operator_id) as tx:
        await tx.execute(
            """INSERT INTO assets (operator_id, asset_id, file_name, state, source_key, created_at, updated_at)
               VALUES ($1, $1, 'x', 'uploaded', 'k', $2, $2)""",
            other_operator.operator_id, await tx.now(),
        )  # fmt: skip
    assert (await browser.get(f"/console/cms/assets/{other_operator.operator_id}")).status_code == 404
    await browser.get("/console/cms/movies/new")
    assert (await browser.post(f"/console/cms/assets/{other_operator.operator_id}/retry")).status_code == 404
