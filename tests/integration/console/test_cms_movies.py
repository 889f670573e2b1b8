"""CMS > Movies, page by page."""

import csv
import io
from typing import Any

import pytest
from PIL import Image
from tests.factories.catalogue import Catalogue, plain_draft
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.counting import counted_statements
from tests.integration.console.pages import cells, error_at, link

from matinee.catalog.operations import update_item
from matinee.catalog.queries import get_item, list_items
from matinee.catalog.types import ItemKind, Movie
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.storage import ObjectStorage

PATH = "/console/cms/movies"
URL = "https://cdn.example.com/harbour/index.m3u8"


def typed(**changes: Any) -> dict[str, Any]:
    """Return a subscription movie as a browser sends it."""
    return {
        "title": "Harbour Lights", "year": "2024", "runtime_minutes": "97", "description": "Fog.",
        "poster_key": "", "stream_kind": "url", "stream_url": URL, "asset_id": "",
        "payment_method": "subscription", "rule_id": "", "prices-0-currency": "EUR", "prices-0-amount": "",
        "licence_ends_at": "", "version": "",
    } | changes  # fmt: skip


def ppv(rule_id: object, **changes: Any) -> dict[str, Any]:
    """Return a PPV movie as a browser sends it."""
    return typed(payment_method="ppv", rule_id=str(rule_id), **({"prices-0-amount": "4.99"} | changes))


def png(size: tuple[int, int] = (480, 720)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (40, 60, 120)).save(buffer, "PNG")
    return buffer.getvalue()


async def all_movies(catalogue: Catalogue) -> list[Movie]:
    async with catalogue.database.transaction(catalogue.operator_id) as tx:
        found = catalogue.operator_id
        page = await list_items(
            tx, operator_id=found, kind=ItemKind.MOVIE, query=ListQuery(sort="title"), now=await tx.now()
        )
        return [
            await get_item(tx, operator_id=found, kind=ItemKind.MOVIE, item_id=row.item_id)
            for row in page.rows
        ]


async def test_a_ppv_movie_is_added_with_its_prices(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    await browser.get(f"{PATH}/new")
    sent = ppv(
        rule.rule_id,
        **{
            "prices-3-currency": "JPY", "prices-3-amount": "800", "prices-7-currency": "CREDIT",
            "prices-7-amount": "5", "licence_ends_at": "2027-10-31T02:30",
        },
    )  # fmt: skip
    response = await browser.post(f"{PATH}/new", sent)
    assert response.status_code == 303
    page = await browser.get(response.headers["location"])
    assert "Added “Harbour Lights”. Viewers see it after the next Cloud Sync." in page.text
    (movie,) = await all_movies(catalogue)
    assert movie.draft.prices == (Money(5, "CREDIT"), Money(499, "EUR"), Money(800, "JPY"))
    assert movie.draft.rule_id == rule.rule_id
    # The clocks go back that night: of the two half past twos, the later one.
    assert movie.draft.licence_ends_at is not None
    assert movie.draft.licence_ends_at.isoformat() == "2027-10-31T01:30:00+00:00"
    assert 'value="2027-10-31T02:30"' in page.text
    listed = await browser.get(PATH)
    assert cells(listed)[1:5] == [
        "Harbour Lights 2024",
        "Pay per view 48 hours",
        "€4.99, 5 credits, ¥800",
        "On offer",
    ]
    assert link(listed, "Harbour Lights") == response.headers["location"]


async def test_every_error_stands_beside_its_field_and_nothing_typed_is_lost(
    browser: Browser, catalogue: Catalogue
) -> None:
    rule = await catalogue.rule()
    await browser.get(f"{PATH}/new")
    sent = ppv(
        "",
        title="",
        year="198x",
        runtime_minutes="",
        description="A <b>bold</b> film",
        stream_url="ftp://x",
        licence_ends_at="soon",
        **{
            "prices-0-amount": "4.999", "prices-2-currency": "JPY", "prices-2-amount": "1.50",
            "prices-4-currency": "EUR", "prices-4-amount": "0",
        },
    )  # fmt: skip
    response = await browser.post(f"{PATH}/new", sent)
    assert response.status_code == 422
    expected = {
        "title": "Give the movie a title",
        "year": "Write a whole number",
        "runtime_minutes": "needs its runtime",
        "stream_url": "whole address",
        "rule_id": "Choose the PPV rule",
        "licence_ends_at": "Choose a date",
        "prices-0-amount": "EUR has 2 decimal digits",
        "prices-1-amount": "JPY has 0 decimal digits",
        "prices-2-amount": "A price is more than nothing",
    }
    assert {name: text for name, text in expected.items() if text not in error_at(response, name)} == {}
    for kept in ("198x", "4.999", "1.50", "soon", "ftp://x"):
        assert f'value="{kept}"' in response.text
    assert "A &lt;b&gt;bold&lt;/b&gt; film" in response.text
    assert '<a href="#rule_id">' in response.text
    assert await all_movies(catalogue) == []
    twice = {"prices-1-currency": "EUR", "prices-1-amount": "5"}
    doubled = await browser.post(f"{PATH}/new", ppv(rule.rule_id, **twice))
    assert "There is a price in EUR already" in error_at(doubled, "prices-1-currency")
    without = await browser.post(f"{PATH}/new", ppv(rule.rule_id, **{"prices-0-amount": ""}))
    assert "Give at least one price" in error_at(without, "prices")


@pytest.mark.parametrize(
    "changes",
    [
        {"operator_id": "x"},
        {"withdrawn_at": ""},
        {"prices-0-amount_minor": "1"},
        {"title": "x" * 20_001},
        {"title": "a\0b"},
    ],
)
async def test_unknown_and_absurd_fields_are_refused(
    browser: Browser, catalogue: Catalogue, changes: dict[str, str]
) -> None:
    await browser.get(f"{PATH}/new")
    assert (await browser.post(f"{PATH}/new", typed(**changes))).status_code == 422
    assert await all_movies(catalogue) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"rule_id": "00000000-0000-0000-0000-000000000001"},
        {"rule_id": "no id"},
        {"payment_method": "both"},
        {"stream_kind": "tape"},
        {"prices-0-currency": "XXZ"},
        {"stream_kind": "file", "asset_id": "00000000-0000-0000-0000-000000000001"},
    ],
)
async def test_what_no_browser_sends_is_an_error_too(
    browser: Browser, catalogue: Catalogue, changes: dict[str, str]
) -> None:
    rule = await catalogue.rule()
    await browser.get(f"{PATH}/new")
    response = await browser.post(f"{PATH}/new", ppv(rule.rule_id) | changes)
    assert response.status_code == 422
    assert "data-problems" in response.text
    assert await all_movies(catalogue) == []


async def test_two_tabs_lose_nothing(browser: Browser, catalogue: Catalogue) -> None:
    rule, other = await catalogue.rule(), await catalogue.rule("Weekend", 72)
    movie = await catalogue.ppv_movie(rule)
    address = f"{PATH}/{movie.item_id}"
    assert 'value="1"' in (await browser.get(address)).text
    first = ppv(other.rule_id, title="Harbor Lights", version="1", description="")
    assert (await browser.post(address, first)).status_code == 303
    second = ppv(
        rule.rule_id, title="Harbour Light", version="1", description="", **{"prices-0-amount": "5.99"}
    )
    clash = await browser.post(address, second)
    assert clash.status_code == 409
    assert "Somebody else saved this meanwhile" in clash.text
    for mine in ('value="Harbour Light"', 'value="5.99"'):
        assert mine in clash.text
    for theirs in ("Harbor Lights", "Weekend", "€4.99"):
        assert f"Saved meanwhile: <strong>{theirs}</strong>" in clash.text
    assert clash.text.count("Saved meanwhile:") == 3
    assert 'name="version" type="hidden" value="2"' in clash.text
    assert (
        await catalogue.ask(get_item, kind=ItemKind.MOVIE, item_id=movie.item_id)
    ).draft.title == "Harbor Lights"
    assert (await browser.post(address, second | {"version": "2"})).status_code == 303
    assert (await catalogue.ask(get_item, kind=ItemKind.MOVIE, item_id=movie.item_id)).draft.prices == (
        Money(599, "EUR"),
    )


async def test_a_poster_is_kept_even_when_another_field_is_wrong(
    browser: Browser, catalogue: Catalogue, storage: ObjectStorage
) -> None:
    await browser.get(f"{PATH}/new")
    files = {"poster": ("mine.png", png(), "image/png")}
    wrong = await browser.post(f"{PATH}/new", typed(title=""), files=files)
    assert wrong.status_code == 422
    key = wrong.text.partition('name="poster_key" type="hidden" value="')[2].partition('"')[0]
    assert key.startswith(f"media/{catalogue.operator_id}/posters/")
    await browser.post(f"{PATH}/new", typed(poster_key=key))
    (movie,) = await all_movies(catalogue)
    assert movie.draft.poster_key == key
    assert await storage.exists(f"{key}/list.webp")
    assert f'src="/{key}/list.webp"' in (await browser.get(PATH)).text


async def test_a_poster_that_is_no_image_is_said_so(browser: Browser, catalogue: Catalogue) -> None:
    await browser.get(f"{PATH}/new")
    for content in (b"not an image", b"<svg xmlns='http://www.w3.org/2000/svg'/>", png((10, 10))):
        wrong = await browser.post(f"{PATH}/new", typed(), files={"poster": ("x.png", content, "image/png")})
        assert wrong.status_code == 422
        assert error_at(wrong, "poster_key") != ""
        assert 'value="Harbour Lights"' in wrong.text
    assert await all_movies(catalogue) == []


async def test_nobody_elses_poster_can_be_named(
    browser: Browser, catalogue: Catalogue, other_operator: Operator
) -> None:
    await browser.get(f"{PATH}/new")
    theirs = f"media/{other_operator.operator_id}/posters/{'a' * 32}"
    for key in (theirs, "../../secret", f"media/{catalogue.operator_id}/posters/../x"):
        assert (await browser.post(f"{PATH}/new", typed(poster_key=key))).status_code == 303
    assert [movie.draft.poster_key for movie in await all_movies(catalogue)] == [None, None, None]


async def test_selling_it_the_other_way_starts_from_the_first(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    movie = await catalogue.movie(poster_key=f"media/{catalogue.operator_id}/posters/{'b' * 32}")
    page = await browser.get(f"{PATH}/{movie.item_id}")
    address = link(page, "Sell it the other way too")
    form = await browser.get(address)
    assert 'value="Harbour Lights"' in form.text
    assert 'value="ppv" id="payment_method-0" checked' in form.text
    sent = ppv(rule.rule_id, stream_url="https://elsewhere.example.com/x.m3u8")
    assert (await browser.post(address, typed())).status_code == 422
    assert (await browser.post(address, sent)).status_code == 303
    first, twin = await all_movies(catalogue)
    assert {first.draft.payment_method.value, twin.draft.payment_method.value} == {"ppv", "subscription"}
    assert first.draft.stream_url == twin.draft.stream_url == movie.draft.stream_url
    assert first.draft.poster_key == twin.draft.poster_key == movie.draft.poster_key


async def test_withdrawing_acts_at_once_and_can_be_undone(browser: Browser, catalogue: Catalogue) -> None:
    movie = await catalogue.movie()
    address = f"{PATH}/{movie.item_id}"
    await browser.get(address)
    done = await browser.post(f"{address}/withdraw", {"reason": "Rights dispute"})
    assert done.headers["location"] == address
    page = await browser.get(address)
    assert "is not sold any more, from this moment" in page.text
    assert "Rights dispute" in page.text
    assert "Withdrawn" in cells(await browser.get(PATH))[4]
    await browser.post(f"{address}/put-back")
    assert cells(await browser.get(PATH))[4] == "On offer"
    await browser.post(f"{address}/archive")
    assert "No movies yet" in (await browser.get(PATH)).text
    await browser.post(f"{address}/unarchive")
    assert await catalogue.audit_actions(movie.item_id) == [
        "movie.created", "movie.withdrawn", "movie.put_back", "movie.archived", "movie.unarchived",
    ]  # fmt: skip


@pytest.mark.parametrize("reason", [" ", "x" * 501, "card 4111 1111 1111 1111"])
async def test_withdrawing_needs_a_fit_reason(browser: Browser, catalogue: Catalogue, reason: str) -> None:
    movie = await catalogue.movie()
    address = f"{PATH}/{movie.item_id}"
    await browser.get(address)
    refused = await browser.post(f"{address}/withdraw", {"reason": reason})
    assert (refused.status_code, bool(error_at(refused, "reason"))) == (422, True)
    assert await catalogue.audit_actions(movie.item_id) == ["movie.created"]


async def test_the_preview_shows_the_invoice_for_both_kinds_of_devices(
    browser: Browser, catalogue: Catalogue
) -> None:
    rule = await catalogue.rule("Weekend", 48)
    await browser.get(f"{PATH}/new")
    shown = (await browser.post(f"{PATH}/preview", ppv(rule.rule_id, title="<Fog>"))).text
    assert shown.count("Rent for €4.99") == 2
    for text in ("Weekend", "&lt;Fog&gt;", "includes €0.87 tax (21 %)", "Charged to your Aurora account"):
        assert text in shown
    assert "Start within 48 hours of buying, finish within 48 hours of the first play." in shown
    half = (await browser.post(f"{PATH}/preview", ppv("", **{"prices-0-amount": "4,9x"}))).text
    assert "Rent for" not in half
    assert "Choose a PPV rule" in half
    assert "Rent" not in (await browser.post(f"{PATH}/preview", typed())).text


async def test_search_filter_sort_and_paging_live_in_the_address(
    browser: Browser, catalogue: Catalogue
) -> None:
    rule = await catalogue.rule()
    for number in range(27):
        await catalogue.movie(f"Film {number:02}")
    await catalogue.ppv_movie(rule, "Other")
    first = await browser.get(f"{PATH}?q=film&sort=-title")
    assert "1–25 of 27 movies" in first.text
    assert link(first, "Next") == f"{PATH}?q=film&sort=-title&page=2"
    second = await browser.get(link(first, "Next"))
    assert [text for text in cells(second) if text.startswith("Film")] == ["Film 01 2024", "Film 00 2024"]
    only = await browser.get(f"{PATH}?rule={rule.rule_id}&payment=ppv")
    assert "1–1 of 1 movie" in only.text
    nothing = await browser.get(f"{PATH}?q=zzz")
    assert "Nothing fits" in nothing.text
    # What makes no sense in an address is left out.
    strange = await browser.get(f"{PATH}?sort=password_hash&page=-3&rule=x&state=%00&q=%00&page_size=9999")
    assert "1–25 of 28 movies" in strange.text


async def test_csv_holds_everything_that_was_found(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    await catalogue.ppv_movie(rule, "@SUM(A1)", prices=(Money(499, "EUR"), Money(5, "CREDIT")))
    await catalogue.movie("Film")
    listed = await browser.get(f"{PATH}?payment=ppv")
    response = await browser.get(link(listed, "CSV"))
    rows = list(csv.reader(io.StringIO(response.text.removeprefix("\ufeff"))))
    assert [row[1:7] for row in rows[1:]] == [
        ["'@SUM(A1)", "2024", "ppv", "48 hours", "", "5 CREDIT; 4.99 EUR"]
    ]
    assert 'filename="movies.csv"' in response.headers["content-disposition"]


async def test_a_list_takes_as_many_queries_for_thirty_movies_as_for_one(
    browser: Browser, catalogue: Catalogue
) -> None:
    rule, package = await catalogue.rule(), await catalogue.package()

    async def statements(path: str) -> int:
        with counted_statements() as sent:
            assert (await browser.get(path)).status_code == 200
        return len(sent)

    async def fill(amount: int, start: int) -> None:
        for number in range(start, start + amount):
            await catalogue.movie(f"Film {number}", package_ids=frozenset({package}))
            await catalogue.ppv_movie(rule, f"Paid {number}")

    paths = (PATH, "/console/cms/ppv-rules", "/console/cms/packages")
    await fill(1, 0)
    before = [await statements(path) for path in paths]
    await fill(12, 1)
    for number in range(5):
        await catalogue.rule(f"Rule {number}")
        await catalogue.package(f"Package {number}")
    assert [await statements(path) for path in paths] == before


async def test_the_neighbours_movies_are_not_found(browser: Browser, neighbour: Catalogue) -> None:
    movie = await neighbour.movie("Theirs")
    address = f"{PATH}/{movie.item_id}"
    assert "Theirs" not in (await browser.get(PATH)).text
    assert (await browser.get(address)).status_code == 404
    assert (await browser.get(f"{PATH}/new?from={movie.item_id}")).status_code == 404
    for action in ("withdraw", "put-back", "archive", "unarchive"):
        assert (await browser.post(f"{address}/{action}", {"reason": "x"})).status_code == 404
    assert (await browser.post(address, typed(version="1", title="Mine"))).status_code == 404
    assert (await neighbour.ask(get_item, kind=ItemKind.MOVIE, item_id=movie.item_id)) == movie


async def test_finance_may_look_but_not_change(
    app: Any, database: Database, operator: Operator, catalogue: Catalogue
) -> None:
    movie = await catalogue.movie()
    staff = await add_staff(database, operator, "finance")
    address = f"{PATH}/{movie.item_id}"
    async with open_browser(app, operator) as browser:
        await browser.sign_in(staff.email)
        page = await browser.get(address)
        assert (page.status_code, "Save movie" in page.text, "Archive" in page.text) == (200, False, False)
        paths = (f"{PATH}/new", address, f"{address}/withdraw", f"{address}/archive", "/console/cms/uploads")
        for path in paths:
            assert (await browser.post(path, typed(version="1"))).status_code == 403
    assert await all_movies(catalogue) == [movie]


async def test_a_rule_archived_meanwhile_stays_with_its_movie(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    movie = await catalogue.ppv_movie(rule)
    await browser.get("/console/cms/ppv-rules")
    await browser.post(f"/console/cms/ppv-rules/{rule.rule_id}/archive")
    page = await browser.get(f"{PATH}/{movie.item_id}")
    assert "48 hours (archived)" in page.text
    saved = await browser.post(f"{PATH}/{movie.item_id}", ppv(rule.rule_id, title="New", version="1"))
    assert saved.status_code == 303
    assert "48 hours" not in (await browser.get(f"{PATH}/new")).text


async def test_a_save_from_an_older_version_never_wins_silently(
    browser: Browser, catalogue: Catalogue
) -> None:
    movie = await catalogue.movie()
    await catalogue.run(update_item, item_id=movie.item_id, version=1, draft=plain_draft(title="Newer"))
    await browser.get(f"{PATH}/{movie.item_id}")
    for version in ("1", "", "x", "999999999999"):
        answer = await browser.post(f"{PATH}/{movie.item_id}", typed(version=version))
        assert answer.status_code == 409
    assert (await catalogue.ask(get_item, kind=ItemKind.MOVIE, item_id=movie.item_id)).draft.title == "Newer"
