"""The columns from which lists of items and packages are built. Constraints live in the migrations."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text, Uuid

metadata = MetaData()


def _moment(name: str) -> "Column[object]":
    return Column(name, DateTime(timezone=True))


items = Table(
    "items",
    metadata,
    Column("operator_id", Uuid),
    Column("item_kind", Text),
    Column("item_id", Uuid),
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

item_prices = Table(
    "item_prices",
    metadata,
    Column("operator_id", Uuid),
    Column("item_kind", Text),
    Column("item_id", Uuid),
    Column("currency", Text),
    Column("amount_minor", BigInteger),
)

live_events = Table(
    "live_events",
    metadata,
    Column("operator_id", Uuid),
    Column("item_id", Uuid),
    _moment("starts_at"),
    _moment("ends_at"),
)

episodes = Table(
    "episodes",
    metadata,
    Column("operator_id", Uuid),
    Column("season_id", Uuid),
    Column("episode_id", Uuid),
    _moment("removed_at"),
)

packages = Table(
    "packages",
    metadata,
    Column("operator_id", Uuid),
    Column("package_id", Uuid),
    Column("name", Text),
    _moment("created_at"),
)

package_items = Table(
    "package_items",
    metadata,
    Column("operator_id", Uuid),
    Column("package_id", Uuid),
    Column("item_kind", Text),
    Column("item_id", Uuid),
)
