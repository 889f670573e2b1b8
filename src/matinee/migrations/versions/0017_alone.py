"""What one person decides alone within a day, and who uploaded a settlement file."""

from alembic import op

from matinee.migrations.tenancy import protect

revision = "0017"
down_revision = "0016"

_KINDS = "'refund', 'settle_charged', 'settle_not_charged', 'wallet_credit', 'wallet_debit', 'grant', 'settlement_file'"


def upgrade() -> None:
    # Many small amounts count like a large one. Rows matter for a day; whoever adds one removes their older ones.
    op.execute(f"""
        CREATE TABLE staff_alone (
            operator_id uuid NOT NULL,
            staff_id uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ({_KINDS})),
            currency text NOT NULL CHECK (currency ~ '^([A-Z]{{3}}|CREDIT)$'),
            action_id uuid NOT NULL,
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            done_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, staff_id, kind, currency, action_id),
            FOREIGN KEY (operator_id, staff_id) REFERENCES staff_accounts
        )""")
    protect("staff_alone")
    # Null: the file came before this was kept, and only the name says who it was.
    op.execute("ALTER TABLE settlement_files ADD COLUMN uploaded_by_id uuid")
