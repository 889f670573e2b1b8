"""Packages: names are taken once, and use is counted."""

import pytest
from tests.factories.catalogue import Catalogue

from matinee.catalog.operations import archive_item, create_package, delete_package, rename_package
from matinee.catalog.queries import list_packages, package_choices
from matinee.catalog.types import ItemKind
from matinee.kernel.errors import Invalid, NotFound
from matinee.kernel.paging import ListQuery


async def test_names_are_taken_once_per_operator(catalogue: Catalogue, neighbour: Catalogue) -> None:
    first = await catalogue.package("Basic")
    await neighbour.package("Basic")
    second = await catalogue.package("Gold")
    for refused in (
        catalogue.run(create_package, name=" Basic "),
        catalogue.run(rename_package, package_id=second, name="Basic"),
        catalogue.run(create_package, name="BASIC"),
        catalogue.run(rename_package, package_id=second, name="basic"),
        catalogue.run(create_package, name="  "),
    ):
        with pytest.raises(Invalid) as caught:
            await refused
        assert list(caught.value.fields) == ["name"]
    await catalogue.run(rename_package, package_id=first, name="Family")
    await catalogue.run(rename_package, package_id=second, name="GOLD")
    assert [package.name for package in await catalogue.ask(package_choices)] == ["Family", "GOLD"]
    assert await catalogue.audit_actions(first) == ["package.created", "package.renamed"]


async def test_the_list_counts_movies_that_are_not_archived(catalogue: Catalogue) -> None:
    basic = await catalogue.package("Basic")
    await catalogue.package("Gold")
    await catalogue.movie("A", package_ids=frozenset({basic}))
    away = await catalogue.movie("B", package_ids=frozenset({basic}))
    await catalogue.run(archive_item, kind=ItemKind.MOVIE, item_id=away.item_id)
    page = await catalogue.ask(list_packages, query=ListQuery(sort="-items"))
    assert [(row.name, row.item_count) for row in page.rows] == [("Basic", 1), ("Gold", 0)]
    found = await catalogue.ask(list_packages, query=ListQuery(search="gOL"))
    assert [row.name for row in found.rows] == ["Gold"]


async def test_a_package_is_removed_without_its_movies(catalogue: Catalogue, neighbour: Catalogue) -> None:
    basic = await catalogue.package()
    await catalogue.movie(package_ids=frozenset({basic}))
    with pytest.raises(NotFound):
        await neighbour.run(delete_package, package_id=basic)
    await catalogue.run(delete_package, package_id=basic)
    assert await catalogue.ask(package_choices) == []
    assert await catalogue.audit_actions(basic) == ["package.created", "package.deleted"]
