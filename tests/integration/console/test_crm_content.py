"""The Content tab: what was bought, and what staff may decide about it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from litestar.types import ASGIApp
from tests.factories.console_app import console_app
from tests.factories.sale import Person
from tests.factories.shop import Shop, open_shop
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.counting import counted_statements
from tests.integration.console.pages import cells, error_at, plain

from matinee.console.crm import approvals
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.storage import ObjectStorage
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import Capability
from matinee.purchases.types import Purchase, PurchaseState

A = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})
D: frozenset[Capability] = frozenset()
_QUIET = timedelta(minutes=15)


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    """A billing system that can do nothing but charge: an unclear answer waits for a person."""
    async with open_shop(database_urls, capabilities=D, films=3) as opened:
        yield opened


@pytest.fixture
async def able_shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    """A billing system that can be asked and can give back."""
    async with open_shop(database_urls, capabilities=A) as opened:
        yield opened


def _app(shop: Shop, storage: ObjectStorage) -> ASGIApp:
    ports: dict[str, Any] = {
        "settings": None, "secret_box": None, "egress": EgressPolicy.parse(""), "gateway": shop.billing,
        "quotes": None, "playback_tokens": None, "purchases": shop.services,
    }  # fmt: skip
    return console_app(database=shop.database, storage=storage, ports=ports)


@asynccontextmanager
async def _staff(shop: Shop, storage: ObjectStorage, *roles: str) -> AsyncIterator[Browser]:
    staff = await add_staff(shop.database, shop.sale.operator, *roles)
    async with open_browser(_app(shop, storage), shop.sale.operator) as browser:
        await browser.sign_in(staff.email)
        yield browser


def _tab(person: Person) -> str:
    return f"/console/crm/customers/{person.customer_id}/content"


async def _bought(shop: Shop, person: Person, fault: Fault = Fault.OK, film: int = 0) -> Purchase:
    shop.billing.choose = lambda call: fault
    purchase = await shop.buy(person, shop.sale.movie_ids[film])
    shop.billing.choose = lambda call: Fault.OK
    return purchase


async def test_the_tab_lists_what_was_bought(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    async with _staff(shop, storage, "care") as browser:
        assert "Nothing rented yet" in (await browser.get(_tab(person))).text
        purchase = await _bought(shop, person)
        await _bought(shop, person, Fault.DECLINED, film=1)
        page = await browser.get(_tab(person))
        text = plain(page.text)
        assert "Film 0 Granted Playable" in text
        assert "Price €4.99 Payment Operator's billing Bought 2 Mar 2026, 20:00" in text
        assert "Startable until 4 Mar 2026, 20:00 First played — Finish by —" in text
        assert "Rule Two days: start within 48 hours Device test" in text
        assert purchase.reference in text
        assert text.index("Film 1 Declined") < text.index("Film 0 Granted")
        assert "Film 0" not in plain((await browser.get(f"{_tab(person)}?state=DECLINED")).text)
        assert "Film 1" not in plain((await browser.get(f"{_tab(person)}?q={purchase.reference}")).text)


async def test_the_history_shows_every_call_and_event(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    purchase = await _bought(shop, person)
    async with _staff(shop, storage, "care") as browser:
        address = f"{_tab(person)}/{purchase.purchase_id}"
        page = await browser.get(address)
        part = await browser.get(address, headers={"hx-request": "true"})
        assert "<html" in page.text
        assert "<html" not in part.text
        for text in (plain(page.text), plain(part.text)):
            assert "Events" in text
            assert "Charge 2 Mar 2026, 20:00" in text
            assert "Request GET " in text


@pytest.mark.parametrize("fault", [Fault.BOTH_RULES_MATCH, Fault.ANSWER_LOST])
async def test_staff_settle_an_unclear_purchase_as_charged(
    shop: Shop, storage: ObjectStorage, fault: Fault
) -> None:
    person = await shop.person()
    purchase = await _bought(shop, person, fault)
    await shop.pass_time(_QUIET, step=_QUIET)
    before = (await shop.read(purchase)).state
    async with _staff(shop, storage, "care") as browser:
        assert "It was charged" in (await browser.get(_tab(person))).text
        path = f"{_tab(person)}/{purchase.purchase_id}/settle"
        asked = await browser.post(path, {"verdict": "charged", "reason": " "})
        assert (asked.status_code, bool(error_at(asked, "reason"))) == (422, True)
        assert 'name="verdict" type="hidden" value="charged"' in asked.text
        assert (await browser.post(path, {"verdict": "maybe", "reason": "x"})).status_code == 422
        assert (await shop.read(purchase)).state is before
        answer = await browser.post(path, {"verdict": "charged", "reason": "found in their ledger"})
        assert answer.headers["location"].endswith(f"#p-{purchase.purchase_id}")
        assert (await shop.read(purchase)).state is PurchaseState.GRANTED
        assert "Film 0 Granted Playable" in plain((await browser.get(_tab(person))).text)
        history = await browser.get(f"{_tab(person)}/{purchase.purchase_id}")
        assert "found in their ledger" in history.text
        assert (await browser.post(path, {"verdict": "charged", "reason": "again"})).status_code == 409
    assert await shop.broken() == []


async def test_staff_settle_an_unclear_purchase_as_not_charged(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    purchase = await _bought(shop, person, Fault.REQUEST_LOST)
    await shop.pass_time(_QUIET, step=_QUIET)
    async with _staff(shop, storage, "finance") as browser:
        path = f"{_tab(person)}/{purchase.purchase_id}/settle"
        assert (
            await browser.post(path, {"verdict": "not_charged", "reason": "not there"})
        ).status_code == 303
    assert (await shop.read(purchase)).state is PurchaseState.VOID
    assert await shop.broken() == []


async def test_nobody_decides_while_a_charge_may_still_land(
    shop: Shop, able_shop: Shop, storage: ObjectStorage
) -> None:
    for each, reason in (
        (shop, "A charge can still arrive. You can decide from 2 Mar 2026, 20:15 on."),
        (able_shop, "Matinee is asking billing by itself."),
    ):
        person = await each.person()
        purchase = await _bought(each, person, Fault.REQUEST_LOST)
        async with _staff(each, storage, "care") as browser:
            page = await browser.get(_tab(person))
            assert reason in plain(page.text)
            assert "It was charged" not in page.text
            assert "It was not charged" not in page.text
            path = f"{_tab(person)}/{purchase.purchase_id}/settle"
            answer = await browser.post(path, {"verdict": "not_charged", "reason": "not there"})
            assert answer.status_code == 409
        assert (await each.read(purchase)).state is PurchaseState.UNKNOWN


async def test_the_refund_of_a_duplicate_is_closed_by_finance(
    database_urls: EmbeddedPostgresInfo, storage: ObjectStorage
) -> None:
    async with open_shop(database_urls, capabilities=frozenset({Capability.STATUS})) as shop:
        person = await shop.person()
        purchase = await _bought(shop, person, Fault.REPEATED)
        async with _staff(shop, storage, "finance") as browser:
            assert "Money was given back" not in (await browser.get(_tab(person))).text
            await shop.pass_time(timedelta(minutes=5))
            assert (await shop.read(purchase)).state is PurchaseState.GRANTED
            tab = plain((await browser.get(_tab(person))).text)
            assert "Charged twice Billing could not give the extra charge back; finance has to." in tab
            assert "Money was given back" in tab
            assert cells(await browser.get("/console/crm/tasks"))[3] == "Charged twice"
            path = f"{_tab(person)}/{purchase.purchase_id}/close-refund"
            assert (await browser.post(path, {"reason": "paid by transfer"})).status_code == 303
            assert "Money was given back" not in (await browser.get(_tab(person))).text
        assert (await shop.read(purchase)).state is PurchaseState.GRANTED
        assert await shop.broken() == []


async def test_a_refund_ends_access_and_gives_the_money_back(able_shop: Shop, storage: ObjectStorage) -> None:
    person = await able_shop.person()
    purchase = await _bought(able_shop, person)
    async with _staff(able_shop, storage, "care") as browser:
        path = f"{_tab(person)}/{purchase.purchase_id}/refund"
        assert (await browser.post(path, {"reason": ""})).status_code == 422
        assert able_shop.standing(purchase) == 1
        assert (await browser.post(path, {"reason": "did not play"})).status_code == 303
        assert "Access ended" in plain((await browser.get(_tab(person))).text)
        await able_shop.pass_time(timedelta(minutes=2))
        assert (await able_shop.read(purchase)).state is PurchaseState.REVERSED
        assert able_shop.standing(purchase) == 0
        assert (await browser.post(path, {"reason": "again"})).status_code == 409
    assert await able_shop.broken() == []


async def test_tasks_say_when_there_are_more_than_a_page_shows(
    shop: Shop, storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "MOST_TASKS", 1)
    async with _staff(shop, storage, "care") as browser:
        for has_more in (False, True):
            person = await shop.person()
            purchase = await _bought(shop, person)
            await browser.post(f"{_tab(person)}/{purchase.purchase_id}/refund", {"reason": "did not play"})
            await shop.pass_time(timedelta(minutes=2))
            page = await browser.get("/console/crm/tasks")
            assert (cells(page).count("Film 0"), "There are more" in page.text) == (1, has_more)


async def test_a_refund_that_billing_cannot_make_is_closed_by_finance(
    shop: Shop, storage: ObjectStorage
) -> None:
    person = await shop.person()
    purchase = await _bought(shop, person)
    path = f"{_tab(person)}/{purchase.purchase_id}"
    async with _staff(shop, storage, "care") as browser:
        await browser.post(f"{path}/refund", {"reason": "did not play"})
        await shop.pass_time(timedelta(minutes=2))
        assert (await shop.read(purchase)).state is PurchaseState.REFUND_OPEN
        assert (await browser.post(f"{path}/close-refund", {"reason": "x"})).status_code == 403
        assert cells(await browser.get("/console/crm/tasks"))[0] == "Film 0"
    async with _staff(shop, storage, "finance") as browser:
        assert (await browser.post(f"{path}/close-refund", {"reason": ""})).status_code == 422
        assert (await browser.post(f"{path}/close-refund", {"reason": "paid by transfer"})).status_code == 303
        assert "Nothing to do" in (await browser.get("/console/crm/tasks")).text
    assert (await shop.read(purchase)).state is PurchaseState.REVERSED


async def test_billing_is_asked_again_at_once(able_shop: Shop, storage: ObjectStorage) -> None:
    person = await able_shop.person()
    purchase = await _bought(able_shop, person, Fault.ANSWER_LOST)
    assert (await able_shop.read(purchase)).state is PurchaseState.UNKNOWN
    async with _staff(able_shop, storage, "care") as browser:
        history = await browser.get(f"{_tab(person)}/{purchase.purchase_id}")
        assert "Re-check now" in history.text
        assert (
            f'data-live hx-get="{_tab(person)}" hx-trigger="every 5s"'
            in (await browser.get(_tab(person))).text
        )
        asked = {"hx-request": "true", "x-background": "yes"}
        assert "hx-replace-url" not in (await browser.get(_tab(person), headers=asked)).headers
        path = f"{_tab(person)}/{purchase.purchase_id}/ask"
        assert (await browser.post(path, {"reason": ""})).status_code == 422
        assert (await browser.post(path, {"reason": "customer calls"})).status_code == 303
        settled = await browser.get(_tab(person))
        assert "Billing answered: granted." in plain(settled.text)
        assert "every 5s" not in settled.text
    assert (await able_shop.read(purchase)).state is PurchaseState.GRANTED


async def test_without_a_status_call_asking_leads_to_the_books(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    purchase = await _bought(shop, person, Fault.ANSWER_LOST)
    async with _staff(shop, storage, "care") as browser:
        await browser.post(f"{_tab(person)}/{purchase.purchase_id}/ask", {"reason": "customer calls"})
        assert "Still unclear" in (await browser.get(_tab(person))).text
    assert (await shop.read(purchase)).state is PurchaseState.UNKNOWN


async def test_only_care_and_finance_decide(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    purchase = await _bought(shop, person, Fault.BOTH_RULES_MATCH)
    async with _staff(shop, storage, "catalogue", "integration") as browser:
        page = await browser.get(_tab(person))
        assert "data-open-dialog" not in page.text.partition('id="list"')[2]
        for action in ("settle", "refund", "close-refund", "ask"):
            form = {"reason": "x", "verdict": "charged"} if action == "settle" else {"reason": "x"}
            path = f"{_tab(person)}/{purchase.purchase_id}/{action}"
            assert (await browser.post(path, form)).status_code == 403
    assert (await shop.read(purchase)).state is PurchaseState.REVIEW


async def test_another_customers_purchase_is_not_found(shop: Shop, storage: ObjectStorage) -> None:
    person, other = await shop.person(), await shop.person()
    purchase = await _bought(shop, person, Fault.BOTH_RULES_MATCH)
    async with _staff(shop, storage, "admin") as browser:
        assert (await browser.get(f"{_tab(other)}/{purchase.purchase_id}")).status_code == 404
        for action in ("settle", "refund", "close-refund", "ask"):
            form = {"reason": "x", "verdict": "charged"} if action == "settle" else {"reason": "x"}
            path = f"{_tab(other)}/{purchase.purchase_id}/{action}"
            assert (await browser.post(path, form)).status_code == 404
    assert (await shop.read(purchase)).state is PurchaseState.REVIEW


async def test_the_tab_sends_as_many_statements_for_many_purchases(
    shop: Shop, storage: ObjectStorage
) -> None:
    person = await shop.person()
    async with _staff(shop, storage, "care") as browser:
        await _bought(shop, person)
        with counted_statements() as few:
            await browser.get(_tab(person))
        await _bought(shop, person, film=1)
        await _bought(shop, person, Fault.BOTH_RULES_MATCH, film=2)
        with counted_statements() as many:
            await browser.get(_tab(person))
    assert len(many) == len(few)
