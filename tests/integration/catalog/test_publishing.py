"""What Cloud Sync reads of the catalogue."""

from datetime import UTC, datetime, timedelta

from tests.factories.catalogue import Catalogue

from matinee.catalog.operations import archive_movie, withdraw_movie
from matinee.catalog.queries import movies_for_publishing
from matinee.catalog.types import MovieForPublishing, StreamKind
from matinee.kernel.money import Money

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def published(catalogue: Catalogue, part_size: int = 500) -> list[MovieForPublishing]:
    async with catalogue.database.transaction(catalogue.operator_id) as tx:
        rows = movies_for_publishing(tx, operator_id=catalogue.operator_id, now=NOW, part_size=part_size)
        return [row async for row in rows]


async def test_a_movie_comes_with_rule_prices_and_packages(catalogue: Catalogue) -> None:
    rule, package = await catalogue.rule("Weekend"), await catalogue.package()
    sold = await catalogue.ppv_movie(rule, prices=(Money(499, "EUR"), Money(5, "CREDIT")))
    plain = await catalogue.movie(
        "B", package_ids=frozenset({package}), stream_kind=StreamKind.FILE, stream_url=None
    )
    first, second = await published(catalogue)
    assert (first.movie_id, first.prices, first.rule_name) == (
        sold.movie_id,
        {"CREDIT": 5, "EUR": 499},
        "Weekend",
    )
    assert (first.rule_unit, first.rule_quantity, first.rule_finish_window_hours) == ("hours", 48, 48)
    assert (first.source_version, first.is_playable) == ("1.1", True)
    assert (second.movie_id, second.prices, second.package_ids) == (plain.movie_id, {}, (package,))
    assert (second.rule_id, second.source_version, second.is_playable) == (None, "1.0", False)


async def test_what_is_not_on_offer_is_left_out(catalogue: Catalogue, neighbour: Catalogue) -> None:
    await neighbour.movie("Theirs")
    await catalogue.movie("Ended", licence_ends_at=NOW)
    kept = await catalogue.movie("Kept", licence_ends_at=NOW + timedelta(seconds=1))
    away, out = await catalogue.movie("Away"), await catalogue.movie("Out")
    await catalogue.run(archive_movie, movie_id=away.movie_id)
    await catalogue.run(withdraw_movie, movie_id=out.movie_id)
    assert [row.movie_id for row in await published(catalogue)] == [kept.movie_id]


async def test_every_part_is_read_in_the_order_of_ids(catalogue: Catalogue) -> None:
    movies = [await catalogue.movie(f"Film {number}") for number in range(5)]
    for part_size in (1, 2, 5, 6):
        found = [row.movie_id for row in await published(catalogue, part_size)]
        assert found == sorted(movie.movie_id for movie in movies)
