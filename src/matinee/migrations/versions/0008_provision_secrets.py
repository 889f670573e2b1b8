"""The secrets of a provision: passwords, tokens and keys that billing asks for, sealed."""

from alembic import op

from matinee.migrations.tenancy import protect

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # Not part of a version: a secret that was rotated is worthless to purchases made with the one before.
    op.execute("""
        CREATE TABLE provision_secrets (
            operator_id uuid NOT NULL,
            provision_id uuid NOT NULL,
            name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
            sealed bytea NOT NULL,
            created_by text NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, provision_id, name),
            FOREIGN KEY (operator_id, provision_id) REFERENCES provisions
        )""")
    protect("provision_secrets")
