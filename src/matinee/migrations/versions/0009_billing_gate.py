"""What stands before a charge: breakers, places, receipts of callbacks; and what is counted over all operators."""

from alembic import op

from matinee.migrations.tenancy import APP_ROLE, protect

revision = "0009"
down_revision = "0008"

_HOT_READER = "matinee_hot_reader"
_COUNTER = "matinee_gauge_reader"

# Planning anew for each call takes ten times as long as the look-up (measured).
_SETTINGS = "SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan"


def upgrade() -> None:
    _breakers()
    _places()
    _receipts()
    _state_and_epoch()
    _gauges()
    _due_lists()


def _breakers() -> None:
    # A row appears when a billing system stops answering. Nobody is charged before `open_until`; after it one
    # claim alone tries, and nobody else before `trial_until`. `open_until` null: billing has answered since.
    op.execute("""
        CREATE TABLE provision_breakers (
            operator_id uuid NOT NULL,
            provision_id uuid NOT NULL,
            times_opened integer NOT NULL CHECK (times_opened >= 1),
            opened_at timestamptz NOT NULL,
            open_until timestamptz,
            trial_until timestamptz,
            PRIMARY KEY (operator_id, provision_id),
            FOREIGN KEY (operator_id, provision_id) REFERENCES provisions,
            CHECK (trial_until IS NULL OR open_until IS NOT NULL)
        )""")
    protect("provision_breakers", grants="SELECT, INSERT, UPDATE")


def _places() -> None:
    # One row for each charge that a billing system takes at a time; whoever holds it has it until `taken_until`.
    op.execute("""
        CREATE TABLE billing_places (
            operator_id uuid NOT NULL,
            provision_id uuid NOT NULL,
            place integer NOT NULL CHECK (place >= 1),
            holder uuid,
            taken_until timestamptz,
            PRIMARY KEY (operator_id, provision_id, place),
            FOREIGN KEY (operator_id, provision_id) REFERENCES provisions,
            CHECK ((holder IS NULL) = (taken_until IS NULL))
        )""")
    protect("billing_places", grants="SELECT, INSERT, UPDATE")


def _receipts() -> None:
    # Every callback that was taken, by the name its sender gave it: none is acted on twice.
    op.execute("""
        CREATE TABLE callback_receipts (
            operator_id uuid NOT NULL,
            provision_id uuid NOT NULL,
            webhook_id text NOT NULL CHECK (length(webhook_id) BETWEEN 1 AND 256),
            received_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, provision_id, webhook_id),
            FOREIGN KEY (operator_id, provision_id) REFERENCES provisions
        )""")
    op.execute("CREATE INDEX callback_receipts_age ON callback_receipts (operator_id, received_at)")
    protect("callback_receipts", grants="SELECT, INSERT, DELETE")


def _become(role: str) -> None:
    """Let the migration give functions to `role`; `_leave` takes that back."""
    op.execute(f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                CREATE ROLE {role} NOLOGIN;
            END IF;
        END $$""")
    op.execute(f"DO $$ BEGIN EXECUTE format('GRANT {role} TO %I', current_user); END $$")
    op.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {role}")


def _leave(role: str) -> None:
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {role}")
    # A member of the role would be covered by its policies and see every operator's rows.
    op.execute(f"DO $$ BEGIN EXECUTE format('REVOKE {role} FROM %I', current_user); END $$")


def _give(signature: str, role: str) -> None:
    op.execute(f"ALTER FUNCTION {signature} OWNER TO {role}")
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {APP_ROLE}")


def _state_and_epoch() -> None:
    """What is read just before a charge is sent: one round trip in place of three."""
    _become(_HOT_READER)
    op.execute(
        f"GRANT SELECT (operator_id, customer_id, purchase_id, state, epoch) ON purchases TO {_HOT_READER}"
    )
    op.execute(f"CREATE POLICY hot_lookup ON purchases FOR SELECT TO {_HOT_READER} USING (true)")
    op.execute(f"""
        CREATE FUNCTION purchase_state(operator uuid, customer uuid, purchase uuid)
        RETURNS TABLE (state text, epoch integer)
        LANGUAGE plpgsql STABLE SECURITY DEFINER {_SETTINGS} AS $$
        #variable_conflict use_column
        BEGIN
            RETURN QUERY SELECT p.state, p.epoch FROM purchases p
            WHERE p.operator_id = operator AND p.customer_id = customer AND p.purchase_id = purchase;
        END $$""")
    _give("purchase_state(uuid, uuid, uuid)", _HOT_READER)
    _leave(_HOT_READER)


def _gauges() -> None:
    """Sums over every operator, for whoever watches the installation; nobody's row can be told from them."""
    _become(_COUNTER)
    for table, columns in (
        ("purchases", "state, next_check_at"),
        ("reversals", "state, next_check_at"),
        ("provision_breakers", "open_until"),
    ):
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO {_COUNTER}")
        op.execute(f"CREATE POLICY gauges ON {table} FOR SELECT TO {_COUNTER} USING (true)")
    op.execute("""
        CREATE FUNCTION billing_gauges(moment timestamptz, overdue_since timestamptz)
        RETURNS TABLE (name text, found bigint)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
            SELECT 'UNKNOWN', count(*) FROM purchases WHERE state = 'UNKNOWN'
            UNION ALL SELECT 'REVIEW', count(*) FROM purchases WHERE state = 'REVIEW'
            UNION ALL SELECT 'REFUND_OPEN', count(*) FROM reversals
                WHERE next_check_at IS NOT NULL AND state = 'REFUND_OPEN'
            UNION ALL SELECT 'overdue', (SELECT count(*) FROM purchases WHERE next_check_at < overdue_since)
                                      + (SELECT count(*) FROM reversals WHERE next_check_at < overdue_since)
            UNION ALL SELECT 'breakers_open', count(*) FROM provision_breakers WHERE open_until > moment
            UNION ALL SELECT 'breakers_trying', count(*) FROM provision_breakers WHERE open_until <= moment
        $$""")
    _give("billing_gauges(timestamptz, timestamptz)", _COUNTER)
    _leave(_COUNTER)


def _due_lists() -> None:
    """Leave out the operators whose share is used up: a long list of theirs must not hide everybody else's."""
    reader = "matinee_due_reader"
    _become(reader)
    for table, key in (("purchases", "purchase_id"), ("reversals", "reversal_id")):
        op.execute(f"""
            CREATE FUNCTION due_{table}(
                moment timestamptz, most integer, most_per_operator integer, busy uuid[])
            RETURNS TABLE (operator_id uuid, customer_id uuid, {key} uuid)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
                SELECT d.operator_id, d.customer_id, d.{key}
                FROM (SELECT t.operator_id, t.customer_id, t.{key}, t.next_check_at,
                             row_number() OVER (PARTITION BY t.operator_id ORDER BY t.next_check_at) AS place
                      FROM {table} t WHERE t.next_check_at <= moment AND t.operator_id <> ALL (busy)) d
                WHERE d.place <= most_per_operator ORDER BY d.next_check_at LIMIT most
            $$""")
        _give(f"due_{table}(timestamptz, integer, integer, uuid[])", reader)
    _leave(reader)
