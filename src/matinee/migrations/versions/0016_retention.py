"""What a worker needs to forget what is old: the right to delete it, and a way to find it."""

from alembic import op

from matinee.migrations.tenancy import APP_ROLE

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute(f"GRANT DELETE ON playback_sessions, test_calls TO {APP_ROLE}")
    op.execute("CREATE INDEX playback_sessions_age ON playback_sessions (operator_id, started_at)")
    op.execute("CREATE INDEX test_calls_age ON test_calls (operator_id, created_at)")
    # The report outlives the file that it was read from.
    op.execute("ALTER TABLE settlement_files ADD COLUMN content_removed_at timestamptz")
    op.execute("""
        CREATE INDEX settlement_files_kept ON settlement_files (operator_id, updated_at)
        WHERE content_removed_at IS NULL""")
