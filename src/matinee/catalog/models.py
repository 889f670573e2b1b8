"""The columns from which lists of movies and packages are built. Constraints live in the migrations."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text, Uuid

metadata = MetaData()


def _moment(name: str) -> "Column[object]":
    return Column(name, DateTime(timezone=True))


movies = Table(
    "movies",
    metadata,
    Column("operator_id", Uuid),
    Column("movie_id", Uuid),
    Column("title", Text),
    Column("year", Integer),
    Column("poster_key", Text),
    Column("payment_method", Text),
    Column("rule_id", Uuid),
    Column("stream_kind", Text),
    Column("asset_id", Uuid),
    _moment("withdrawn_at"),
    _moment("licence_ends_at"),
    _moment("archived_at"),
    _moment("updated_at"),
)

movie_prices = Table(
    "movie_prices",
    metadata,
    Column("operator_id", Uuid),
    Column("movie_id", Uuid),
    Column("currency", Text),
    Column("amount_minor", BigInteger),
)

packages = Table(
    "packages",
    metadata,
    Column("operator_id", Uuid),
    Column("package_id", Uuid),
    Column("name", Text),
    _moment("created_at"),
)

package_movies = Table(
    "package_movies",
    metadata,
    Column("operator_id", Uuid),
    Column("package_id", Uuid),
    Column("movie_id", Uuid),
)
