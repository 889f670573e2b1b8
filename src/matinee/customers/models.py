"""The columns from which lists of customers and products are built. Constraints live in the migrations."""

from sqlalchemy import Boolean, Column, DateTime, MetaData, Table, Text, Uuid

metadata = MetaData()


def _moment(name: str) -> "Column[object]":
    return Column(name, DateTime(timezone=True))


customers = Table(
    "customers",
    metadata,
    Column("operator_id", Uuid),
    Column("customer_id", Uuid),
    Column("username", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("email", Text),
    Column("mapping_id", Text),
    Column("product_id", Uuid),
    Column("status", Text),
    _moment("starts_at"),
    _moment("expires_at"),
    _moment("created_at"),
    _moment("erased_at"),
)

products = Table(
    "products",
    metadata,
    Column("operator_id", Uuid),
    Column("product_id", Uuid),
    Column("name", Text),
    Column("mapping_id", Text),
    Column("is_trial", Boolean),
    Column("payment_type", Text),
    Column("currency", Text),
    _moment("archived_at"),
    _moment("updated_at"),
)

product_packages = Table(
    "product_packages",
    metadata,
    Column("operator_id", Uuid),
    Column("product_id", Uuid),
    Column("package_id", Uuid),
)
