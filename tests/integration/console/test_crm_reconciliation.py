"""Settlement files in the console: upload, columns, the report, applying, and settling a row."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar.types import ASGIApp
from tests.factories.clock import START
from tests.factories.sale import Sale, make_person, make_sale
from tests.integration.console.conftest import SECRET_KEY, Browser, add_staff, open_browser
from tests.integration.console.counting import counted_statements
from tests.integration.console.pages import cells, error_at, plain

from matinee.kernel.ids import new_id
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.storage import ObjectStorage
from matinee.provisions.gateway.simulated import SimulatedBilling
from matinee.purchases.rules.references import charge_reference
from matinee.purchases.services import PurchaseServices
from matinee.reconciliation.jobs import apply_file, import_file

PAGE = "/console/crm/reconciliation"
CONFIRMED = START - timedelta(days=3)


class Case:
    """An operator with one unclear purchase, and the file that settles it."""

    def __init__(self, database: Database, storage: ObjectStorage, operator: Operator, sale: Sale) -> None:
        self.database, self.storage, self.operator, self.sale = database, storage, operator, sale
        self.reference = ""

    async def add_purchase(self) -> str:
        async with self.database.transaction(self.operator.operator_id) as tx:
            person = await make_person(tx, sale=self.sale, now=CONFIRMED)
            reference = charge_reference(
                b"key", operator_id=self.operator.operator_id, customer_id=person.customer_id, item_kind="movie",
                item_id=self.sale.movie_id, generation=0,
            )  # fmt: skip
            await tx.execute(
                """INSERT INTO purchases (operator_id, customer_id, purchase_id, item_kind, item_id, item_title,
                       generation, reference, state, state_since, claimed_at, next_check_at, amount_minor, currency,
                       tax_minor, tax_rate_basis_points, payment_type, product_id, provision_id, provision_version,
                       rule_id, rule_name, rule_unit, rule_quantity, runtime_minutes, device_id, confirmed_at)
                   VALUES ($1, $2, $3, 'movie', $4, 'Film 0', 0, $5, 'UNKNOWN', $6, $6, $6, 499, 'EUR', 0, 0, 'api',
                       $7, $8, 1, $9, 'Two days', 'hours', 48, 90, $10, $6)""",
                self.operator.operator_id, person.customer_id, new_id(), self.sale.movie_id, reference, CONFIRMED,
                self.sale.product_id, self.sale.provision_id, self.sale.rule_id, person.device_ids[0],
            )  # fmt: skip
        return reference

    def fields(self) -> dict[str, str]:
        return {
            "provision": str(self.sale.provision_id), "covers_from": "2026-02-01T00:00",
            "covers_until": "2026-03-02T12:00",
        }  # fmt: skip

    async def upload(self, browser: Browser, content: bytes, name: str = "february.csv") -> str:
        """Upload a file and return its address."""
        await browser.get(f"{PAGE}/new")
        sent = await browser.post(f"{PAGE}/new", self.fields(), files={"file": (name, content)})
        assert sent.status_code == 303, plain(sent.text)
        return str(sent.headers["location"]).rpartition("/")[0]

    async def compare(self, browser: Browser, content: bytes) -> str:
        """Upload a file, name its columns as proposed, let the worker compare it; return its address."""
        address = await self.upload(browser, content)
        shown = await browser.get(f"{address}/columns")
        named = await browser.post(f"{address}/columns", proposed_fields(shown.text))
        assert (named.status_code, named.headers["location"]) == (303, f"{address}/report")
        await import_file(
            self.database, self.storage, operator_id=self.operator.operator_id, file_id=file_id(address)
        )
        return address

    async def apply(self, address: str) -> None:
        billing = SimulatedBilling(frozenset(), now=lambda: START)
        services = PurchaseServices.of(database=self.database, gateway=billing, secret_key=SECRET_KEY)
        await apply_file(services, operator_id=self.operator.operator_id, file_id=file_id(address))

    async def states(self) -> list[str]:
        async with self.database.transaction(self.operator.operator_id) as tx:
            rows = await tx.fetch("SELECT state FROM purchases ORDER BY confirmed_at, state")
        return [row["state"] for row in rows]


def file_id(address: str) -> UUID:
    return UUID(address.rpartition("/")[2])


def proposed_fields(page: str) -> dict[str, str]:
    """Return what the form for the columns would send as it is."""
    fields = {
        name: re.search(r'<option selected value="([^"]*)"', body)
        for name, body in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL)
    }
    chosen = {name: found[1] if found else "" for name, found in fields.items()}
    chosen |= dict(re.findall(r'<input type="radio" name="(\w+)" value="(\w+)"[^>]*checked', page))
    for name in ("currency", "charge_words", "refund_words"):
        found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
        chosen[name] = found[1] if found else ""
    if re.search(r'<input checked[^>]*name="has_headings"', page):
        chosen["has_headings"] = "y"
    return chosen


@pytest.fixture
def ports(database: Database, ports: dict[str, Any]) -> dict[str, Any]:
    """With purchases in earnest: settling a row moves one."""
    billing = SimulatedBilling(frozenset(), now=lambda: START)
    services = PurchaseServices.of(database=database, gateway=billing, secret_key=SECRET_KEY)
    return ports | {"purchases": services}


@pytest.fixture
async def case(database: Database, storage: ObjectStorage, operator: Operator) -> Case:
    async with database.transaction(operator.operator_id) as tx:
        sale = await make_sale(tx, operator=operator, capabilities=frozenset(), now=CONFIRMED)
    made = Case(database, storage, operator, sale)
    made.reference = await made.add_purchase()
    return made


def content(*lines: str) -> bytes:
    return "\n".join(["Reference;Amount;Currency;Transaction id", *lines, ""]).encode()


async def test_the_whole_way_of_a_file(browser: Browser, case: Case) -> None:
    empty = await browser.get(PAGE)
    assert "No settlement file yet" in empty.text
    address = await case.compare(browser, content(f"{case.reference};4,99;EUR;T-1", "ORDER-1;1,00;EUR;T-2"))
    listed = await browser.get(PAGE)
    assert cells(listed)[0:4] == ["february.csv", "Billing", "1 Feb 2026 – 2 Mar 2026", "3"]
    report = await browser.get(f"{address}/report")
    assert "1 purchase that was unclear or in review is charged in the file: it is granted." in report.text
    assert [cell for cell in cells(report) if cell in ("Matched", "Give access", "€4.99")] == [
        "Matched", "€4.99", "€4.99", "Give access",
    ]  # fmt: skip
    assert await case.states() == ["UNKNOWN"]
    preview = await browser.get(f"{address}/apply")
    assert "it is granted." in preview.text
    missing = await browser.post(f"{address}/apply", {"reason": ""})
    assert missing.status_code == 422
    assert "Say why" in error_at(missing, "reason")
    pressed = await browser.post(f"{address}/apply", {"reason": "month's end"})
    assert pressed.status_code == 303
    working = await browser.get(f"{address}/progress", headers={"hx-request": "true"})
    assert "Waiting for the worker" in working.text
    await case.apply(address)
    assert await case.states() == ["GRANTED"]
    gone = await browser.get(f"{address}/progress", headers={"hx-request": "true"})
    assert (gone.status_code, gone.headers["hx-redirect"]) == (204, f"{address}/report")
    done = await browser.get(f"{address}/report")
    assert "1 done, 0 passed over" in plain(done.text)


async def test_above_the_limit_the_page_asks_for_somebody_else_before_the_button_is_pressed(
    browser: Browser, case: Case, app: ASGIApp, database: Database, operator: Operator
) -> None:
    async with database.transaction(operator.operator_id) as tx:
        await tx.execute(
            "INSERT INTO four_eyes_limits (operator_id, currency, amount_minor) VALUES ($1, 'EUR', 498)",
            operator.operator_id,
        )
    address = await case.compare(browser, content("ORDER-1;1,00;EUR;T-1"))
    absent = await browser.get(f"{address}/apply")
    assert "You may apply its rows, not what is missing" in absent.text
    ticked = {"reason": "month's end", "is_complete": "y"}
    refused = await browser.post(f"{address}/apply", ticked)
    assert (refused.status_code, "month&#39;s end" in refused.text) == (422, True)
    address = await case.compare(browser, content(f"{case.reference};4,99;EUR;T-2"))
    shown = await browser.get(f"{address}/apply")
    assert "Somebody else has to apply it" in shown.text
    assert re.search(r'<button class="btn"[^>]* disabled', shown.text)
    assert (await browser.post(f"{address}/apply", {"reason": "month's end"})).status_code == 422
    assert await case.states() == ["UNKNOWN"]
    second = await add_staff(database, operator, "finance")
    async with open_browser(app, operator) as other:
        await other.sign_in(second.email)
        assert "Somebody else has to apply it" not in (await other.get(f"{address}/apply")).text
        assert (await other.post(f"{address}/apply", {"reason": "I looked"})).status_code == 303
    await case.apply(address)
    assert await case.states() == ["GRANTED"]


async def test_a_file_that_names_no_purchase_is_doubted_before_absence_ends_anything(
    browser: Browser, case: Case
) -> None:
    doubt = "Is this the right file?"
    address = await case.compare(browser, content("ORDER-1;1,00;EUR;T-1"))
    assert doubt in (await browser.get(f"{address}/apply")).text
    await case.add_purchase()
    address = await case.compare(browser, content(f"{case.reference};4,99;EUR;T-2"))
    shown = await browser.get(f"{address}/apply")
    assert (doubt in shown.text, "This file is complete" in shown.text) == (False, True)


async def test_the_same_file_again_leads_to_the_first(browser: Browser, case: Case) -> None:
    first = await case.upload(browser, content("ORDER-1;1,00;EUR;T-2"))
    await browser.get(f"{PAGE}/new")
    again = await browser.post(
        f"{PAGE}/new", case.fields(), files={"file": ("again.csv", content("ORDER-1;1,00;EUR;T-2"))}
    )
    assert (again.status_code, again.headers["location"]) == (303, first)
    page = await browser.get(f"{first}/columns")
    assert "This very file was uploaded before" in page.text


async def test_bad_uploads_are_refused_beside_their_fields_and_nothing_is_kept(
    browser: Browser, case: Case, storage: ObjectStorage
) -> None:
    await browser.get(f"{PAGE}/new")
    wrong = {"provision": str(new_id()), "covers_from": "soon", "covers_until": "2026-03-02T12:00"}
    page = await browser.post(f"{PAGE}/new", wrong, files={"file": ("a.csv", b"a,b\n")})
    assert page.status_code == 422
    assert error_at(page, "provision")
    assert error_at(page, "covers_from")
    for sent, said in ((b"only\none\n", "one column"), (b"PK\x03\x04", "cannot be unpacked")):
        page = await browser.post(f"{PAGE}/new", case.fields(), files={"file": ("a.csv", sent)})
        assert (page.status_code, said in error_at(page, "file")) == (422, True)
    page = await browser.post(f"{PAGE}/new", case.fields() | {"covers_until": "2099-01-01T00:00"},
                              files={"file": ("a.csv", b"a,b\n")})  # fmt: skip
    assert error_at(page, "covers_until")
    assert "No settlement file yet" in (await browser.get(PAGE)).text
    assert [key async for key in storage.list("settlement")] == []


async def test_wrong_columns_are_said_beside_their_fields(browser: Browser, case: Case) -> None:
    address = await case.upload(browser, content("ORDER-1;1,00;EUR;T-2"))
    shown = await browser.get(f"{address}/columns")
    fields = proposed_fields(shown.text)
    assert (fields["reference"], fields["amount"], fields["transaction"], fields["has_headings"]) == (
        "0", "1", "3", "y",
    )  # fmt: skip
    page = await browser.post(f"{address}/columns", fields | {"transaction": "0", "kind_by": "column"})
    assert page.status_code == 422
    assert error_at(page, "transaction") == "Another value is read from this column as well."
    assert error_at(page, "kind_column")
    odd = await browser.post(f"{address}/columns", fields | {"surplus": "1"})
    assert odd.status_code == 422


async def test_a_row_is_settled_on_a_page_of_its_own(browser: Browser, case: Case) -> None:
    address = await case.compare(browser, content("ORDER-1;1,00;EUR;T-2"))
    report = await browser.get(f"{address}/report?verdict=ours_only")
    row = re.search(rf'href="({re.escape(address)}/rows/[^"]+)"', report.text)
    assert row is not None
    shown = await browser.get(row[1])
    assert "It lists nothing under this reference." in shown.text
    assert "Give the file up" in report.text
    nothing = await browser.post(row[1], {"reason": "why"})
    assert (nothing.status_code, error_at(nothing, "resolution")) == (422, "Choose one of these.")
    neither = await browser.post(row[1], {})
    assert (error_at(neither, "resolution"), bool(error_at(neither, "reason"))) == (
        "Choose one of these.",
        True,
    )
    settled = await browser.post(row[1], {"resolution": "not_charged", "reason": "their books say so"})
    assert settled.status_code == 303
    assert await case.states() == ["VOID"]
    after = await browser.get(row[1])
    assert "their books say so" in after.text
    assert 'name="resolution"' not in after.text
    assert "Give the file up" not in (await browser.get(f"{address}/report")).text
    assert (await browser.post(f"{address}/cancel", {})).status_code == 409


async def test_the_csv_holds_every_row_and_no_formula(browser: Browser, case: Case) -> None:
    lines = [f"ORDER-{number};1,00;EUR;=HYPERLINK({number})" for number in range(1200)]
    address = await case.compare(browser, content(*lines))
    sent = await browser.get(f"{address}/report.csv")
    rows = sent.text.splitlines()
    assert len(rows) == 1 + 1200 + 1
    assert rows[1].startswith("2,Theirs only,charge,ORDER-0,1.00,EUR,'=HYPERLINK(0),")
    assert rows[-1].startswith(f",Ours only,charge,{case.reference},,,")
    some = await browser.get(f"{address}/report.csv?verdict=ours_only")
    assert len(some.text.splitlines()) == 2


async def test_statements_do_not_grow_with_the_rows(browser: Browser, case: Case) -> None:
    few = await case.compare(browser, content("ORDER-1;1,00;EUR;T-1"))
    many = await case.compare(browser, content(*[f"ORDER-{one};1,00;EUR;T-{one}" for one in range(60)]))
    counts = []
    for address in (few, many):
        with counted_statements() as calls:
            await browser.get(f"{address}/report")
        counts.append(len(calls))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("role", "status"), [("finance", 200), ("integration", 200), ("care", 403), ("catalogue", 403)]
)
async def test_who_may_see_it(
    stranger: Browser, database: Database, operator: Operator, case: Case, role: str, status: int
) -> None:
    staff = await add_staff(database, operator, role)
    await stranger.sign_in(staff.email)
    for path in ("", "/new"):
        assert (await stranger.get(f"{PAGE}{path}")).status_code == status


async def test_integration_uploads_and_finance_decides(
    app: ASGIApp, browser: Browser, database: Database, operator: Operator, case: Case
) -> None:
    address = await case.compare(browser, content("ORDER-1;1,00;EUR;T-1"))
    row = re.search(
        rf'href="({re.escape(address)}/rows/[^"]+)"', (await browser.get(f"{address}/report")).text
    )
    assert row is not None
    staff = await add_staff(database, operator, "integration")
    async with open_browser(app, operator) as other:
        await other.sign_in(staff.email)
        report = await other.get(f"{address}/report")
        assert (report.status_code, "Settle…" in report.text, "Apply…" in report.text) == (200, False, False)
        assert (await other.post(row[1], {"resolution": "accepted", "reason": "x"})).status_code == 403
        assert (await other.post(f"{address}/apply", {"reason": "x"})).status_code == 403
    assert await case.states() == ["UNKNOWN"]


async def test_another_operators_staff_find_nothing(
    app: ASGIApp, browser: Browser, database: Database, other_operator: Operator, case: Case
) -> None:
    address = await case.compare(browser, content("ORDER-1;1,00;EUR;T-1"))
    row = re.search(
        rf'href="({re.escape(address)}/rows/[^"]+)"', (await browser.get(f"{address}/report")).text
    )
    assert row is not None
    theirs = await add_staff(database, other_operator, "admin")
    async with open_browser(app, other_operator) as other:
        await other.sign_in(theirs.email)
        for path in ("", "/columns", "/report", "/progress", "/report.csv", "/apply"):
            assert (await other.get(f"{address}{path}")).status_code == 404, path
        assert (await other.get(row[1])).status_code == 404
        posts: tuple[tuple[str, dict[str, str]], ...] = (("/apply", {"reason": "x"}), ("/cancel", {}))
        for path, fields in posts:
            assert (await other.post(f"{address}{path}", fields)).status_code == 404, path
        settled = await other.post(row[1], {"resolution": "accepted", "reason": "x"})
        assert settled.status_code == 404
    assert "Theirs only" in (await browser.get(f"{address}/report?resolved=open")).text


async def test_with_two_provisions_a_file_belongs_to_neither_until_somebody_says_so(
    browser: Browser, case: Case
) -> None:
    chosen = f'<option value="{case.sale.provision_id}">'
    assert "Choose…" not in (await browser.get(f"{PAGE}/new")).text
    provisions = "/console/crm/products/api-provisions"
    settings = (await browser.get(f"{provisions}/{case.sale.provision_id}/export")).text
    second = {"settings": settings, "name": "Second", "base_url": "https://second.example.org/charge"}
    assert (await browser.post(f"{provisions}/import", second)).status_code == 303
    page = await browser.get(f"{PAGE}/new")
    assert '<option value="">Choose…</option>' in page.text
    assert chosen in page.text
    answer = await browser.post(
        f"{PAGE}/new", case.fields() | {"provision": ""}, files={"file": ("a.csv", b"a;b\n1;2\n")}
    )
    assert answer.status_code == 422
    assert error_at(answer, "provision") == "Choose the provision whose billing wrote the file."
