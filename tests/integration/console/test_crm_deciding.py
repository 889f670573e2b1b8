"""Approvals, tasks, free grants, more time and the wallet, page by page."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.factories.console_app import console_app
from tests.factories.sale import CREDITS, PRICE, Person
from tests.factories.shop import Shop, open_shop
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.counting import counted_statements
from tests.integration.console.pages import cells, error_at, plain

from matinee.entitlements.queries import entitlements_of_customer
from matinee.entitlements.types import Entitlement
from matinee.kernel.ids import new_id
from matinee.platform.audit import SYSTEM
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.storage import ObjectStorage
from matinee.provisions.gateway.simulated import Fault
from matinee.purchases.operations.four_eyes import set_limits
from matinee.purchases.queries import wallet_balance
from matinee.purchases.types import PurchaseState

APPROVALS = "/console/crm/approvals"


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(database_urls, capabilities=frozenset(), films=3) as opened:
        yield opened


@asynccontextmanager
async def staff(shop: Shop, storage: ObjectStorage, *roles: str, email: str = "") -> AsyncIterator[Browser]:
    ports: dict[str, Any] = {
        "settings": None, "secret_box": None, "egress": EgressPolicy.parse(""), "gateway": shop.billing,
        "quotes": None, "playback_tokens": None, "purchases": shop.services,
    }  # fmt: skip
    person = await add_staff(shop.database, shop.sale.operator, *roles, email=email)
    app = console_app(database=shop.database, storage=storage, ports=ports)
    async with open_browser(app, shop.sale.operator) as browser:
        await browser.sign_in(person.email)
        yield browser


async def limits(shop: Shop, **amounts: int) -> None:
    async with shop.database.transaction(shop.operator_id) as tx:
        await set_limits(tx, operator_id=shop.operator_id, limits=amounts, actor=SYSTEM, now=await tx.now())


async def rights(shop: Shop, person: Person) -> list[Entitlement]:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await entitlements_of_customer(
            tx, operator_id=shop.operator_id, customer_id=person.customer_id
        )


async def balance(shop: Shop, person: Person) -> int:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await wallet_balance(tx, operator_id=shop.operator_id, customer_id=person.customer_id)


def at(person: Person, path: str) -> str:
    return f"/console/crm/customers/{person.customer_id}/{path}"


async def test_a_refund_above_the_limit_goes_through_a_second_person(
    shop: Shop, storage: ObjectStorage
) -> None:
    person = await shop.person()
    purchase = await shop.buy(person)
    await limits(shop, EUR=PRICE - 1)
    async with staff(shop, storage, "care") as care:
        refund = at(person, f"content/{purchase.purchase_id}/refund")
        await care.post(refund, {"reason": "did not play"})
        tab = await care.get(at(person, "content"))
        assert "above the limit for one person" in tab.text
        assert "Care Person asked for a second person's word" in plain(tab.text)
        assert "refund-" not in tab.text
        assert (await care.post(refund, {"reason": "again"})).status_code == 409
        listed = await care.get(APPROVALS)
        assert cells(listed)[:3] == ["Refund Film 0", "Ann Bell", "€4.99"]
        assert "Withdraw" in cells(listed)[5]
        (path,) = re.findall(r'action="(/console/crm/approvals/[^"]+)/reject"', listed.text)
        assert cells(await care.get(f"{APPROVALS}?q=bell+PLAY")) == cells(listed)
        assert "Nothing fits" in (await care.get(f"{APPROVALS}?q=bell+nobody")).text
        sheet = (await care.get(f"{APPROVALS}.csv?q=film")).text.splitlines()
        assert [line.split(",")[1:3] + line.split(",")[5:8] for line in sheet[1:]] == [
            ["Refund", "Film 0", "4.99", "EUR", "Care Person"]
        ]
        assert len((await care.get(f"{APPROVALS}.csv?state=decided")).text.splitlines()) == 1
        assert (await care.post(f"{path}/approve", {"reason": "mine"})).status_code == 403
        counts = plain((await care.get("/console/crm/waiting")).text)
        assert counts == "1 , 1 waiting"
    assert (await shop.read(purchase)).state is PurchaseState.GRANTED
    async with staff(shop, storage, "finance") as finance:
        asked = await finance.post(f"{path}/approve", {"reason": " "})
        assert (asked.status_code, bool(error_at(asked, "reason"))) == (422, True)
        assert (await finance.post(f"{path}/approve", {"reason": "checked"})).status_code == 303
        assert (await finance.post(f"{path}/approve", {"reason": "checked"})).status_code == 303
        assert (await finance.post(f"{path}/reject", {"reason": "no"})).status_code == 409
        assert "Nothing to approve" in (await finance.get(APPROVALS)).text
        decided = cells(await finance.get(f"{APPROVALS}?state=decided"))
        assert decided[5].startswith("Approved Finance Person")
    assert (await shop.read(purchase)).state is PurchaseState.REVERSING
    assert await shop.broken() == []


async def test_only_finance_rejects_what_others_asked_for(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    await limits(shop, CREDIT=1)
    async with staff(shop, storage, "admin") as admin:
        change = {"direction": "add", "credits": "50", "reason": "goodwill", "once": str(new_id())}
        for _ in range(2):
            await admin.post(at(person, "wallet"), change)
        listed = await admin.get(APPROVALS)
        (path,) = re.findall(r'action="(/console/crm/approvals/[^"]+)/reject"', listed.text)
        assert (await admin.post(f"{path}/approve", {"reason": "mine"})).status_code == 409
    async with staff(shop, storage, "care") as care:
        assert (await care.post(f"{path}/reject", {"reason": "no"})).status_code == 403
    async with staff(shop, storage, "finance") as finance:
        assert (await finance.post(f"{path}/reject", {"reason": ""})).status_code == 422
        assert (await finance.post(f"{path}/reject", {"reason": "too much"})).status_code == 303
        assert (
            await finance.post(f"{APPROVALS}/{new_id()}/{new_id()}/reject", {"reason": "x"})
        ).status_code == 404
    assert await balance(shop, person) == 0


async def test_who_decides_on_a_grant_reads_how_long_it_lasts(shop: Shop, storage: ObjectStorage) -> None:
    await limits(shop, EUR=0)
    person, film = await shop.person(), f"movie:{shop.sale.movie_id}"
    async with staff(shop, storage, "care") as care:
        form = {"item": film, "lasts": "until", "until": "2020-01-31T20:00", "reason": "goodwill"}
        refused = await care.post(at(person, "grant"), form)
        assert error_at(refused, "until") == "Choose a time in the future."
        by_rule = {"item": film, "lasts": "rule", "rule_id": str(shop.sale.rule_id), "reason": "goodwill"}
        assert (await care.post(at(person, "grant"), by_rule)).status_code == 303
        listed = await care.get(APPROVALS)
        assert cells(listed)[0] == "Free grant Film 0 Two days"
        (path,) = re.findall(r'action="(/console/crm/approvals/[^"]+)/reject"', listed.text)
        await care.post(f"{path}/reject", {"reason": "by a time instead"})
        later = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT20:00")
        assert (await care.post(at(person, "grant"), form | {"until": later})).status_code == 303
        assert re.fullmatch(r"Free grant Film 0 until .+, 20:00", cells(await care.get(APPROVALS))[0])


async def test_what_could_not_be_done_any_more_says_so(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person(wallet=CREDITS)
    await limits(shop, CREDIT=1)
    async with staff(shop, storage, "care") as care:
        await care.post(at(person, "wallet"), {"direction": "take", "credits": "5", "reason": "correction"})
        listed = await care.get(APPROVALS)
        (path,) = re.findall(r'action="(/console/crm/approvals/[^"]+)/reject"', listed.text)
    await shop.buy(person)
    async with staff(shop, storage, "finance") as finance:
        await finance.post(f"{path}/approve", {"reason": "right"})
        page = await finance.get(f"{APPROVALS}?state=decided")
        assert "It could not be done any more: The balance is 0 credits" in plain(page.text)
        assert "Could not be done" in cells(page)[5]
    assert await shop.broken() == []


async def test_a_film_is_granted_extended_and_taken_away(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    film = f"movie:{shop.sale.movie_id}"
    async with staff(shop, storage, "care") as care:
        page = await care.get(at(person, "grant"))
        assert film in page.text
        empty = await care.post(
            at(person, "grant"), {"item": "", "lasts": "until", "until": "", "reason": ""}
        )
        assert empty.status_code == 422
        assert all(error_at(empty, field) for field in ("item", "until", "reason"))
        late = {"item": film, "lasts": "until", "until": "2020-01-01T10:00", "reason": "sorry"}
        again = await care.post(at(person, "grant"), late)
        assert (again.status_code, bool(error_at(again, "until"))) == (422, True)
        assert "sorry" in again.text
        assert f'<option selected value="{film}"' in again.text
        assert await rights(shop, person) == []
        good = {"item": film, "lasts": "rule", "rule_id": str(shop.sale.rule_id), "reason": "sorry",
                "once": str(new_id())}  # fmt: skip
        for _ in range(2):
            assert (await care.post(at(person, "grant"), good)).status_code == 303
        (right,) = await rights(shop, person)
        tab = plain((await care.get(at(person, "content"))).text)
        assert "Granted free Film 0 Playable" in tab
        assert "By Care Person" in tab
        twice = await care.post(at(person, "grant"), good | {"once": str(new_id())})
        assert twice.status_code == 422
        assert "may watch this already" in twice.text

        extend = at(person, f"rights/{right.entitlement_id}/extend")
        assert (await care.get(extend)).status_code == 200
        shorter = await care.post(extend, {"until": "2026-03-03T10:00", "reason": "x"})
        assert (shorter.status_code, "only becomes longer" in error_at(shorter, "until")) == (422, True)
        assert (await care.post(extend, {"until": "2026-03-10T10:00", "reason": "ill"})).status_code == 303
        assert (await rights(shop, person))[0].startable_until - right.startable_until > timedelta(days=5)

        revoke = at(person, f"rights/{right.entitlement_id}/revoke")
        assert (await care.post(revoke, {"reason": ""})).status_code == 422
        assert (await care.post(revoke, {"reason": "by mistake"})).status_code == 303
        assert "Granted free Film 0 Taken away" in plain((await care.get(at(person, "content"))).text)
        activity = plain((await care.get(at(person, "activity"))).text)
        for words in ("Title granted free", "Right given more time", "Free grant taken away"):
            assert words in activity
    assert await shop.broken() == []


async def test_somebody_whose_purchase_is_stuck_watches_meanwhile(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    shop.billing.choose = lambda call: Fault.ANSWER_LOST
    purchase = await shop.buy(person)
    async with staff(shop, storage, "care") as care:
        assert "Let them watch meanwhile" in (await care.get(at(person, "content"))).text
        path = at(person, f"content/{purchase.purchase_id}/free-grant")
        assert (await care.post(path, {"reason": ""})).status_code == 422
        assert (await care.post(path, {"reason": "nobody knows"})).status_code == 303
        page = await care.get(at(person, "content"))
        assert "Let them watch meanwhile" not in page.text
        assert "A charge that turns up pays for it." in page.text
        assert (await care.post(path, {"reason": "again"})).status_code == 409
    (right,) = await rights(shop, person)
    assert right.for_purchase_id == purchase.purchase_id


async def test_the_wallet_tab_shows_every_line(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person(wallet=CREDITS)
    async with staff(shop, storage, "care") as care:
        path = at(person, "wallet")
        for amount, field in (("0", "credits"), ("-3", "credits"), ("x", "credits")):
            refused = await care.post(path, {"direction": "add", "credits": amount, "reason": "y"})
            assert (refused.status_code, bool(error_at(refused, field))) == (422, True)
        much = await care.post(path, {"direction": "take", "credits": "6", "reason": "z"})
        assert "The balance is 5 credits" in error_at(much, "credits")
        await care.post(path, {"direction": "add", "credits": "20", "reason": "goodwill"})
        await shop.buy(person)
        page = await care.get(path)
        assert "20 credits" in plain(page.text)
        found = cells(page)
        assert found[1:4] == ["Paid from the wallet Film 0", "-5", "20"]
        assert found[6:10] == ["Credits added", "+20", "25", "Care Person : goodwill"]
    assert await shop.broken() == []


async def test_nobody_else_gives_anything_away(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    await shop.buy(person)
    (right,) = await rights(shop, person)
    async with staff(shop, storage, "catalogue", "integration") as other:
        tab = await other.get(at(person, "content"))
        assert "Grant a title" not in tab.text
        for path in ("grant", f"rights/{right.entitlement_id}/extend"):
            assert (await other.get(at(person, path))).status_code == 403
            assert (await other.post(at(person, path), {"reason": "x"})).status_code == 403
        for path in (
            f"rights/{right.entitlement_id}/revoke",
            "wallet",
            f"content/{right.purchase_id}/free-grant",
        ):
            assert (await other.post(at(person, path), {"reason": "x"})).status_code == 403
    stranger = await shop.person()
    async with staff(shop, storage, "admin") as admin:
        for path in ("extend", "revoke"):
            form = {"until": "2026-05-10T10:00", "reason": "x"} if path == "extend" else {"reason": "x"}
            swapped = at(stranger, f"rights/{right.entitlement_id}/{path}")
            assert (await admin.post(swapped, form)).status_code == 404
        paid = await admin.post(at(person, f"rights/{right.entitlement_id}/revoke"), {"reason": "x"})
        assert paid.status_code == 409
    assert await rights(shop, person) == [right]


async def test_lists_send_as_many_statements_for_many_rows(shop: Shop, storage: ObjectStorage) -> None:
    person = await shop.person()
    await limits(shop, EUR=0)
    async with staff(shop, storage, "care") as care:
        counted = []
        for film in shop.sale.movie_ids:
            purchase = await shop.buy(person, film)
            await care.post(at(person, f"content/{purchase.purchase_id}/refund"), {"reason": "x"})
            with counted_statements() as calls:
                await care.get(APPROVALS)
                await care.get(at(person, "content"))
            counted.append(len(calls))
    assert counted == [counted[0]] * 3
