"""Products with their packages and provisions."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from tests.factories.world import STAFF, World

from matinee.customers.operations import archive_product, restore_product, update_product
from matinee.customers.queries import get_product, list_products, product_choices, products_for_publishing
from matinee.customers.types import PaymentType, Product, ProductInput
from matinee.kernel.errors import Invalid, Refused
from matinee.kernel.ids import new_id
from matinee.kernel.paging import ListQuery


async def _package(world: World, name: str) -> UUID:
    package_id = new_id()
    async with world.database.transaction(world.operator_id) as tx:
        await tx.execute(
            "INSERT INTO packages (operator_id, package_id, name, created_at) VALUES ($1, $2, $3, $4)",
            world.operator_id, package_id, name, await tx.now(),
        )  # fmt: skip
    return package_id


async def _provision(world: World) -> UUID:
    provision_id = new_id()
    async with world.database.transaction(world.operator_id) as tx:
        await tx.execute(
            """INSERT INTO provisions (operator_id, provision_id, name, api_type, current_version, created_at,
                                       updated_at) VALUES ($1, $2, 'Billing', 'movie', 1, $3, $3)""",
            world.operator_id, provision_id, await tx.now(),
        )  # fmt: skip
    return provision_id


async def _get(world: World, product_id: UUID) -> Product:
    async with world.database.transaction(world.operator_id) as tx:
        return await get_product(tx, operator_id=world.operator_id, product_id=product_id)


async def _update(world: World, product_id: UUID, **changes: object) -> Product:
    product = await _get(world, product_id)
    same = {name: getattr(product, name) for name in ProductInput.__struct_fields__}
    async with world.database.transaction(world.operator_id) as tx:
        return await update_product(
            tx, operator_id=world.operator_id, actor=STAFF, product_id=product_id, now=await tx.now(),
            given=msgspec.convert(msgspec.to_builtins(same | changes), ProductInput),
        )  # fmt: skip


async def test_a_product_names_packages_and_a_provision(world: World) -> None:
    packages = (await _package(world, "Drama"), await _package(world, "Family"))
    provision_id = await _provision(world)
    product_id = await world.product(packages=packages, provisions={"movie": provision_id})
    product = await _get(world, product_id)
    assert (product.packages, product.provisions, product.version) == (packages, {"movie": provision_id}, 1)
    changed = await _update(world, product_id, packages=packages[:1])
    assert (changed.packages, changed.version) == (packages[:1], 2)
    assert await world.audit_actions(product_id) == ["product.created", "product.updated"]


async def test_saving_without_a_change_keeps_the_version(world: World) -> None:
    product_id = await world.product(packages=(await _package(world, "Drama"),))
    assert (await _update(world, product_id)).version == 1


async def test_a_name_is_used_once(world: World, neighbour: World) -> None:
    await world.product("Basic")
    await neighbour.product("Basic")
    other = await world.product("Family")
    with pytest.raises(Invalid) as caught:
        await world.product("Basic")
    assert list(caught.value.fields) == ["name"]
    with pytest.raises(Invalid) as caught:
        await _update(world, other, name="Basic")
    assert list(caught.value.fields) == ["name"]


async def test_packages_and_provisions_must_be_the_operators_own(world: World, neighbour: World) -> None:
    theirs = await _package(neighbour, "Drama")
    for changes, field in (
        ({"packages": (theirs,)}, "packages"),
        ({"provisions": {"movie": uuid4()}}, "provisions"),
        ({"provisions": {"opera": await _provision(world)}}, "provisions"),
    ):
        with pytest.raises(Invalid) as caught:
            await world.product("Odd", **changes)
        assert list(caught.value.fields) == [field]


async def test_a_product_that_customers_have_is_not_archived(world: World) -> None:
    product_id = await world.product()
    await world.customer("nora", product_id)
    async with world.database.transaction(world.operator_id) as tx:
        with pytest.raises(Refused) as caught:
            await archive_product(
                tx, operator_id=world.operator_id, actor=STAFF, product_id=product_id, now=await tx.now()
            )
    assert caught.value.code == "product_in_use"
    assert (await _get(world, product_id)).archived_at is None


async def test_nobody_gets_a_product_that_is_being_archived(world: World) -> None:
    product_id = await world.product()
    async with world.database.transaction(world.operator_id) as tx:
        await archive_product(
            tx, operator_id=world.operator_id, actor=STAFF, product_id=product_id, now=await tx.now()
        )
        joining = asyncio.create_task(world.customer("nora", product_id))
        done, _ = await asyncio.wait({joining}, timeout=0.5)
        assert done == set(), "whoever comes second waits for the first"
    with pytest.raises(Invalid) as caught:
        await joining
    assert list(caught.value.fields) == ["product_id"]


async def test_an_archived_product_is_neither_offered_nor_published(world: World) -> None:
    kept, gone = await world.product("Kept"), await world.product("Gone")
    ids: dict[str, Any] = {"operator_id": world.operator_id, "actor": STAFF, "product_id": gone}
    async with world.database.transaction(world.operator_id) as tx:
        await archive_product(tx, now=await tx.now(), **ids)
        published = await products_for_publishing(tx, operator_id=world.operator_id)
        assert [product.product_id for product in published] == [kept]
        assert await product_choices(tx, operator_id=world.operator_id) == [(kept, "Kept")]
    with pytest.raises(Invalid):
        await world.customer("nora", gone)
    async with world.database.transaction(world.operator_id) as tx:
        await restore_product(tx, now=await tx.now(), **ids)
        assert [name for _, name in await product_choices(tx, operator_id=world.operator_id)] == [
            "Gone",
            "Kept",
        ]


async def test_products_are_listed_with_their_numbers(world: World) -> None:
    basic = await world.product("Basic", packages=(await _package(world, "Drama"),))
    await world.product("Credits", payment_type=PaymentType.WALLET, currency="CREDIT", mapping_id="CR-1")
    await world.customer("nora", basic)
    async with world.database.transaction(world.operator_id) as tx:
        page = await list_products(tx, operator_id=world.operator_id, query=ListQuery())
        wallets = await list_products(
            tx, operator_id=world.operator_id, query=ListQuery(filters={"payment_type": "wallet"})
        )
        found = await list_products(tx, operator_id=world.operator_id, query=ListQuery(search="cr-1"))
    assert [(row.name, row.package_count, row.customer_count) for row in page.rows] == [
        ("Basic", 1, 1), ("Credits", 0, 0),
    ]  # fmt: skip
    assert [row.name for row in wallets.rows] == [row.name for row in found.rows] == ["Credits"]


async def test_an_unknown_field_is_refused(world: World) -> None:
    with pytest.raises(TypeError):
        await world.product("Basic", version=9)
