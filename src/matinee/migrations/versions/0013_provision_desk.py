"""Probes as background work, test calls, who accepted class D, and the attempt log of a provision."""

from alembic import op

from matinee.migrations.tenancy import APP_ROLE, protect

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    _probes()
    _class_d()
    _test_calls()
    _attempt_log()


def _probes() -> None:
    # `report` grows while the probe runs. `accounts` is what it sends; nothing of it stays once it has ended.
    op.execute("""
        ALTER TABLE provision_probes
            ADD COLUMN state text NOT NULL DEFAULT 'done'
                CHECK (state IN ('queued', 'running', 'done', 'failed')),
            ADD COLUMN accounts jsonb,
            ADD COLUMN error text NOT NULL DEFAULT '',
            ADD COLUMN updated_at timestamptz,
            ADD COLUMN finished_at timestamptz,
            ADD CONSTRAINT provision_probes_proof CHECK (state = 'done' OR capabilities = '{}'),
            ADD CONSTRAINT provision_probes_accounts
                CHECK ((state IN ('queued', 'running')) = (accounts IS NOT NULL))""")
    op.execute("""
        CREATE UNIQUE INDEX provision_probes_open ON provision_probes (operator_id, provision_id)
        WHERE state IN ('queued', 'running')""")
    op.execute(
        "GRANT UPDATE (state, accounts, error, updated_at, finished_at, report, capabilities) "
        f"ON provision_probes TO {APP_ROLE}"
    )
    # What was proved stays as it was proved.
    op.execute("""
        CREATE FUNCTION ended_probe_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a probe that has ended is never changed' USING ERRCODE = 'insufficient_privilege';
        END $$""")
    op.execute("""
        CREATE TRIGGER ended_probe_is_kept BEFORE UPDATE ON provision_probes
        FOR EACH ROW WHEN (OLD.state IN ('done', 'failed')) EXECUTE FUNCTION ended_probe_is_kept()""")


def _class_d() -> None:
    op.execute("""
        ALTER TABLE provisions
            ADD COLUMN class_d_accepted_at timestamptz,
            ADD COLUMN class_d_accepted_by text,
            ADD COLUMN class_d_words text,
            ADD CONSTRAINT provisions_class_d CHECK (
                num_nulls(class_d_accepted_at, class_d_accepted_by, class_d_words) IN (0, 3))""")
    # Whoever accepted it before did so in the log alone. The owner, too, is bound by the policies.
    for table in ("provisions", "audit_entries"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute("""
        UPDATE provisions p SET class_d_accepted_at = said.at, class_d_accepted_by = said.actor_name,
                                class_d_words = said.reason
        FROM (SELECT DISTINCT ON (operator_id, subject_id) operator_id, subject_id, at, actor_name, reason
              FROM audit_entries
              WHERE action = 'provision.class_d_accepted' AND subject_kind = 'provision'
              ORDER BY operator_id, subject_id, at) said
        WHERE said.operator_id = p.operator_id AND said.subject_id = p.provision_id::text""")
    for table in ("provisions", "audit_entries"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _test_calls() -> None:
    op.execute("""
        CREATE TABLE test_calls (
            operator_id uuid NOT NULL,
            provision_id uuid NOT NULL,
            test_call_id uuid NOT NULL,
            version integer NOT NULL,
            reference text NOT NULL CHECK (reference ~ '^test-[A-Za-z0-9-]{1,59}$'),
            exchange jsonb NOT NULL,
            created_by text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, provision_id, test_call_id),
            FOREIGN KEY (operator_id, provision_id, version) REFERENCES provision_versions
        )""")
    protect("test_calls", grants="SELECT, INSERT")


def _attempt_log() -> None:
    # The log of a provision, newest first, and what its health panel reads.
    op.execute("""
        CREATE INDEX billing_attempts_provision
        ON billing_attempts (operator_id, provision_id, at DESC, attempt_id DESC)""")
    op.execute("CREATE INDEX purchases_reference ON purchases (operator_id, reference)")
