"""Operators, audit and background jobs."""

from alembic import op
from procrastinate.schema import SchemaManager

from matinee.migrations.tenancy import APP_ROLE, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    # The directory is readable by all: it holds what a sign-in page shows. Only the owner writes it.
    op.execute("""
        CREATE TABLE operators (
            operator_id uuid PRIMARY KEY,
            slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z][a-z0-9-]{1,30}$'),
            name text NOT NULL,
            time_zone text NOT NULL,
            currency text NOT NULL,
            country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
            locale text NOT NULL,
            tax_rate_basis_points integer NOT NULL CHECK (tax_rate_basis_points BETWEEN 0 AND 10000),
            cms_name text NOT NULL,
            crm_name text NOT NULL,
            -- At the end of a finish window, cut a session that is running, or let it end.
            cut_at_finish boolean NOT NULL DEFAULT false,
            -- A charge that turns up after DECLINED or VOID: honour it while the window is open, or reverse it.
            honour_late_charges boolean NOT NULL DEFAULT false
        )""")
    op.execute("""
        CREATE TABLE operator_hosts (
            host text PRIMARY KEY CHECK (host = lower(host)),
            operator_id uuid NOT NULL REFERENCES operators,
            is_main boolean NOT NULL
        )""")
    op.execute("CREATE UNIQUE INDEX operator_hosts_main ON operator_hosts (operator_id) WHERE is_main")
    op.execute(f"GRANT SELECT ON operators, operator_hosts TO {APP_ROLE}")
    # So that a server can say that its database waits for a migration.
    op.execute(f"GRANT SELECT ON alembic_version TO {APP_ROLE}")

    op.execute("""
        CREATE TABLE audit_entries (
            operator_id uuid NOT NULL REFERENCES operators,
            entry_id uuid NOT NULL,
            at timestamptz NOT NULL,
            actor_kind text NOT NULL CHECK (actor_kind IN ('staff', 'subscriber', 'system')),
            actor_id uuid,
            actor_name text NOT NULL,
            action text NOT NULL,
            subject_kind text NOT NULL,
            subject_id text NOT NULL,
            reason text NOT NULL,
            details jsonb NOT NULL,
            PRIMARY KEY (operator_id, entry_id)
        )""")
    op.execute(
        "CREATE INDEX audit_entries_subject ON audit_entries (operator_id, subject_kind, subject_id, at)"
    )
    protect("audit_entries", grants="SELECT, INSERT")

    # Job tables belong to the library; their rows carry the operator in their arguments.
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path = jobs")
    op.get_bind().connection.cursor().execute(SchemaManager.get_schema())
    op.execute("SET LOCAL search_path = public")
    op.execute(f"GRANT USAGE ON SCHEMA jobs TO {APP_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO {APP_ROLE}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA jobs TO {APP_ROLE}")
    op.execute(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA jobs TO {APP_ROLE}")
