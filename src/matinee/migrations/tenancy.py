"""What every tenant table gets: forced row-level security and the application's grants."""

from alembic import op

APP_ROLE = "matinee_app"


def protect(table: str, *, grants: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Let the application see and write only the rows of the transaction's operator; unset means none.

    Append-only tables pass `grants="SELECT, INSERT"`.
    """
    mine = "operator_id = nullif(current_setting('matinee.operator_id', true), '')::uuid"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({mine}) WITH CHECK ({mine})")
    op.execute(f"GRANT {grants} ON {table} TO {APP_ROLE}")
