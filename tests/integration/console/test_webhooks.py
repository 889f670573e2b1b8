"""Webhooks: endpoints with a secret that is shown once, and the log of what was sent."""

import re
from datetime import timedelta

from litestar import Litestar
from litestar.types import ASGIApp
from tests.factories.shop import open_shop
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.pages import error_at, plain

from matinee.console.router import create_router
from matinee.kernel.ids import new_id
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator
from matinee.platform.secrets import SecretBox
from matinee.platform.storage import ObjectStorage
from matinee.webhooks.operations import hand_on
from matinee.webhooks.queries import due_events, list_endpoints
from matinee.webhooks.types import Endpoint

PATH = "/console/webhooks"
FORM = {
    "url": "www.operator.com/events", "description": "Customer care", "version": "0",
    "kinds": ["purchase.granted", "purchase.reversed"],
}  # fmt: skip


async def _endpoints(database: Database, operator: Operator) -> list[Endpoint]:
    async with database.transaction(operator.operator_id) as tx:
        return await list_endpoints(tx, operator_id=operator.operator_id)


async def test_an_endpoint_is_added_and_its_secret_is_shown_this_once(
    browser: Browser, database: Database, operator: Operator
) -> None:
    assert "Nobody is told yet" in (await browser.get(PATH)).text
    await browser.get(f"{PATH}/new")
    shown = await browser.post(f"{PATH}/new", FORM)

    assert shown.status_code == 200
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", shown.text)
    (endpoint,) = await _endpoints(database, operator)
    assert endpoint.draft.url == "https://www.operator.com/events"
    for path in (PATH, f"{PATH}/{endpoint.endpoint_id}", f"{PATH}/log"):
        page = await browser.get(path)
        assert page.status_code == 200
        assert secret not in page.text


async def test_bad_input_stays_in_the_form(browser: Browser, database: Database, operator: Operator) -> None:
    await browser.get(f"{PATH}/new")
    shown = await browser.post(f"{PATH}/new", FORM | {"url": "http://10.0.0.1/", "kinds": []})

    assert shown.status_code == 422
    assert "https" in error_at(shown, "url") or "private" in error_at(shown, "url")
    assert 'value="http://10.0.0.1/"' in shown.text
    assert 'value="Customer care"' in shown.text
    assert await _endpoints(database, operator) == []


async def test_edit_switch_off_and_a_new_secret(
    browser: Browser, database: Database, operator: Operator
) -> None:
    await browser.get(f"{PATH}/new")
    first = re.findall(r"whsec_[A-Za-z0-9+/=]+", (await browser.post(f"{PATH}/new", FORM)).text)
    (endpoint,) = await _endpoints(database, operator)
    path = f"{PATH}/{endpoint.endpoint_id}"
    await browser.get(path)
    saved = await browser.post(path, FORM | {"description": "Accounting", "version": "1"})
    stale = await browser.post(
        path, FORM | {"description": "Nobody", "version": "1", "kinds": ["purchase.granted"]}
    )
    await browser.get(path)
    second = re.findall(r"whsec_[A-Za-z0-9+/=]+", (await browser.post(f"{path}/secret", {})).text)
    await browser.get(path)
    off = await browser.post(f"{path}/off", {})

    assert (saved.status_code, stale.status_code, off.status_code) == (303, 409, 303)
    assert "updated" in stale.text.partition("activity-title")[2]  # who saved meanwhile stands on the page
    assert "Saved meanwhile: Accounting" in plain(stale.text)
    assert "Saved meanwhile: purchase.granted: " in plain(stale.text)
    assert first != second
    (now,) = await _endpoints(database, operator)
    assert (now.draft.description, now.switched_off_because) == ("Accounting", "staff")


async def test_the_log_shows_what_is_on_its_way_and_sends_it_again(
    database_urls: EmbeddedPostgresInfo, storage: ObjectStorage
) -> None:
    ports = {"secret_box": SecretBox(bytes(32)), "egress": EgressPolicy.parse("")}
    async with open_shop(database_urls, capabilities=frozenset()) as shop:
        operator, database = shop.sale.operator, shop.database
        extras = dict.fromkeys(("settings", "quotes", "playback_tokens"), None) | ports
        extras |= {"gateway": shop.billing, "purchases": shop.services}
        router = create_router(database=database, storage=storage, secret_key=bytes(32), extras=extras)
        staff = await add_staff(database, operator, "integration")
        async with open_browser(Litestar([router], openapi_config=None), operator) as browser:
            await browser.sign_in(staff.email)
            await browser.get(f"{PATH}/new")
            await browser.post(f"{PATH}/new", FORM)
            (endpoint,) = await _endpoints(database, operator)
            shop.clock.advance(timedelta(seconds=5))
            purchase = await shop.buy(await shop.person())
            async with database.transaction(operator.operator_id) as tx:
                (key,) = await due_events(tx, now=shop.clock.moment, per_operator=5, busy=[])
                assert await hand_on(tx, key=key, now=shop.clock.moment) == 1
            page = f"{PATH}/log/{key.customer_id}/{key.event_id}/{endpoint.endpoint_id}"
            log = await browser.get(f"{PATH}/log?q={purchase.purchase_id}")
            shown = await browser.get(page)
            again = await browser.post(f"{page}/again", {})

            assert "purchase.granted" in plain(log.text)
            assert f'hx-get="{PATH}/log?q={purchase.purchase_id}" hx-trigger="every 5s"' in log.text
            assert str(purchase.purchase_id) in shown.text
            assert again.status_code == 303
            nothing = await browser.get(f"{PATH}/log?q={new_id()}")
            assert ("Nothing fits" in nothing.text, "every 5s" in nothing.text) == (True, False)
            assert (await browser.get(page.replace(str(key.event_id), str(new_id())))).status_code == 404


async def test_only_who_integrates_may_see_it(app: ASGIApp, database: Database, operator: Operator) -> None:
    staff = await add_staff(database, operator, "care")
    async with open_browser(app, operator) as browser:
        await browser.sign_in(staff.email)
        for path in (PATH, f"{PATH}/new", f"{PATH}/log"):
            assert (await browser.get(path)).status_code == 403
