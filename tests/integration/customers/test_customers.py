"""Adding, changing, disabling and finding customers."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from tests.factories.world import STAFF, World

from matinee.customers.operations import disable_customer, enable_customer, update_customer
from matinee.customers.queries import get_customer, list_customers, lock_customer
from matinee.customers.types import Customer, CustomerInput, CustomerStatus
from matinee.kernel.errors import Invalid, NotFound
from matinee.kernel.paging import ListQuery
from matinee.platform import audit


def _input(customer: Customer, **changes: object) -> CustomerInput:
    same: dict[str, Any] = {name: getattr(customer, name) for name in CustomerInput.__struct_fields__}
    return CustomerInput(**(same | changes))


async def _get(world: World, customer_id: UUID) -> Customer:
    async with world.database.transaction(world.operator_id) as tx:
        return await get_customer(tx, operator_id=world.operator_id, customer_id=customer_id)


async def _update(world: World, customer_id: UUID, **changes: object) -> Customer:
    given = _input(await _get(world, customer_id), **changes)
    async with world.database.transaction(world.operator_id) as tx:
        return await update_customer(
            tx, operator_id=world.operator_id, actor=STAFF, customer_id=customer_id, given=given,
            now=await tx.now(),
        )  # fmt: skip


async def _names(world: World, **query: object) -> list[str]:
    async with world.database.transaction(world.operator_id) as tx:
        page = await list_customers(
            tx, operator_id=world.operator_id, query=ListQuery(**query), now=await tx.now()  # type: ignore[arg-type]
        )  # fmt: skip
    assert page.total == len(page.rows)
    return [row.username for row in page.rows]


async def test_a_customer_is_read_as_it_was_added(world: World) -> None:
    product_id = await world.product()
    customer_id = await world.customer("Nora", product_id, city="Delft", mapping_id="C-1", country="NL")
    customer = await _get(world, customer_id)
    assert (customer.username, customer.display_name, customer.city, customer.mapping_id) == (
        "nora", "Nora Vos", "Delft", "C-1",
    )  # fmt: skip
    assert customer.status is CustomerStatus.ACTIVE
    assert await world.audit_actions(customer_id) == ["customer.created"]


async def test_user_names_and_mapping_ids_are_unique_in_an_operator(world: World, neighbour: World) -> None:
    product_id = await world.product()
    await world.customer("nora", product_id, mapping_id="C-1")
    with pytest.raises(Invalid) as caught:
        await world.customer("NORA", product_id, mapping_id="C-1")
    assert sorted(caught.value.fields) == ["mapping_id", "username"]
    assert await _names(world) == ["nora"]
    await neighbour.customer("nora", await neighbour.product(), mapping_id="C-1")


async def test_a_name_that_was_given_up_is_free_again(world: World) -> None:
    product_id = await world.product()
    first = await world.customer("nora", product_id, mapping_id="C-1")
    await _update(world, first, username="nora2", mapping_id="")
    await world.customer("nora", product_id, mapping_id="C-1")
    with pytest.raises(Invalid) as caught:
        await _update(world, first, username="nora")
    assert list(caught.value.fields) == ["username"]
    assert (await _get(world, first)).username == "nora2"


async def test_the_trail_tells_what_changed_but_not_who_the_customer_is(world: World) -> None:
    customer_id = await world.customer("nora", await world.product())
    await _update(
        world, customer_id, last_name="Secretname", spending_limit_minor=2000, spending_limit_currency="EUR"
    )
    async with world.database.transaction(world.operator_id) as tx:
        entries = await audit.entries_about(
            tx, operator_id=world.operator_id, subject_kind="customer", subject_id=customer_id
        )
    assert entries[0].action == "customer.updated"
    assert entries[0].details == {
        "changed": ["last_name", "spending_limit_minor", "spending_limit_currency"],
        "spending_limit_minor": {"from": None, "to": 2000},
        "spending_limit_currency": {"from": None, "to": "EUR"},
    }


async def test_saving_without_a_change_leaves_no_trace(world: World) -> None:
    customer_id = await world.customer("nora", await world.product())
    await _update(world, customer_id)
    assert await world.audit_actions(customer_id) == ["customer.created"]


@pytest.mark.parametrize("status", [CustomerStatus.PENDING, CustomerStatus.TRIAL])
async def test_enabling_gives_back_the_status_from_before(world: World, status: CustomerStatus) -> None:
    customer_id = await world.customer("nora", await world.product(), status=status)
    ids: dict[str, Any] = {"operator_id": world.operator_id, "customer_id": customer_id}
    async with world.database.transaction(world.operator_id) as tx:
        await disable_customer(tx, actor=STAFF, reason="asked to", now=await tx.now(), **ids)
    async with world.database.transaction(world.operator_id) as tx:
        await enable_customer(tx, actor=STAFF, reason="asked back", now=await tx.now(), **ids)
        assert (await lock_customer(tx, **ids)).status is status


async def test_an_unknown_product_is_refused(world: World) -> None:
    with pytest.raises(Invalid) as caught:
        await world.customer("nora", uuid4())
    assert list(caught.value.fields) == ["product_id"]


async def test_disabling_needs_a_reason_and_enabling_brings_back(world: World) -> None:
    customer_id = await world.customer("nora", await world.product(is_trial=True))
    ids: dict[str, Any] = {"operator_id": world.operator_id, "customer_id": customer_id}
    async with world.database.transaction(world.operator_id) as tx:
        with pytest.raises(Invalid):
            await disable_customer(tx, actor=STAFF, reason=" ", now=await tx.now(), **ids)
        assert (await lock_customer(tx, **ids)).status is CustomerStatus.ACTIVE
        await disable_customer(tx, actor=STAFF, reason="asked to", now=await tx.now(), **ids)
        assert (await lock_customer(tx, **ids)).status is CustomerStatus.DISABLED
    assert (await _update(world, customer_id, status=CustomerStatus.ACTIVE)).status is CustomerStatus.DISABLED
    async with world.database.transaction(world.operator_id) as tx:
        await enable_customer(tx, actor=STAFF, reason="asked back", now=await tx.now(), **ids)
        assert (await lock_customer(tx, **ids)).status is CustomerStatus.ACTIVE
    assert await world.audit_actions(customer_id) == [
        "customer.created", "customer.disabled", "customer.enabled",
    ]  # fmt: skip


async def test_a_neighbours_customer_does_not_exist(world: World, neighbour: World) -> None:
    theirs = await neighbour.customer("nora", await neighbour.product())
    with pytest.raises(NotFound):
        await _get(world, theirs)
    async with world.database.transaction(world.operator_id) as tx:
        with pytest.raises(NotFound):
            await get_customer(tx, operator_id=neighbour.operator_id, customer_id=theirs)


async def test_customers_are_found_by_name_user_name_mail_and_mapping_id(world: World) -> None:
    product_id = await world.product()
    await world.customer("nora", product_id, email="n@example.com", mapping_id="C-100")
    await world.customer("p_t", product_id, first_name="Piet", last_name="Abel")
    assert await _names(world) == ["p_t", "nora"]
    assert await _names(world, search="vos NORA") == ["nora"]
    assert await _names(world, search="example.com") == ["nora"]
    assert await _names(world, search="c-100") == ["nora"]
    assert await _names(world, search="p_t") == ["p_t"]
    assert await _names(world, search="_") == ["p_t"]
    assert await _names(world, search="%") == []
    assert await _names(world, sort="-username") == ["p_t", "nora"]


async def test_the_status_filter_agrees_with_the_status_shown(world: World) -> None:
    product_id = await world.product()
    past, future = datetime(2026, 1, 2, tzinfo=UTC), await world.now() + timedelta(days=9)
    await world.customer("active", product_id)
    await world.customer("trial", product_id, status=CustomerStatus.TRIAL, expires_at=future)
    await world.customer("waiting", product_id, status=CustomerStatus.PENDING)
    await world.customer("tomorrow", product_id, starts_at=future)
    await world.customer("expired", product_id, expires_at=past)
    off = await world.customer("off", product_id, expires_at=past)
    async with world.database.transaction(world.operator_id) as tx:
        await disable_customer(
            tx, operator_id=world.operator_id, actor=STAFF, customer_id=off, reason="x", now=await tx.now()
        )
    found = {}
    for status in ("pending", "trial", "active", "subscription_expired", "disabled", "nonsense"):
        query = ListQuery(filters={"status": status}, sort="username")
        async with world.database.transaction(world.operator_id) as tx:
            page = await list_customers(tx, operator_id=world.operator_id, query=query, now=await tx.now())
        assert {row.status for row in page.rows} <= {status}
        found[status] = [row.username for row in page.rows]
    assert found == {
        "pending": ["tomorrow", "waiting"], "trial": ["trial"], "active": ["active"],
        "subscription_expired": ["expired"], "disabled": ["off"], "nonsense": [],
    }  # fmt: skip


async def test_customers_are_filtered_by_product(world: World) -> None:
    basic, family = await world.product("Basic"), await world.product("Family")
    await world.customer("nora", basic)
    await world.customer("piet", family)
    assert await _names(world, filters={"product": str(family)}) == ["piet"]


def test_input_and_customer_name_their_fields_alike() -> None:
    assert set(CustomerInput.__struct_fields__) <= set(Customer.__struct_fields__)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"password_hash": "x"}, CustomerInput)
