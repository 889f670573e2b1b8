"""Where outgoing events are told, and how far each is on its way."""

from alembic import op

from matinee.migrations.tenancy import APP_ROLE, protect

revision = "0014"
down_revision = "0013"

_READER = "matinee_due_reader"


def upgrade() -> None:
    _endpoints()
    _deliveries()
    _due_lists()


def _endpoints() -> None:
    op.execute("""
        CREATE TABLE event_endpoints (
            operator_id uuid NOT NULL REFERENCES operators,
            endpoint_id uuid NOT NULL,
            url text NOT NULL CHECK (url <> ''),
            description text NOT NULL,
            kinds text[] NOT NULL CHECK (cardinality(kinds) >= 1),
            sealed_secret bytea NOT NULL,
            version integer NOT NULL DEFAULT 1,
            switched_off_at timestamptz,
            switched_off_because text NOT NULL DEFAULT '',
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, endpoint_id)
        )""")
    protect("event_endpoints", grants="SELECT, INSERT, UPDATE")


def _deliveries() -> None:
    # An event is append-only, but for the note that it was handed to whoever is told of it.
    op.execute("ALTER TABLE outgoing_events ADD COLUMN handed_on_at timestamptz")
    op.execute(f"GRANT UPDATE (handed_on_at), DELETE ON outgoing_events TO {APP_ROLE}")
    op.execute(
        "CREATE INDEX outgoing_events_waiting ON outgoing_events (created_at, operator_id, customer_id, event_id) "
        "WHERE handed_on_at IS NULL"
    )
    op.execute("CREATE INDEX outgoing_events_age ON outgoing_events (operator_id, created_at)")
    op.execute("""
        CREATE TABLE event_deliveries (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            event_id uuid NOT NULL,
            endpoint_id uuid NOT NULL,
            state text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
            tries integer NOT NULL DEFAULT 0,
            -- The schedule counts from here; sending again by hand begins it anew.
            tries_before integer NOT NULL DEFAULT 0,
            next_try_at timestamptz,
            status integer,
            cause text NOT NULL DEFAULT '',
            tried_at timestamptz,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, customer_id, event_id, endpoint_id),
            FOREIGN KEY (operator_id, customer_id, event_id) REFERENCES outgoing_events ON DELETE CASCADE,
            FOREIGN KEY (operator_id, endpoint_id) REFERENCES event_endpoints,
            CHECK ((state = 'pending') = (next_try_at IS NOT NULL))
        )""")
    op.execute(
        "CREATE INDEX event_deliveries_due ON event_deliveries (next_try_at) WHERE next_try_at IS NOT NULL"
    )
    op.execute("CREATE INDEX event_deliveries_log ON event_deliveries (operator_id, created_at, event_id)")
    protect("event_deliveries")
    op.execute("""
        CREATE TABLE event_delivery_tries (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            event_id uuid NOT NULL,
            endpoint_id uuid NOT NULL,
            number integer NOT NULL,
            at timestamptz NOT NULL,
            status integer,
            cause text NOT NULL,
            elapsed_ms integer NOT NULL,
            answer text NOT NULL,
            PRIMARY KEY (operator_id, customer_id, event_id, endpoint_id, number),
            FOREIGN KEY (operator_id, customer_id, event_id, endpoint_id) REFERENCES event_deliveries
                ON DELETE CASCADE
        )""")
    protect("event_delivery_tries", grants="SELECT, INSERT")


def _due_lists() -> None:
    """What is due in every operator, as keys alone; only these functions see past one operator."""
    op.execute(f"DO $$ BEGIN EXECUTE format('GRANT {_READER} TO %I', current_user); END $$")
    op.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {_READER}")
    op.execute(
        "GRANT SELECT (operator_id, customer_id, event_id, created_at, handed_on_at) ON outgoing_events "
        f"TO {_READER}"
    )
    op.execute(
        "GRANT SELECT (operator_id, customer_id, event_id, endpoint_id, next_try_at) ON event_deliveries "
        f"TO {_READER}"
    )
    for table, key, due in (
        ("outgoing_events", "event_id", ("created_at", "t.handed_on_at IS NULL AND t.created_at <= moment")),
        ("event_deliveries", "event_id, endpoint_id", ("next_try_at", "t.next_try_at <= moment")),
    ):
        order, condition = due
        columns = ["operator_id", "customer_id", *key.split(", ")]
        op.execute(f"CREATE POLICY due_list ON {table} FOR SELECT TO {_READER} USING (true)")
        op.execute(f"""
            CREATE FUNCTION due_{table}(
                moment timestamptz, most integer, most_per_operator integer, busy uuid[]
            ) RETURNS TABLE ({", ".join(f"{column} uuid" for column in columns)})
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
                SELECT {", ".join(f"d.{column}" for column in columns)}
                FROM (SELECT {", ".join(f"t.{column}" for column in columns)}, t.{order},
                             row_number() OVER (PARTITION BY t.operator_id ORDER BY t.{order}) AS place
                      FROM {table} t WHERE {condition} AND t.operator_id <> ALL (busy)) d
                WHERE d.place <= most_per_operator ORDER BY d.{order} LIMIT most
            $$""")
        signature = f"due_{table}(timestamptz, integer, integer, uuid[])"
        op.execute(f"ALTER FUNCTION {signature} OWNER TO {_READER}")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {APP_ROLE}")
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {_READER}")
    # A member of the role would be covered by its policies and see every operator's rows.
    op.execute(f"DO $$ BEGIN EXECUTE format('REVOKE {_READER} FROM %I', current_user); END $$")
