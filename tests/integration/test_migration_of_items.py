"""Movies of an older release become items: nothing of them is lost, and no other operator sees them."""

from uuid import UUID

import asyncpg

from matinee.kernel.ids import new_id
from matinee.platform.db import Database, migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres


async def test_movies_their_prices_and_packages_move_with_every_operator(postgres: EmbeddedPostgres) -> None:
    urls = postgres.create_database("before_items")
    try:
        migrate(urls.owner_url, "0011")
        operators = [new_id(), new_id()]
        made = [await _fill(urls.owner_url, operator_id) for operator_id in operators]
        migrate(urls.owner_url)
        database = await Database.connect(urls.app_url, connections=1)
        try:
            for operator_id, (ppv, plain, package_id) in zip(operators, made, strict=True):
                async with database.transaction(operator_id) as tx:
                    items = await tx.fetch(
                        "SELECT item_kind, item_id, title, payment_method, version, year FROM items ORDER BY title"
                    )
                    prices = await tx.fetch("SELECT item_id, currency, amount_minor FROM item_prices")
                    inside = await tx.fetch("SELECT package_id, item_kind, item_id FROM package_items")
                assert [tuple(row) for row in items] == [
                    ("movie", plain, "In a package", "subscription", 1, None),
                    ("movie", ppv, "To rent", "ppv", 4, 1999),
                ]  # fmt: skip
                assert [tuple(row) for row in prices] == [(ppv, "EUR", 499)]
                assert [tuple(row) for row in inside] == [(package_id, "movie", plain)]
        finally:
            await database.close()
        owner = await asyncpg.connect(urls.owner_url)
        try:
            for table in ("items", "item_prices", "package_items", "ppv_rules", "assets"):
                forced = "SELECT relforcerowsecurity FROM pg_class WHERE relname = $1"
                assert await owner.fetchval(forced, table), table
            assert await owner.fetchval("SELECT count(*) FROM items") == 0  # no operator is set
        finally:
            await owner.close()
    finally:
        postgres.drop_database("before_items")


async def _fill(owner_url: str, operator_id: UUID) -> tuple[UUID, UUID, UUID]:
    """Add what an operator had: a movie to rent, one in a package. Returns the ids of both and of the package."""
    rule, ppv, plain, package = (new_id() for _ in range(4))
    slug = f"op-{operator_id.hex[-12:]}"
    owner = await asyncpg.connect(owner_url)
    try:
        async with owner.transaction():
            await owner.execute(
                """INSERT INTO operators (operator_id, slug, name, time_zone, currency, country, locale,
                                          tax_rate_basis_points, cms_name, crm_name)
                   VALUES ($1, $2, $2, 'UTC', 'EUR', 'NL', 'en', 0, $2, $2)""",
                operator_id, slug,
            )  # fmt: skip
            await owner.execute(f"SET LOCAL matinee.operator_id = '{operator_id}'")
            await owner.execute(
                """INSERT INTO ppv_rules (operator_id, rule_id, name, unit, quantity, created_at, updated_at)
                   VALUES ($1, $2, 'Two days', 'hours', 48, now(), now())""",
                operator_id, rule,
            )  # fmt: skip
            for movie_id, title, rule_id, method, version, year in (
                (ppv, "To rent", rule, "ppv", 4, 1999), (plain, "In a package", None, "subscription", 1, None),
            ):  # fmt: skip
                await owner.execute("INSERT INTO items VALUES ($1, 'movie', $2)", operator_id, movie_id)
                await owner.execute(
                    """INSERT INTO movies (operator_id, movie_id, title, runtime_minutes, stream_kind, stream_url,
                           payment_method, rule_id, version, year, created_at, updated_at)
                       VALUES ($1, $2, $3, 90, 'url', 'https://cdn.example/f', $4, $5, $6, $7, now(), now())""",
                    operator_id, movie_id, title, method, rule_id, version, year,
                )  # fmt: skip
            await owner.execute("INSERT INTO movie_prices VALUES ($1, $2, 'EUR', 499)", operator_id, ppv)
            await owner.execute(
                "INSERT INTO packages (operator_id, package_id, name, created_at) VALUES ($1, $2, 'All', now())",
                operator_id, package,
            )  # fmt: skip
            await owner.execute("INSERT INTO package_movies VALUES ($1, $2, $3)", operator_id, package, plain)
    finally:
        await owner.close()
    return ppv, plain, package
