"""The columns from which the list of PPV rules is built. Constraints live in the migrations."""

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, Uuid

metadata = MetaData()

ppv_rules = Table(
    "ppv_rules",
    metadata,
    Column("operator_id", Uuid),
    Column("rule_id", Uuid),
    Column("name", Text),
    Column("unit", Text),
    Column("quantity", Integer),
    Column("finish_window_hours", Integer),
    Column("version", Integer),
    Column("archived_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True)),
)
