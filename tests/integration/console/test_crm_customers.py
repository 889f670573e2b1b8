"""CRM > Customers: the list, adding one, the tabs and their actions."""

import re
from uuid import UUID, uuid4

import pytest
from litestar.types import ASGIApp
from tests.factories.world import PASSWORD as SUBSCRIBER_PASSWORD
from tests.factories.world import World
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.counting import counted_statements
from tests.integration.console.pages import cells, error_at, plain

from matinee.customers.jobs import sign_in_subscriber
from matinee.customers.queries import get_customer, session_by_token, sign_in_candidate
from matinee.customers.types import (
    Customer,
    CustomerStatus,
    DeviceCategory,
    DeviceInput,
    PaymentType,
    SignedIn,
)
from matinee.kernel.errors import NotSignedIn
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.passwords import verify_password

CUSTOMERS = "/console/crm/customers"
PERSON = {
    "first_name": "Nora", "last_name": "Vos", "username": "Nora", "mapping_id": "C-1", "email": "nora@example.com",
    "phone": "", "street": "Kade 1", "zip": "2611", "city": "Delft", "state": "", "country": "NL",
}  # fmt: skip


@pytest.fixture
def world(database: Database, operator: Operator) -> World:
    return World(database, operator)


@pytest.fixture
async def product_id(world: World) -> UUID:
    return await world.product()


def _subscription(product_id: UUID, **changes: str) -> dict[str, str]:
    return {
        "product_id": str(product_id), "status": "active", "starts_at": "2026-03-01T10:00", "expires_at": "",
        "spending_limit": "",
    } | changes  # fmt: skip


async def _customer(world: World, customer_id: UUID) -> Customer:
    async with world.database.transaction(world.operator_id) as tx:
        return await get_customer(tx, operator_id=world.operator_id, customer_id=customer_id)


async def _only_customer(world: World) -> Customer:
    async with world.database.transaction(world.operator_id) as tx:
        found = await tx.fetch("SELECT customer_id FROM customers")
    assert len(found) == 1
    return await _customer(world, found[0]["customer_id"])


async def _sign_in(world: World, username: str) -> SignedIn:
    device = DeviceInput(device_id=uuid4(), category=DeviceCategory.TV, model="Loewe 55")
    return await sign_in_subscriber(
        world.database, operator_id=world.operator_id, username=username, password=SUBSCRIBER_PASSWORD,
        device=device, address="192.0.2.1",
    )  # fmt: skip


async def _is_signed_in(world: World, token: str) -> bool:
    async with world.database.transaction(world.operator_id) as tx:
        found = await session_by_token(tx, operator_id=world.operator_id, token=token, now=await tx.now())
    return found is not None


async def test_the_list_shows_searches_and_filters(browser: Browser, world: World, product_id: UUID) -> None:
    family = await world.product("Family")
    await world.customer("nora", product_id, mapping_id="C-1")
    await world.customer("piet", family, first_name="Piet", last_name="Abel", status=CustomerStatus.TRIAL)
    page = await browser.get(CUSTOMERS)
    assert cells(page)[:5] == ["Piet Abel", "piet", "—", "Family", "Trial"]
    assert "1–2 of 2 customers" in plain(page.text)
    assert cells(await browser.get(f"{CUSTOMERS}?q=c-1"))[0] == "Nora Vos"
    assert cells(await browser.get(f"{CUSTOMERS}?status=trial"))[0] == "Piet Abel"
    assert cells(await browser.get(f"{CUSTOMERS}?product={product_id}"))[1] == "nora"
    assert "Nothing fits" in (await browser.get(f"{CUSTOMERS}?q=nobody")).text


async def test_the_download_has_every_row_and_no_formulas(
    browser: Browser, world: World, product_id: UUID
) -> None:
    await world.customer("nora", product_id, first_name="=HYPERLINK(1)")
    download = await browser.get(f"{CUSTOMERS}.csv")
    assert download.text.splitlines()[1].startswith("'=HYPERLINK(1) Vos,nora,,,Basic,active,")


async def test_the_list_sends_as_many_statements_for_many_rows(
    browser: Browser, world: World, product_id: UUID
) -> None:
    await world.customer("nora", product_id)
    with counted_statements() as few:
        await browser.get(CUSTOMERS)
    for number in range(5):
        await world.customer(f"c{number}", product_id)
    with counted_statements() as many:
        await browser.get(CUSTOMERS)
    assert len(many) == len(few)


async def test_a_customer_is_added(browser: Browser, world: World, product_id: UUID) -> None:
    form = PERSON | _subscription(product_id, expires_at="2027-03-01T10:00", spending_limit="25,50")
    answer = await browser.post(f"{CUSTOMERS}/new", form | {"password": "a long password"})
    customer = await _only_customer(world)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{CUSTOMERS}/{customer.customer_id}")
    assert (customer.username, customer.city, customer.country) == ("nora", "Delft", "NL")
    assert customer.starts_at.isoformat() == "2026-03-01T09:00:00+00:00"
    assert (customer.spending_limit_minor, customer.status) == (2550, CustomerStatus.ACTIVE)
    async with world.database.transaction(world.operator_id) as tx:
        candidate = await sign_in_candidate(tx, operator_id=world.operator_id, username="nora")
    assert candidate is not None
    assert await verify_password("a long password", candidate.password_hash, party=None)
    page = await browser.get(answer.headers["location"])
    assert "Nora Vos" in page.text
    assert "They can sign in now" in page.text


async def test_everything_that_is_wrong_is_listed_at_once_and_nothing_typed_is_lost(
    browser: Browser, world: World, product_id: UUID
) -> None:
    await world.customer("nora", product_id)
    form = PERSON | _subscription(product_id, starts_at="soon", spending_limit="much") | {"product_id": ""}
    wrong = {"username": "a b", "email": "nobody", "street": "4111 1111 1111 1111", "password": "short"}
    page = await browser.post(f"{CUSTOMERS}/new", form | wrong)
    assert page.status_code == 422
    fields = ("username", "email", "street", "password", "product_id", "starts_at", "spending_limit")
    assert [name for name in fields if not error_at(page, name)] == []
    for text in ("a b", "nobody", "Delft", "soon", "much"):
        assert f'value="{text}"' in page.text
    assert 'href="#username"' in page.text
    await _only_customer(world)


async def test_a_taken_user_name_is_said_beside_it(browser: Browser, world: World, product_id: UUID) -> None:
    await world.customer("nora", product_id)
    form = PERSON | _subscription(product_id) | {"password": "a long password"}
    page = await browser.post(f"{CUSTOMERS}/new", form)
    assert page.status_code == 422
    assert error_at(page, "username") == "Another customer has this user name."


async def test_a_field_that_the_form_does_not_have_is_refused(
    browser: Browser, world: World, product_id: UUID
) -> None:
    form = PERSON | _subscription(product_id) | {"password": "a long password", "password_hash": "x"}
    assert (await browser.post(f"{CUSTOMERS}/new", form)).status_code == 422
    async with world.database.transaction(world.operator_id) as tx:
        assert await tx.fetch("SELECT 1 FROM customers") == []


async def test_a_character_that_no_database_stores_is_refused(browser: Browser, stranger: Browser) -> None:
    assert (await browser.post(f"{CUSTOMERS}/new", {"email": "a\0@example.com"})).status_code == 422
    answer = await stranger.post("/console/sign-in", {"email": "a\0", "password": "x", "next": ""})
    assert answer.status_code == 422


async def test_the_info_tab_saves_who_the_customer_is(
    browser: Browser, world: World, product_id: UUID
) -> None:
    customer_id = await world.customer("nora", product_id)
    before = await _customer(world, customer_id)
    answer = await browser.post(f"{CUSTOMERS}/{customer_id}", PERSON | {"last_name": "Bos"})
    assert answer.status_code == 303
    after = await _customer(world, customer_id)
    assert (after.last_name, after.street) == ("Bos", "Kade 1")
    assert (after.starts_at, after.product_id, after.status) == (before.starts_at, product_id, before.status)
    page = await browser.post(f"{CUSTOMERS}/{customer_id}", PERSON | {"last_name": "", "first_name": ""})
    assert (page.status_code, error_at(page, "first_name")) == (422, "Enter a first or a last name.")


async def test_the_subscription_tab_saves_product_dates_and_limit(
    browser: Browser, world: World, product_id: UUID
) -> None:
    customer_id = await world.customer("nora", product_id)
    wallet = await world.product("Credits", payment_type=PaymentType.WALLET, currency="CREDIT")
    page = await browser.get(f"{CUSTOMERS}/{customer_id}/subscription")
    assert 'value="2026-01-01T01:00"' in page.text
    form = _subscription(
        wallet, starts_at="2026-01-01T01:00", expires_at="2026-06-30T12:00", spending_limit="30"
    )
    assert (await browser.post(f"{CUSTOMERS}/{customer_id}/subscription", form)).status_code == 303
    after = await _customer(world, customer_id)
    assert (after.product_id, after.spending_limit_minor) == (wallet, 30)
    assert after.expires_at is not None
    assert after.expires_at.isoformat() == "2026-06-30T10:00:00+00:00"
    wrong = form | {"expires_at": "2025-06-30T12:00"}
    page = await browser.post(f"{CUSTOMERS}/{customer_id}/subscription", wrong)
    assert (page.status_code, error_at(page, "expires_at")) == (
        422,
        "The subscription must end after it starts.",
    )


async def test_two_people_who_edit_at_once_do_not_overwrite_each_other(
    browser: Browser, world: World, product_id: UUID
) -> None:
    customer_id = await world.customer("nora", product_id)
    path, version = f"{CUSTOMERS}/{customer_id}", str((await _customer(world, customer_id)).version)
    other = await world.product("Other")
    assert f'name="version" type="hidden" value="{version}"' in (await browser.get(path)).text
    assert (await browser.post(path, PERSON | {"city": "First", "version": version})).status_code == 303
    late = await browser.post(path, PERSON | {"city": "Second", "version": version})
    assert late.status_code == 409
    assert 'value="Second"' in late.text
    assert "Saved meanwhile: First" in plain(late.text)
    assert '<a href="#city">City</a>: Something else is saved now.' in late.text
    form = _subscription(other) | {"version": version}
    subscription = await browser.post(f"{path}/subscription", form)
    assert subscription.status_code == 409
    assert "Saved meanwhile: Basic" in plain(subscription.text)
    after = await _customer(world, customer_id)
    assert (after.city, after.product_id) == ("First", product_id)
    again = PERSON | {"city": "Second", "version": str(after.version)}
    assert (await browser.post(path, again)).status_code == 303


async def test_disabling_signs_every_device_out(browser: Browser, world: World, product_id: UUID) -> None:
    customer_id = await world.customer("nora", product_id)
    token = (await _sign_in(world, "nora")).token
    path = f"{CUSTOMERS}/{customer_id}"
    asked = await browser.post(f"{path}/disable", {"reason": "4111 1111 1111 1111"})
    assert asked.status_code == 422
    assert "card number" in error_at(asked, "reason")
    assert ">4111 1111 1111 1111</textarea>" in asked.text.replace("\r\n", "").replace("\n", "")
    assert await _is_signed_in(world, token)
    assert (await browser.post(f"{path}/disable", {"reason": "moved away"})).status_code == 303
    assert not await _is_signed_in(world, token)
    with pytest.raises(NotSignedIn):
        await _sign_in(world, "nora")
    assert "Disabled" in (await browser.get(path)).text
    assert (await browser.post(f"{path}/enable", {"reason": "came back"})).status_code == 303
    await _sign_in(world, "nora")
    activity = cells(await browser.get(f"{path}/activity"))
    assert [text for text in activity if text in ("Enabled", "Disabled")] == ["Enabled", "Disabled"]
    assert "moved away" in activity


async def test_erasing_leaves_nobody_and_cannot_be_undone(
    browser: Browser, world: World, product_id: UUID
) -> None:
    customer_id = await world.customer("nora", product_id)
    token = (await _sign_in(world, "nora")).token
    path = f"{CUSTOMERS}/{customer_id}"
    assert 'action="' + f"{path}/erase" not in (await browser.get(path)).text  # first it is disabled
    assert (await browser.post(f"{path}/disable", {"reason": "asked"})).status_code == 303
    assert f"{path}/erase" in (await browser.get(path)).text
    assert (await browser.post(f"{path}/erase", {"reason": " "})).status_code == 422
    assert "Vos" in (await browser.get(path)).text
    assert (await browser.post(f"{path}/erase", {"reason": "asked for it"})).status_code == 303
    page = (await browser.get(path)).text
    assert "Personal data erased" in page
    assert "Erased customer" in page
    assert cells(await browser.get(CUSTOMERS))[:3] == ["Erased customer", "—", "—"]
    for gone in ("Nora", "Vos", "nora", f"{path}/enable", f"{path}/erase", "Set the new password"):
        assert gone not in page
    assert not await _is_signed_in(world, token)
    for again, form in (("enable", {"reason": "came back"}), ("password", {"password": "a long password"})):
        assert (await browser.post(f"{path}/{again}", form)).status_code == 409
    await world.customer("nora", product_id)  # the user name is free
    assert "Nora" not in (await browser.get(f"{path}/activity")).text


async def test_a_new_password_signs_every_device_out(
    browser: Browser, world: World, product_id: UUID
) -> None:
    customer_id = await world.customer("nora", product_id)
    token = (await _sign_in(world, "nora")).token
    path = f"{CUSTOMERS}/{customer_id}/password"
    assert (await browser.post(path, {"password": "short"})).status_code == 422
    assert await _is_signed_in(world, token)
    assert (await browser.post(path, {"password": "another long password"})).status_code == 303
    assert not await _is_signed_in(world, token)


async def test_a_device_is_listed_and_removed(browser: Browser, world: World, product_id: UUID) -> None:
    customer_id = await world.customer("nora", product_id)
    signed_in = await _sign_in(world, "nora")
    path = f"{CUSTOMERS}/{customer_id}/devices"
    page = await browser.get(path)
    assert "1 of 5 places taken" in page.text
    assert "Loewe 55" in page.text
    form = {"device_id": str(signed_in.session.device_id), "reason": "sold"}
    assert (await browser.post(f"{path}/remove", form | {"reason": " "})).status_code == 422
    assert (await browser.post(f"{path}/remove", form)).status_code == 303
    assert not await _is_signed_in(world, signed_in.token)
    assert "0 of 5 places taken" in (await browser.get(path)).text
    assert (await browser.post(f"{path}/remove", form)).status_code == 404


async def test_credits_are_added_with_a_reason(browser: Browser, world: World) -> None:
    product_id = await world.product("Credits", payment_type=PaymentType.WALLET, currency="CREDIT")
    path = f"{CUSTOMERS}/{await world.customer('piet', product_id)}/wallet"
    page = await browser.post(path, {"credits": "many", "reason": ""})
    assert page.status_code == 422
    assert error_at(page, "credits")
    assert error_at(page, "reason")
    assert 'value="many"' in page.text
    assert (await browser.post(path, {"credits": "25", "reason": "paid at the desk"})).status_code == 303
    assert "25 credits" in (await browser.get(path)).text


async def test_only_care_may_change_customers(
    app: ASGIApp, database: Database, operator: Operator, world: World, product_id: UUID
) -> None:
    customer_id = await world.customer("nora", product_id)
    staff = await add_staff(database, operator, "catalogue")
    async with open_browser(app, operator) as looking:
        await looking.sign_in(staff.email)
        page = await looking.get(CUSTOMERS)
        assert page.status_code == 200
        assert "Add customer" not in page.text
        for path in ("", "/subscription", "/devices", "/activity", "/content"):
            assert (await looking.get(f"{CUSTOMERS}/{customer_id}{path}")).status_code == 200
        assert (await looking.get(f"{CUSTOMERS}/new")).status_code == 403
        for path in ("new", f"{customer_id}", f"{customer_id}/subscription", f"{customer_id}/disable",
                     f"{customer_id}/erase",
                     f"{customer_id}/enable", f"{customer_id}/password", f"{customer_id}/devices/remove",
                     f"{customer_id}/wallet"):  # fmt: skip
            assert (await looking.post(f"{CUSTOMERS}/{path}", {})).status_code == 403
    assert await world.audit_actions(customer_id) == ["customer.created"]


async def test_a_neighbours_customer_does_not_exist(
    browser: Browser, database: Database, other_operator: Operator
) -> None:
    neighbour = World(database, other_operator)
    customer_id = await neighbour.customer("nora", await neighbour.product())
    for path in ("", "/subscription", "/devices", "/wallet", "/activity", "/content", f"/content/{uuid4()}"):
        assert (await browser.get(f"{CUSTOMERS}/{customer_id}{path}")).status_code == 404
    reason, person = {"reason": "x"}, PERSON | {"username": "other"}
    posts = [("", person), ("/disable", reason), ("/enable", reason), ("/erase", reason),
             ("/password", {"password": "a long password"}),
             ("/devices/remove", reason | {"device_id": str(uuid4())}), ("/wallet", reason | {"credits": "5"}),
             ("/subscription", _subscription(uuid4()))]  # fmt: skip
    for path, form in posts:
        assert (await browser.post(f"{CUSTOMERS}/{customer_id}{path}", form)).status_code == 404
    assert await neighbour.audit_actions(customer_id) == ["customer.created"]
    assert re.search(r"No customers yet", (await browser.get(CUSTOMERS)).text)
