"""Erasing personal data: asked for at one moment, finished when no purchase needs what billing knows."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE customers
            ADD COLUMN erasure_requested_at timestamptz,
            ADD COLUMN erased_at timestamptz,
            ADD CONSTRAINT customers_erased_on_request
                CHECK (erased_at IS NULL OR erasure_requested_at IS NOT NULL),
            ADD CONSTRAINT customers_erased_is_disabled
                CHECK (erasure_requested_at IS NULL OR status = 'disabled')""")
    op.execute("""
        CREATE INDEX customers_being_erased ON customers (operator_id, erasure_requested_at)
        WHERE erasure_requested_at IS NOT NULL AND erased_at IS NULL""")
