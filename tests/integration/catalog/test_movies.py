"""Movies in the database: what is kept, what is refused, and by whom."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from asyncpg import CheckViolationError
from tests.factories.catalogue import Catalogue, plain_draft, ppv_draft

from matinee.catalog.operations import (
    archive_item,
    create_item,
    duplicate_item,
    put_back_item,
    unarchive_item,
    update_item,
    withdraw_item,
)
from matinee.catalog.queries import get_item, list_items
from matinee.catalog.types import ItemKind, PaymentMethod, StreamKind
from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
withdraw = partial(withdraw_item, kind=ItemKind.MOVIE, reason="Rights dispute")
put_back = partial(put_back_item, kind=ItemKind.MOVIE)
archive = partial(archive_item, kind=ItemKind.MOVIE)
unarchive = partial(unarchive_item, kind=ItemKind.MOVIE)


async def titles(catalogue: Catalogue, **query: object) -> list[str]:
    asked = ListQuery(**query)  # type: ignore[arg-type]
    page = await catalogue.ask(list_items, kind=ItemKind.MOVIE, query=asked, now=NOW)
    return [row.title for row in page.rows]


async def test_a_movie_is_kept_as_it_was_said(catalogue: Catalogue) -> None:
    rule, package = await catalogue.rule(), await catalogue.package()
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    prices = (Money(5, "CREDIT"), Money(499, "EUR"), Money(800, "JPY"))
    for draft in (
        ppv_draft(rule.rule_id, prices=prices, description="Fog.", licence_ends_at=ends),
        plain_draft(package_ids=frozenset({package}), year=None, runtime_minutes=None),
    ):
        movie = await catalogue.run(create_item, draft=draft)
        found = await catalogue.ask(get_item, kind=ItemKind.MOVIE, item_id=movie.item_id)
        assert (found.draft, found.version, found.withdrawn_at) == (draft, 1, None)
        assert await catalogue.audit_actions(movie.item_id) == ["movie.created"]


async def test_an_edit_raises_the_version_and_saying_the_same_does_not(catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    movie = await catalogue.ppv_movie(rule)
    same = await catalogue.run(update_item, item_id=movie.item_id, version=1, draft=movie.draft)
    assert same.version == 1
    dearer = ppv_draft(rule.rule_id, prices=(Money(599, "EUR"),))
    changed = await catalogue.run(update_item, item_id=movie.item_id, version=1, draft=dearer)
    assert (changed.version, changed.draft) == (2, dearer)
    assert await catalogue.audit_actions(movie.item_id) == ["movie.created", "movie.updated"]


async def test_the_second_of_two_editors_is_told_and_changes_nothing(catalogue: Catalogue) -> None:
    movie = await catalogue.movie()
    first = plain_draft(title="First")
    await catalogue.run(update_item, item_id=movie.item_id, version=1, draft=first)
    with pytest.raises(Conflict) as caught:
        await catalogue.run(update_item, item_id=movie.item_id, version=1, draft=plain_draft(title="Second"))
    assert caught.value.code == "edited_meanwhile"
    assert (await catalogue.ask(get_item, kind=ItemKind.MOVIE, item_id=movie.item_id)).draft == first


async def test_a_movie_changes_its_payment_method_as_a_whole(catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    movie = await catalogue.ppv_movie(rule)
    plain = await catalogue.run(update_item, item_id=movie.item_id, version=1, draft=plain_draft())
    assert (plain.draft.rule_id, plain.draft.prices) == (None, ())
    back = await catalogue.run(update_item, item_id=movie.item_id, version=2, draft=ppv_draft(rule.rule_id))
    assert back.draft == ppv_draft(rule.rule_id)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE items SET rule_id = NULL", "items_one_payment_method"),
        ("UPDATE items SET payment_method = 'subscription'", "items_one_payment_method"),
        ("UPDATE items SET payment_method = 'subscription', rule_id = NULL", "items_subscription_price"),
        ("UPDATE items SET runtime_minutes = NULL", "items_ppv_runtime"),
        ("DELETE FROM item_prices", "items_ppv_price"),
        ("UPDATE items SET payment_method = 'both'", "items_one_payment_method"),
        ("UPDATE item_prices SET amount_minor = 0", "item_prices_amount_minor_check"),
    ],
)
async def test_the_database_itself_refuses_what_cannot_be(
    catalogue: Catalogue, statement: str, constraint: str
) -> None:
    await catalogue.ppv_movie(await catalogue.rule())
    with pytest.raises(CheckViolationError) as caught:
        async with catalogue.database.transaction(catalogue.operator_id) as tx:
            await tx.execute(statement)
    assert caught.value.as_dict()["constraint_name"] == constraint


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rule_id": uuid4()}, "rule_id"),
        ({"stream_kind": StreamKind.FILE, "stream_url": None, "asset_id": uuid4()}, "asset_id"),
    ],
)
async def test_what_does_not_exist_is_an_error_beside_its_field(
    catalogue: Catalogue, changes: dict[str, object], field: str
) -> None:
    rule = await catalogue.rule()
    with pytest.raises(Invalid) as caught:
        await catalogue.run(create_item, draft=ppv_draft(**({"rule_id": rule.rule_id} | changes)))  # type: ignore[arg-type]
    assert list(caught.value.fields) == [field]
    assert await titles(catalogue) == []


async def test_a_package_of_another_operator_does_not_exist(
    catalogue: Catalogue, neighbour: Catalogue
) -> None:
    theirs = await neighbour.package()
    with pytest.raises(Invalid) as caught:
        await catalogue.movie(package_ids=frozenset({theirs}))
    assert list(caught.value.fields) == ["package_ids"]


async def test_selling_it_the_other_way_shares_the_assets(catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    movie = await catalogue.movie(poster_key="media/x/posters/y")
    draft = ppv_draft(rule.rule_id, stream_url="https://elsewhere.example/x.m3u8")
    twin = await catalogue.run(duplicate_item, item_id=movie.item_id, draft=draft)
    assert twin.item_id != movie.item_id
    assert twin.draft.poster_key == "media/x/posters/y"
    assert twin.draft.stream_url == movie.draft.stream_url
    assert twin.draft.payment_method is PaymentMethod.PPV
    assert await catalogue.audit_actions(twin.item_id) == ["movie.duplicated"]


async def test_the_same_way_twice_is_refused(catalogue: Catalogue) -> None:
    movie = await catalogue.movie()
    with pytest.raises(Invalid) as caught:
        await catalogue.run(duplicate_item, item_id=movie.item_id, draft=plain_draft())
    assert list(caught.value.fields) == ["payment_method"]


async def test_withdrawing_and_archiving_are_recorded_once(catalogue: Catalogue) -> None:
    movie = await catalogue.movie()
    for operation in (withdraw, withdraw, put_back, archive, unarchive):
        last = await catalogue.run(operation, item_id=movie.item_id)
    assert (last.withdrawn_at, last.archived_at, last.version) == (None, None, 1)
    assert await catalogue.audit_actions(movie.item_id) == [
        "movie.created", "movie.withdrawn", "movie.put_back", "movie.archived", "movie.unarchived",
    ]  # fmt: skip


async def test_nobody_reaches_the_neighbours_movies(catalogue: Catalogue, neighbour: Catalogue) -> None:
    theirs = await neighbour.movie("Theirs")
    assert await titles(catalogue) == []
    for operation in (withdraw, archive):
        with pytest.raises(NotFound):
            await catalogue.run(operation, item_id=theirs.item_id)
    with pytest.raises(NotFound):
        await catalogue.run(update_item, item_id=theirs.item_id, version=1, draft=plain_draft())
    assert (await neighbour.ask(get_item, kind=ItemKind.MOVIE, item_id=theirs.item_id)).version == 1


async def test_lists_search_filter_and_sort(catalogue: Catalogue) -> None:
    rule, package = await catalogue.rule(), await catalogue.package()
    await catalogue.ppv_movie(rule, "Under 100%", year=1999)
    await catalogue.movie("the Long Harbour", package_ids=frozenset({package}), year=None)
    gone = await catalogue.movie("Harbour Nights", licence_ends_at=NOW - timedelta(days=1), year=2020)
    old = await catalogue.movie("Archived Harbour")
    out = await catalogue.movie("Withdrawn", year=2001)
    await catalogue.run(archive, item_id=old.item_id)
    await catalogue.run(withdraw, item_id=out.item_id)
    assert await titles(catalogue) == ["Harbour Nights", "the Long Harbour", "Under 100%", "Withdrawn"]
    assert await titles(catalogue, search="harbour LONG") == ["the Long Harbour"]
    assert await titles(catalogue, search="0%") == ["Under 100%"]
    assert await titles(catalogue, search="_") == []
    assert await titles(catalogue, search="1999") == ["Under 100%"]
    assert await titles(catalogue, filters={"payment": "ppv"}) == ["Under 100%"]
    assert await titles(catalogue, filters={"rule": str(rule.rule_id)}) == ["Under 100%"]
    assert await titles(catalogue, filters={"package": str(package)}) == ["the Long Harbour"]
    assert await titles(catalogue, filters={"state": "archived"}) == ["Archived Harbour"]
    assert await titles(catalogue, filters={"state": "withdrawn"}) == ["Withdrawn"]
    assert await titles(catalogue, filters={"state": "ended"}) == [gone.draft.title]
    assert await titles(catalogue, filters={"state": "on_offer"}) == ["the Long Harbour", "Under 100%"]
    newest_first = ["Harbour Nights", "Withdrawn", "Under 100%", "the Long Harbour"]
    assert await titles(catalogue, sort="-year") == newest_first
    assert await titles(catalogue, sort="year", page=2, page_size=2) == ["Harbour Nights", "the Long Harbour"]


async def test_a_line_of_the_list_says_prices_and_packages(catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    both = frozenset({await catalogue.package("Gold"), await catalogue.package("basic")})
    await catalogue.ppv_movie(rule, "A", prices=(Money(499, "EUR"), Money(5, "CREDIT")))
    await catalogue.movie("B", package_ids=both)
    page = await catalogue.ask(list_items, kind=ItemKind.MOVIE, query=ListQuery(), now=NOW)
    first, second = page.rows
    assert (page.total, first.prices, first.packages) == (2, (Money(5, "CREDIT"), Money(499, "EUR")), ())
    assert (second.prices, second.packages, second.rule_id) == ((), ("basic", "Gold"), None)


async def test_an_unknown_movie_is_not_found(catalogue: Catalogue) -> None:
    with pytest.raises(NotFound):
        await catalogue.ask(get_item, kind=ItemKind.MOVIE, item_id=UUID(int=1))
