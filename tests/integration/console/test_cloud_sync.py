"""The Cloud Sync page: what waits, running, following, cancelling, and putting back."""

import dataclasses
import re
from uuid import UUID

import pytest
from litestar import Litestar
from tests.factories.catalogue import Catalogue, by_ppv
from tests.integration.console.conftest import SECRET_KEY, Browser, add_staff, open_browser
from tests.integration.console.pages import link, plain

from matinee.customers.operations import create_product
from matinee.customers.types import PaymentType, ProductInput
from matinee.kernel.ids import new_id
from matinee.main.app import create_app
from matinee.main.wiring import build_services
from matinee.platform.audit import SYSTEM
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.settings import Settings
from matinee.platform.storage import ObjectStorage
from matinee.publishing.jobs import run_sync
from matinee.publishing.queries.runs import recent_runs
from matinee.publishing.types import SyncRun

PART = {"hx-request": "true"}
PAGE = "/console/cloud-sync"


@pytest.fixture
def app(database: Database, storage: ObjectStorage) -> Litestar:
    """The whole application, with the ports that main picks."""
    settings = Settings(database_url="", storage_url="memory:///", secret_key=SECRET_KEY)
    services = dataclasses.replace(build_services(settings), database=database, storage=storage)
    return create_app(settings, services=services)


async def _product(database: Database, operator: Operator, name: str) -> UUID:
    given = ProductInput(name=name, payment_type=PaymentType.API, currency="EUR")
    async with database.transaction(operator.operator_id) as tx:
        return await create_product(
            tx, operator_id=operator.operator_id, actor=SYSTEM, now=await tx.now(), given=given
        )


async def _runs(database: Database, operator: Operator) -> list[SyncRun]:
    async with database.transaction(operator.operator_id) as tx:
        return await recent_runs(tx, operator_id=operator.operator_id)


async def _work(database: Database, storage: ObjectStorage, operator: Operator) -> None:
    for run in reversed(await _runs(database, operator)):
        if run.is_open:
            await run_sync(database, storage, operator_id=operator.operator_id, run_id=run.run_id)


async def test_three_rows_wait_for_their_first_sync(
    browser: Browser, database: Database, operator: Operator
) -> None:
    product_id = await _product(database, operator, "Basic & more")
    page = await browser.get(PAGE)
    assert page.status_code == 200
    for title in ("Movie Content for TV", "Movie Content for handheld", "Products"):
        assert f">{title}</h2>" in page.text
    assert page.text.count("Never synced.") == 3
    assert "1 change to publish" in page.text
    assert "No sync yet" in page.text
    pending = await browser.get(f"{PAGE}/pending")
    assert "1 unsynced change<" in pending.text
    changes = await browser.get(f"{PAGE}/products/changes")
    assert "Basic &amp; more" in changes.text
    assert f'href="/console/crm/products/{product_id}"' in changes.text


async def test_what_changed_leads_to_the_page_of_its_kind(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    await catalogue.ppv_movie(rule)
    event = await catalogue.event("The Final", **by_ppv(rule.rule_id))
    changes = await browser.get(f"{PAGE}/movies_tv/changes", headers=PART)
    assert link(changes, "The Final") == f"/console/cms/live-events/{event.item_id}"
    for address in re.findall('href="([^"]+)"', changes.text):
        assert (await browser.get(address)).status_code == 200


async def test_run_follow_and_see_it_done(
    browser: Browser, database: Database, operator: Operator, storage: ObjectStorage
) -> None:
    await _product(database, operator, "Basic")
    await browser.get(PAGE)
    pressed = await browser.post(f"{PAGE}/products/run")
    assert (pressed.status_code, pressed.headers["location"]) == (303, PAGE)
    [run] = await _runs(database, operator)
    page = await browser.get(PAGE)
    progress = f"{PAGE}/runs/{run.run_id}"
    assert f'hx-get="{progress}" hx-trigger="every 1s"' in page.text
    assert "started by Admin Person" in page.text
    following = await browser.get(progress, headers=PART)
    assert "Waiting for the worker" in following.text
    assert "hx-trigger" not in following.headers
    await _work(database, storage, operator)
    ended = await browser.get(progress, headers=PART)
    assert ended.headers["hx-trigger"] == "sync-changed"
    assert "every 1s" not in ended.text
    rows = await browser.get(f"{PAGE}/rows")
    assert re.search(r"Last synced <strong>[^<]+</strong> by Admin Person\s+· 1 product<", rows.text)
    assert "No changes since" in rows.text
    assert "All synced" in (await browser.get(f"{PAGE}/pending")).text


async def test_a_part_that_is_opened_by_itself_is_a_whole_page(browser: Browser) -> None:
    for tail in ("history", "rows", "products/changes"):
        whole = await browser.get(f"{PAGE}/{tail}")
        part = await browser.get(f"{PAGE}/{tail}", headers=PART)
        assert ("<html" in whole.text, "<html" in part.text) == (True, False)
        assert plain(part.text) in plain(whole.text)


async def test_sync_all_runs_every_section_once(
    browser: Browser, database: Database, operator: Operator, storage: ObjectStorage
) -> None:
    await browser.get(PAGE)
    for _ in range(2):
        assert (await browser.post(f"{PAGE}/run-all")).status_code == 303
    assert sorted(run.section.value for run in await _runs(database, operator)) == [
        "movies_handheld",
        "movies_tv",
        "products",
    ]
    await _work(database, storage, operator)
    assert {run.state.value for run in await _runs(database, operator)} == {"done"}


async def test_cancel(browser: Browser, database: Database, operator: Operator) -> None:
    await browser.get(PAGE)
    await browser.post(f"{PAGE}/products/run")
    [run] = await _runs(database, operator)
    assert (await browser.post(f"{PAGE}/runs/{run.run_id}/cancel")).status_code == 303
    page = await browser.get(PAGE)
    assert "Products: cancelled. Viewers keep seeing what was published before." in page.text
    again = await browser.post(f"{PAGE}/runs/{run.run_id}/cancel")
    assert again.status_code == 409
    assert "This sync has ended already: it is cancelled." in again.text


async def test_put_back(
    browser: Browser, database: Database, operator: Operator, storage: ObjectStorage
) -> None:
    await browser.get(PAGE)
    for name in ("Basic", "Family"):
        await _product(database, operator, name)
        await browser.post(f"{PAGE}/products/run")
        await _work(database, storage, operator)
    [second, first] = await _runs(database, operator)
    page = await browser.get(PAGE)
    assert f'name="snapshot_id" value="{first.snapshot_id}"' in page.text
    assert f'value="{second.snapshot_id}"' not in page.text, "what is published cannot be put back"
    answer = await browser.post(f"{PAGE}/products/put-back", {"snapshot_id": str(first.snapshot_id)})
    assert answer.status_code == 303
    await _work(database, storage, operator)
    page = await browser.get(PAGE)
    assert "Put back</span>" in page.text
    assert "1 change since" in page.text
    for wrong in (str(new_id()), "x", ""):
        assert (await browser.post(f"{PAGE}/products/put-back", {"snapshot_id": wrong})).status_code == 404


async def test_a_failure_is_shown_with_its_reason(
    browser: Browser, database: Database, operator: Operator
) -> None:
    await browser.get(PAGE)
    await browser.post(f"{PAGE}/products/run")
    async with database.transaction(operator.operator_id) as tx:
        await tx.execute(
            "UPDATE sync_runs SET state = 'failed', error = 'The storage is <full>.', finished_at = $1",
            await tx.now(),
        )
    page = await browser.get(PAGE)
    assert "The last sync failed" in page.text
    assert page.text.count("The storage is &lt;full&gt;.") == 2


async def test_care_staff_see_it_and_cannot_press(
    app: Litestar, database: Database, operator: Operator
) -> None:
    staff = await add_staff(database, operator, "care")
    async with open_browser(app, operator) as browser:
        await browser.sign_in(staff.email)
        page = await browser.get(PAGE)
        assert page.status_code == 200
        assert "/run" not in page.text
        for path in ("run-all", "products/run", "products/put-back"):
            assert (await browser.post(f"{PAGE}/{path}")).status_code == 403
    assert await _runs(database, operator) == []


async def test_a_run_of_another_operator_is_not_there(
    browser: Browser, app: Litestar, database: Database, other_operator: Operator
) -> None:
    staff = await add_staff(database, other_operator, "admin")
    async with open_browser(app, other_operator) as theirs:
        await theirs.sign_in(staff.email)
        await theirs.get(PAGE)
        await theirs.post(f"{PAGE}/products/run")
    [run] = await _runs(database, other_operator)
    await browser.get(PAGE)
    assert (await browser.get(f"{PAGE}/runs/{run.run_id}")).status_code == 404
    assert (await browser.post(f"{PAGE}/runs/{run.run_id}/cancel")).status_code == 404
    assert (await _runs(database, other_operator))[0].is_open
    for path in ("nothing/changes", "runs/x"):
        assert (await browser.get(f"{PAGE}/{path}")).status_code == 404
