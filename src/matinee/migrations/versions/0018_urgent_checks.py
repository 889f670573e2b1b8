"""What is due at billing, by urgency: an open purchase goes before a look at one whose outcome is known."""

from alembic import op

revision = "0018"
down_revision = "0017"

_READER = "matinee_due_reader"


def upgrade() -> None:
    op.execute(f"DO $$ BEGIN EXECUTE format('GRANT {_READER} TO %I', current_user); END $$")
    op.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {_READER}")
    # To order by, inside the function: what it returns are keys, as before.
    op.execute(f"GRANT SELECT (state) ON purchases TO {_READER}")
    op.execute("""
        CREATE OR REPLACE FUNCTION due_purchases(
            moment timestamptz, most integer, most_per_operator integer, busy uuid[])
        RETURNS TABLE (operator_id uuid, customer_id uuid, purchase_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
            SELECT d.operator_id, d.customer_id, d.purchase_id
            FROM (SELECT t.*, row_number() OVER (
                             PARTITION BY t.operator_id ORDER BY t.can_wait, t.next_check_at) AS place
                  FROM (SELECT p.operator_id, p.customer_id, p.purchase_id, p.next_check_at,
                               p.state NOT IN ('RESERVED', 'CHARGING', 'UNKNOWN') AS can_wait
                        FROM purchases p
                        WHERE p.next_check_at <= moment AND p.operator_id <> ALL (busy)) t) d
            WHERE d.place <= most_per_operator ORDER BY d.can_wait, d.next_check_at LIMIT most
        $$""")
    op.execute(f"ALTER FUNCTION due_purchases(timestamptz, integer, integer, uuid[]) OWNER TO {_READER}")
    # Those that knew nothing of operators whose share is used up.
    for table in ("purchases", "reversals"):
        op.execute(f"DROP FUNCTION due_{table}(timestamptz, integer, integer)")
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {_READER}")
    # A member of the role would be covered by its policies and see every operator's rows.
    op.execute(f"DO $$ BEGIN EXECUTE format('REVOKE {_READER} FROM %I', current_user); END $$")
