"""CRM > Products: payment type, currency, packages and the provision that charges."""

import re
from uuid import UUID, uuid4

import httpx
import pytest
from litestar.types import ASGIApp
from tests.factories.world import STAFF, World
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.counting import counted_statements
from tests.integration.console.pages import cells, error_at, plain

from matinee.catalog.operations.packages import create_package
from matinee.customers.queries import get_product, list_products
from matinee.customers.types import PaymentType, Product
from matinee.kernel.paging import ListQuery
from matinee.platform.db import Database
from matinee.platform.operators import Operator

PRODUCTS = "/console/crm/products"
FORM = {
    "name": "Basic", "mapping_id": "B-1", "payment_type": "api", "currency": "EUR", "movie_provision": "",
    "max_devices": "5", "max_streams": "2",
}  # fmt: skip


@pytest.fixture
def world(database: Database, operator: Operator) -> World:
    return World(database, operator)


async def _products(world: World) -> list[Product]:
    async with world.database.transaction(world.operator_id) as tx:
        page = await list_products(tx, operator_id=world.operator_id, query=ListQuery())
        return [
            await get_product(tx, operator_id=world.operator_id, product_id=row.product_id)
            for row in page.rows
        ]


async def _package(world: World, name: str) -> UUID:
    async with world.database.transaction(world.operator_id) as tx:
        package = await create_package(
            tx, operator_id=world.operator_id, actor=STAFF, name=name, now=await tx.now()
        )
    return package.package_id


async def test_a_product_is_added_listed_and_changed(browser: Browser, world: World) -> None:
    package_id = await _package(world, "Drama")
    answer = await browser.post(f"{PRODUCTS}/new", FORM | {"packages": [str(package_id)], "is_trial": "y"})
    assert answer.status_code == 303
    [product] = await _products(world)
    assert (product.name, product.payment_type, product.packages) == ("Basic", PaymentType.API, (package_id,))
    assert product.is_trial
    assert cells(await browser.get(PRODUCTS))[:6] == [
        "Basic Trial",
        "B-1",
        "Operator's billing",
        "EUR",
        "1",
        "0",
    ]
    page = await browser.get(f"{PRODUCTS}/{product.product_id}")
    assert 'value="B-1"' in page.text
    changed = FORM | {"name": "Plus", "max_streams": "4"}
    assert (await browser.post(f"{PRODUCTS}/{product.product_id}", changed)).status_code == 303
    [product] = await _products(world)
    assert (product.name, product.max_streams, product.packages, product.version) == ("Plus", 4, (), 2)
    assert "Product changed" in (await browser.get(f"{PRODUCTS}/{product.product_id}")).text


async def test_a_wallet_is_always_paid_in_credits(browser: Browser, world: World) -> None:
    await browser.post(f"{PRODUCTS}/new", FORM | {"payment_type": "wallet"})
    [product] = await _products(world)
    assert (product.payment_type, product.currency) == (PaymentType.WALLET, "CREDIT")


async def test_currencies_are_those_of_the_movie_form_and_the_one_saved_before(
    browser: Browser, world: World
) -> None:
    def offered(page: httpx.Response, select: str) -> list[str]:
        found = re.search(rf'<select[^>]*name="{select}"[^>]*>(.*?)</select>', page.text, re.DOTALL)
        assert found is not None
        return [plain(label) for label in re.findall(r"<option[^>]*>(.*?)</option>", found[1], re.DOTALL)]

    product = offered(await browser.get(f"{PRODUCTS}/new"), "currency")
    movie = offered(await browser.get("/console/cms/movies/new"), "prices-0-currency")
    assert product == [label for label in movie if label != "Wallet credits"]
    assert product[0].startswith("EUR – ")
    assert [label for label in product if label.startswith("ADP")] == []
    await browser.post(f"{PRODUCTS}/new", FORM | {"currency": "HRK"})
    [saved] = await _products(world)
    assert "HRK" in offered(await browser.get(f"{PRODUCTS}/{saved.product_id}"), "currency")


async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    browser: Browser, world: World
) -> None:
    wrong = {"name": "", "currency": "XYZ", "max_devices": "many", "mapping_id": "a b"}
    page = await browser.post(f"{PRODUCTS}/new", FORM | wrong)
    assert page.status_code == 422
    assert [
        name for name in ("name", "currency", "max_devices", "mapping_id") if not error_at(page, name)
    ] == []
    assert 'value="many"' in page.text
    assert 'value="a b"' in page.text
    unknown = await browser.post(f"{PRODUCTS}/new", FORM | {"packages": [str(uuid4())]})
    assert (unknown.status_code, bool(error_at(unknown, "packages"))) == (422, True)
    odd = await browser.post(f"{PRODUCTS}/new", FORM | {"payment_type": "gold", "movie_provision": "x"})
    assert (odd.status_code, bool(error_at(odd, "payment_type"))) == (422, True)
    assert (await browser.post(f"{PRODUCTS}/new", FORM | {"stock": "9"})).status_code == 422
    assert await _products(world) == []


async def test_two_people_who_edit_at_once_do_not_overwrite_each_other(
    browser: Browser, world: World
) -> None:
    path = f"{PRODUCTS}/{await world.product()}"
    assert 'name="version" type="hidden" value="1"' in (await browser.get(path)).text
    assert (await browser.post(path, FORM | {"name": "First", "version": "1"})).status_code == 303
    late = await browser.post(path, FORM | {"name": "Second", "version": "1"})
    assert late.status_code == 409
    assert 'value="Second"' in late.text
    assert "Saved meanwhile: First" in plain(late.text)
    assert [product.name for product in await _products(world)] == ["First"]
    assert 'name="version" type="hidden" value="2"' in late.text
    assert (await browser.post(path, FORM | {"name": "Second", "version": "2"})).status_code == 303


async def test_a_product_in_use_is_not_archived(browser: Browser, world: World) -> None:
    product_id = await world.product()
    customer_id = await world.customer("nora", product_id)
    refused = await browser.post(f"{PRODUCTS}/{product_id}/archive")
    assert refused.status_code == 409
    assert "1 customer has this product" in refused.text
    other = await world.product("Other")
    path = f"/console/crm/customers/{customer_id}/subscription"
    form = {
        "product_id": str(other), "status": "active", "starts_at": "2026-01-01T01:00", "expires_at": "",
        "spending_limit": "",
    }  # fmt: skip
    assert (await browser.post(path, form)).status_code == 303
    assert (await browser.post(f"{PRODUCTS}/{product_id}/archive")).status_code == 303
    assert cells(await browser.get(PRODUCTS))[0] == "Other"
    assert cells(await browser.get(f"{PRODUCTS}?archived=yes"))[0] == "Basic Archived"
    assert (await browser.post(f"{PRODUCTS}/{product_id}/restore")).status_code == 303
    assert await world.audit_actions(product_id) == [
        "product.created",
        "product.archived",
        "product.restored",
    ]


async def test_the_list_sends_as_many_statements_for_many_rows(browser: Browser, world: World) -> None:
    await world.product("One")
    with counted_statements() as few:
        await browser.get(PRODUCTS)
    for number in range(5):
        await world.product(f"P{number}")
    with counted_statements() as many:
        await browser.get(PRODUCTS)
    assert len(many) == len(few)


async def test_only_care_may_change_products(
    app: ASGIApp, database: Database, operator: Operator, world: World
) -> None:
    product_id = await world.product()
    staff = await add_staff(database, operator, "finance")
    async with open_browser(app, operator) as looking:
        await looking.sign_in(staff.email)
        assert (await looking.get(f"{PRODUCTS}/{product_id}")).status_code == 200
        assert (await looking.get(f"{PRODUCTS}/new")).status_code == 403
        for path in ("new", f"{product_id}", f"{product_id}/archive", f"{product_id}/restore"):
            assert (await looking.post(f"{PRODUCTS}/{path}", FORM)).status_code == 403
    assert await world.audit_actions(product_id) == ["product.created"]


async def test_a_neighbours_product_does_not_exist(
    browser: Browser, database: Database, other_operator: Operator
) -> None:
    neighbour = World(database, other_operator)
    product_id = await neighbour.product()
    assert (await browser.get(f"{PRODUCTS}/{product_id}")).status_code == 404
    for path in ("", "/archive", "/restore"):
        form = FORM if not path else {}
        assert (await browser.post(f"{PRODUCTS}/{product_id}{path}", form)).status_code == 404
    assert await neighbour.audit_actions(product_id) == ["product.created"]
