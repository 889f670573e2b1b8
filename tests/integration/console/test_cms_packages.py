"""CMS > Packages, page by page."""

from tests.factories.catalogue import Catalogue
from tests.factories.world import World
from tests.integration.console.conftest import Browser
from tests.integration.console.pages import cells, error_at, link

from matinee.catalog.queries import package_choices
from matinee.platform.db import Database
from matinee.platform.operators import Operator

PATH = "/console/cms/packages"


async def test_a_package_is_added_renamed_filled_and_removed(browser: Browser, catalogue: Catalogue) -> None:
    assert "No packages yet" in (await browser.get(PATH)).text
    assert (await browser.post(PATH, {"name": " Basic "})).status_code == 303
    listed = await browser.get(PATH)
    assert cells(listed)[:2] == ["Basic", "nothing"]
    address = link(listed, "Basic")
    await browser.get(address)
    assert (await browser.post(address, {"name": "Family"})).status_code == 303
    (package,) = await catalogue.ask(package_choices)
    assert package.name == "Family"
    await catalogue.movie(package_ids=frozenset({package.package_id}))
    listed = await browser.get(PATH)
    assert cells(listed)[:2] == ["Family", "1 movie"]
    assert "Harbour Lights" in (await browser.get(link(listed, "1 movie"))).text
    await browser.post(f"{address}/remove")
    assert "Removed “Family”" in (await browser.get(PATH)).text
    assert await catalogue.ask(package_choices) == []


async def test_a_package_leads_to_each_kind_that_is_in_it(browser: Browser, catalogue: Catalogue) -> None:
    package = await catalogue.package("Basic")
    await catalogue.movie(package_ids=frozenset({package}))
    await catalogue.event("The Final", package_ids=frozenset({package}))
    listed = await browser.get(PATH)
    assert cells(listed)[1] == "1 movie 1 live event"
    assert "The Final" in (await browser.get(link(listed, "1 live event"))).text


async def test_errors_keep_what_was_typed(browser: Browser, catalogue: Catalogue) -> None:
    taken, other = await catalogue.package("Basic"), await catalogue.package("Gold")
    await browser.get(PATH)
    wrong = await browser.post(PATH, {"name": "Basic"})
    assert (wrong.status_code, "has this name already" in error_at(wrong, "name")) == (422, True)
    assert 'value="Basic"' in wrong.text
    again = await browser.post(f"{PATH}/{other}", {"name": "Basic"})
    assert (again.status_code, "has this name already" in error_at(again, "name")) == (422, True)
    assert [each.package_id for each in await catalogue.ask(package_choices)] == [taken, other]


async def test_case_makes_no_other_name(browser: Browser, catalogue: Catalogue) -> None:
    await catalogue.package("Included")
    await browser.get(PATH)
    wrong = await browser.post(PATH, {"name": "included"})
    assert (wrong.status_code, "has this name already" in error_at(wrong, "name")) == (422, True)


async def test_a_page_behind_the_last_one_is_the_last_one(browser: Browser, catalogue: Catalogue) -> None:
    empty = await browser.get(f"{PATH}?page=99")
    assert (empty.status_code, empty.headers["location"]) == (303, PATH)
    for number in range(26):
        await catalogue.package(f"Package {number:02}")
    behind = await browser.get(f"{PATH}?q=pack&page=99")
    assert (behind.status_code, behind.headers["location"]) == (303, f"{PATH}?q=pack&page=2")
    assert cells(await browser.get(behind.headers["location"]))[0] == "Package 25"


async def test_the_neighbours_packages_are_not_found(browser: Browser, neighbour: Catalogue) -> None:
    theirs = await neighbour.package("Theirs")
    await browser.get(PATH)
    assert (await browser.get(f"{PATH}/{theirs}")).status_code == 404
    assert (await browser.post(f"{PATH}/{theirs}", {"name": "Mine"})).status_code == 404
    assert (await browser.post(f"{PATH}/{theirs}/remove")).status_code == 404
    assert [each.name for each in await neighbour.ask(package_choices)] == ["Theirs"]


async def test_a_package_in_a_product_stays(
    browser: Browser, catalogue: Catalogue, database: Database, operator: Operator
) -> None:
    package_id = await catalogue.package("Basic")
    await World(database, operator).product(packages=(package_id,))
    await browser.get(PATH)
    assert (await browser.post(f"{PATH}/{package_id}/remove")).status_code == 303
    assert "is part of a product. Take it out of the product first." in (await browser.get(PATH)).text
    assert [each.name for each in await catalogue.ask(package_choices)] == ["Basic"]
