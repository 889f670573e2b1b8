"""Signing in and out, and what a page refuses."""

from datetime import timedelta

import pytest
from litestar.types import ASGIApp
from tests.integration.console.conftest import PASSWORD, Browser, add_staff, open_browser

from matinee.platform import passwords
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.turns import Turns
from matinee.staff.operations import disable_staff

COOKIE = "__Host-matinee-staff"


async def test_a_stranger_is_sent_to_sign_in_and_back(
    stranger: Browser, operator: Operator, database: Database
) -> None:
    staff = await add_staff(database, operator, "care")
    response = await stranger.get("/console?x=1")
    assert response.status_code == 303
    assert response.headers["location"] == "/console/sign-in?next=%2Fconsole%3Fx%3D1"
    page = await stranger.get(response.headers["location"])
    assert page.status_code == 200
    sent = {"email": staff.email.upper(), "password": PASSWORD, "next": "/console?x=1"}
    done = await stranger.post("/console/sign-in", sent)
    assert (done.status_code, done.headers["location"]) == (303, "/console?x=1")
    cookie = next(each for each in done.headers.get_list("set-cookie") if each.startswith(COOKIE))
    assert all(word in cookie for word in ("HttpOnly", "Secure", "Path=/", "SameSite=lax", "Max-Age=43200"))


async def test_wrong_password_and_unknown_name_get_the_same_answer(
    stranger: Browser, operator: Operator, database: Database
) -> None:
    staff = await add_staff(database, operator, "care")
    wrong = await stranger.sign_in(staff.email, "not this one")
    unknown = await stranger.sign_in("nobody@aurora.test", "not this one")
    assert wrong.status_code == unknown.status_code == 401
    assert "do not fit together" in wrong.text
    assert wrong.text.replace(staff.email, "") == unknown.text.replace("nobody@aurora.test", "")
    assert COOKIE not in stranger.client.cookies


async def test_an_account_is_shut_for_a_while_after_ten_failures(
    stranger: Browser, operator: Operator, database: Database
) -> None:
    staff = await add_staff(database, operator, "care")
    answers = [(await stranger.sign_in(staff.email, "guess")).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    right = await stranger.sign_in(staff.email)
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0


async def test_a_full_line_says_when_to_come_back_and_keeps_what_was_typed(
    stranger: Browser, operator: Operator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = await add_staff(database, operator, "care")
    monkeypatch.setattr(passwords, "_TURNS", Turns(0, most_waiting=0))
    for _ in range(11):  # it was no try: nobody is shut out for coming back
        busy = await stranger.sign_in(staff.email)
        assert busy.status_code == 503
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
    assert "Many people are signing in at this moment." in busy.text
    assert f'value="{staff.email}"' in busy.text


async def test_staff_of_another_operator_cannot_sign_in(
    stranger: Browser, other_operator: Operator, database: Database
) -> None:
    staff = await add_staff(database, other_operator, "admin")
    assert (await stranger.sign_in(staff.email)).status_code == 401


async def test_a_session_of_another_operator_is_worth_nothing(
    app: ASGIApp, browser: Browser, other_operator: Operator
) -> None:
    secret = browser.client.cookies[COOKIE]
    async with open_browser(app, other_operator) as elsewhere:
        response = await elsewhere.get("/console", headers={"cookie": f"{COOKIE}={secret}"})
    assert (response.status_code, response.headers["location"]) == (303, "/console/sign-in")


async def test_signing_out_ends_the_session_for_good(browser: Browser) -> None:
    secret = browser.client.cookies[COOKIE]
    await browser.get("/console/nothing-here")
    done = await browser.post("/console/sign-out")
    assert (done.status_code, done.headers["location"]) == (303, "/console/sign-in")
    again = await browser.client.get("/console", headers={"cookie": f"{COOKIE}={secret}"})
    assert again.headers["location"] == "/console/sign-in"


async def test_the_secret_changes_when_signing_in_again(browser: Browser, operator: Operator) -> None:
    first = browser.client.cookies[COOKIE]
    await browser.post("/console/sign-in", {"email": "admin@aurora.test", "password": PASSWORD, "next": ""})
    second = browser.client.cookies[COOKIE]
    assert first != second
    old = await browser.client.get("/console", headers={"cookie": f"{COOKIE}={first}"})
    assert old.headers["location"] == "/console/sign-in"


async def test_a_disabled_account_is_out_at_once(
    browser: Browser, database: Database, operator: Operator
) -> None:
    admin = await add_staff(database, operator, "admin", email="boss@aurora.test")
    async with database.transaction(operator.operator_id) as tx:
        staff_id = await tx.fetchval("SELECT staff_id FROM staff_accounts WHERE email = 'admin@aurora.test'")
        await disable_staff(
            tx, operator_id=operator.operator_id, staff_id=staff_id, actor=admin.actor, now=await tx.now()
        )
    assert (await browser.get("/console")).headers["location"] == "/console/sign-in"
    assert (await browser.sign_in("admin@aurora.test")).status_code == 401


async def test_a_session_ends_after_an_idle_hour_and_after_twelve_hours(
    browser: Browser, database: Database, operator: Operator
) -> None:
    async def age(column: str, by: timedelta) -> None:
        async with database.transaction(operator.operator_id) as tx:
            await tx.execute(f"UPDATE staff_sessions SET {column} = {column} - $1::interval", by)

    await age("last_seen_at", timedelta(minutes=59))
    assert (await browser.get("/console")).headers["location"] == "/console/cms/movies"
    await age("last_seen_at", timedelta(minutes=61))
    assert (await browser.get("/console")).headers["location"] == "/console/sign-in"
    await browser.sign_in("admin@aurora.test")
    await age("expires_at", timedelta(hours=12))
    assert (await browser.get("/console")).headers["location"] == "/console/sign-in"


async def test_no_way_leads_to_another_site(browser: Browser) -> None:
    for target in ("https://evil.test", "//evil.test", "/console\\@evil.test", "/consolex", "/\t/evil.test"):
        response = await browser.get("/console/sign-in", params={"next": target})
        assert response.headers["location"] == "/console"


async def test_a_form_without_token_or_from_another_site_is_refused(browser: Browser) -> None:
    await browser.get("/console/nothing-here")
    without = await browser.client.post("/console/sign-out")
    elsewhere = await browser.post("/console/sign-out", headers={"origin": "https://evil.test"})
    crossed = await browser.post("/console/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert [without.status_code, elsewhere.status_code, crossed.status_code] == [403, 403, 403]
    assert "too old" in without.text
    assert (await browser.get("/console")).headers["location"] == "/console/cms/movies"


async def test_unknown_fields_are_refused(stranger: Browser) -> None:
    await stranger.get("/console/sign-in")
    sent = {"email": "a@b.test", "password": "x", "next": "", "roles": "admin"}
    response = await stranger.post("/console/sign-in", sent)
    assert response.status_code == 422
    assert "no field &#39;roles&#39;" in response.text


async def test_every_answer_carries_the_security_headers(stranger: Browser) -> None:
    for path in ("/console", "/console/sign-in", "/console/static/css/shell.css", "/console/static/none.css"):
        headers = (await stranger.get(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_an_unknown_host_is_a_plain_404(app: ASGIApp, operator: Operator) -> None:
    async with open_browser(app, operator) as browser:
        response = await browser.get("https://nobody.test/console")
    assert response.status_code == 404
    assert "No operator answers" in response.text


async def test_a_page_that_renews_itself_keeps_nobody_signed_in(
    browser: Browser, database: Database, operator: Operator
) -> None:
    async with database.transaction(operator.operator_id) as tx:
        await tx.execute("UPDATE staff_sessions SET last_seen_at = last_seen_at - interval '50 minutes'")
        before = await tx.fetchval("SELECT last_seen_at FROM staff_sessions")
    background = {"x-background": "yes", "hx-request": "true"}
    assert (await browser.get("/console/session", headers=background)).status_code == 204
    async with database.transaction(operator.operator_id) as tx:
        assert await tx.fetchval("SELECT last_seen_at FROM staff_sessions") == before
        await tx.execute("UPDATE staff_sessions SET last_seen_at = last_seen_at - interval '20 minutes'")
    assert (await browser.get("/console/session", headers=background)).status_code == 401
    quiet = await browser.get("/console/cms/movies", headers=background)
    assert (quiet.status_code, quiet.text) == (401, "")
    pressed = await browser.get("/console/cms/movies", headers={"hx-request": "true"})
    assert pressed.headers["hx-redirect"] == "/console/sign-in"
