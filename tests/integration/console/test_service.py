"""Settings and staff: what administrators decide, and what others may only look at."""

import re
from typing import Any

import httpx
import pytest
from litestar.types import ASGIApp
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.pages import cells, error_at, plain

from matinee.platform.db import Database
from matinee.platform.operators import Operator, get_operator
from matinee.purchases.queries.decisions import four_eyes_limits
from matinee.staff.queries import list_staff
from matinee.staff.types import StaffRow

SETTINGS, STAFF = "/console/settings", "/console/staff"
FORM = {
    "time_zone": "America/Lima", "locale": "es_PE", "currency": "PEN", "tax_rate": "18,5", "self_cancel": "hours",
    "self_cancel_hours": "24", "honour_late_charges": "y", "version": "1", "limits-0-currency": "EUR",
    "limits-0-amount": "25.00", "limits-1-currency": "CREDIT", "limits-1-amount": "",
}  # fmt: skip


async def stored(database: Database, operator: Operator) -> tuple[Operator, dict[str, int]]:
    async with database.transaction(operator.operator_id) as tx:
        return (
            await get_operator(tx, operator_id=operator.operator_id),
            await four_eyes_limits(tx, operator_id=operator.operator_id),
        )


async def accounts(database: Database, operator: Operator) -> dict[str, StaffRow]:
    async with database.transaction(operator.operator_id) as tx:
        return {row.staff.email: row for row in await list_staff(tx, operator_id=operator.operator_id)}


async def test_settings_are_shown_and_saved(browser: Browser, database: Database, operator: Operator) -> None:
    page = await browser.get(SETTINGS)
    assert 'value="21"' in page.text
    assert '<option selected value="Europe/Amsterdam">' in page.text
    assert (await browser.post(SETTINGS, FORM)).status_code == 303
    saved, limits = await stored(database, operator)
    assert (saved.time_zone, saved.locale, saved.currency, saved.tax_rate_basis_points) == (
        "America/Lima", "es_PE", "PEN", 1850,
    )  # fmt: skip
    assert (saved.self_cancel_hours, saved.honour_late_charges, saved.cut_at_finish) == (24, True, False)
    assert limits == {"EUR": 2500}
    page = await browser.get(SETTINGS)
    assert 'value="18.5"' in page.text
    assert "limits changed" in plain(page.text)


async def test_every_wrong_setting_is_named_and_nothing_is_lost(
    browser: Browser, database: Database, operator: Operator
) -> None:
    before = await stored(database, operator)
    bad = FORM | {"tax_rate": "lots", "limits-0-amount": "many", "self_cancel_hours": "x"}
    page = await browser.post(SETTINGS, bad)
    assert page.status_code == 422
    for field in ("tax_rate", "limits-0-amount", "self_cancel_hours"):
        assert error_at(page, field), field
    assert 'value="lots"' in page.text
    assert 'value="many"' in page.text
    assert '<option selected value="America/Lima">' in page.text
    for change in (
        {"self_cancel_hours": "0"},
        {"time_zone": "Mars"},
        {"tax_rate": "100.01"},
        {"tax_rate": "1.234"},
    ):
        refused = await browser.post(SETTINGS, FORM | change)
        assert (refused.status_code, bool(error_at(refused, next(iter(change))))) == (422, True)
    assert (await browser.post(SETTINGS, FORM | {"name": "x"})).status_code == 422
    assert await stored(database, operator) == before


async def test_whoever_saves_settings_second_sees_the_first(
    browser: Browser, database: Database, operator: Operator
) -> None:
    await browser.post(SETTINGS, FORM)
    page = await browser.post(SETTINGS, FORM | {"currency": "USD"})
    assert page.status_code == 409
    assert "Somebody else saved this meanwhile" in plain(page.text)
    assert (await stored(database, operator))[0].currency == "PEN"
    assert 'name="version" type="hidden" value="2"' in page.text


async def test_others_look_and_change_nothing(
    app: ASGIApp, database: Database, operator: Operator, other_operator: Operator
) -> None:
    admin = await add_staff(database, operator, "admin")
    theirs = await add_staff(database, other_operator, "admin")
    finance = await add_staff(database, operator, "finance", "care", "catalogue", "integration")
    before = await stored(database, operator), await accounts(database, operator)
    async with open_browser(app, operator) as other:
        await other.sign_in(finance.email)
        for path in (SETTINGS, STAFF, f"{STAFF}/{admin.staff_id}"):
            page = await other.get(path)
            assert page.status_code == 200
            assert "save-bar" not in page.text
            assert "Add person" not in page.text
        assert (await other.get(f"{STAFF}/new")).status_code == 403
        for path in (SETTINGS, f"{STAFF}/new", f"{STAFF}/{admin.staff_id}", f"{STAFF}/{admin.staff_id}/disable",
                     f"{STAFF}/{admin.staff_id}/enable", f"{STAFF}/{finance.staff_id}/password"):  # fmt: skip
            assert (await other.post(path, FORM)).status_code == 403
        assert (await other.get(f"{STAFF}/{theirs.staff_id}")).status_code == 404
    _, after = before[0], await accounts(database, operator)
    assert (await stored(database, operator), {email: row.version for email, row in after.items()}) == (
        before[0], {email: row.version for email, row in before[1].items()},
    )  # fmt: skip


async def test_a_neighbours_account_cannot_be_touched(
    browser: Browser, database: Database, other_operator: Operator
) -> None:
    theirs = await add_staff(database, other_operator, "care")
    posts: dict[str, dict[str, Any]] = {
        "": {"name": "x", "roles": "admin"}, "/disable": {"reason": "x"}, "/enable": {"reason": "x"},
        "/password": {"password": "a long password"},
    }  # fmt: skip
    for path, form in posts.items():
        assert (await browser.post(f"{STAFF}/{theirs.staff_id}{path}", form)).status_code == 404
    assert (await accounts(database, other_operator))[theirs.email].disabled_at is None


def _id(page: httpx.Response, name: str) -> str:
    found = re.search(rf'href="{STAFF}/([0-9a-f-]+)">{name}', page.text)
    assert found is not None
    return found[1]


async def test_an_account_from_its_beginning_to_its_end(
    browser: Browser, app: ASGIApp, database: Database, operator: Operator
) -> None:
    empty = await browser.post(f"{STAFF}/new", {"name": "", "email": "x", "password": "short"})
    assert empty.status_code == 422
    assert all(error_at(empty, field) for field in ("name", "email", "password", "roles"))
    new = {
        "name": "Cleo",
        "email": "Cleo@aurora.test",
        "password": "a long password",
        "roles": ["care", "finance"],
    }
    assert (await browser.post(f"{STAFF}/new", new)).status_code == 303
    taken = await browser.post(f"{STAFF}/new", new)
    assert (taken.status_code, bool(error_at(taken, "email"))) == (422, True)
    listed = await browser.get(STAFF)
    assert "Cleo cleo@aurora.test Care Finance — Can sign in" in " ".join(cells(listed))
    assert cells(await browser.get(f"{STAFF}?q=nobody")) == []
    account = f"{STAFF}/{_id(listed, 'Cleo')}"

    async with open_browser(app, operator) as hers:
        await hers.sign_in("cleo@aurora.test", "a long password")
        assert (await hers.get(STAFF)).status_code == 200
        changed = {"name": "Cleo B", "roles": ["catalogue"], "version": "1"}
        assert (await browser.post(account, changed)).status_code == 303
        assert (await browser.post(account, changed | {"name": "C"})).status_code == 409
        assert (await hers.get("/console/crm/products/new")).status_code == 403
        short = await browser.post(f"{account}/password", {"password": "short"})
        assert (short.status_code, bool(error_at(short, "password"))) == (422, True)
        assert (
            await browser.post(f"{account}/password", {"password": "another long one"})
        ).status_code == 303
        assert (await hers.get(STAFF)).status_code == 303  # to the sign-in page
        await hers.sign_in("cleo@aurora.test", "another long one")
        assert (await hers.get(STAFF)).status_code == 200
        assert (await browser.post(f"{account}/disable", {"reason": " "})).status_code == 422
        assert (await browser.post(f"{account}/disable", {"reason": "left us"})).status_code == 303
        assert (await hers.get(STAFF)).status_code == 303
        assert (await hers.sign_in("cleo@aurora.test", "another long one")).status_code == 401
        assert (await browser.post(f"{account}/enable", {"reason": "came back"})).status_code == 303
        assert (await hers.sign_in("cleo@aurora.test", "another long one")).status_code == 303
    words = plain((await browser.get(account)).text)
    for word in ("left us", "came back", "password reset"):
        assert word in words


@pytest.mark.parametrize("path", ["", "/disable"])
async def test_the_last_administrator_cannot_go(
    browser: Browser, database: Database, operator: Operator, path: str
) -> None:
    (row,) = (await accounts(database, operator)).values()
    form = {"reason": "holidays"} if path else {"name": "Ada", "roles": "care", "version": "1"}
    answer = await browser.post(f"{STAFF}/{row.staff.staff_id}{path}", form)
    assert answer.status_code == (409 if path else 422)
    assert "last administrator" in answer.text
    assert (await browser.get(STAFF)).status_code == 200
