"""Cloud Sync: runs, snapshots, the pointer to the published one, and the published offers."""

from alembic import op

from matinee.migrations.tenancy import protect

revision = "0005"
down_revision = "0004"

_SECTIONS = "'movies_tv', 'movies_handheld', 'products'"


def upgrade() -> None:
    op.execute(f"""
        CREATE TABLE snapshots (
            operator_id uuid NOT NULL REFERENCES operators,
            section text NOT NULL CHECK (section IN ({_SECTIONS})),
            snapshot_id uuid NOT NULL,
            -- The content's digest. `manifest_key` is the private index that a put-back reads: pages and versions.
            digest text NOT NULL,
            manifest_key text NOT NULL,
            item_count integer NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, section, snapshot_id)
        )""")
    protect("snapshots", grants="SELECT, INSERT")
    # The truth about what is published: one row a section, swapped in one transaction.
    op.execute(f"""
        CREATE TABLE published_snapshots (
            operator_id uuid NOT NULL,
            section text NOT NULL CHECK (section IN ({_SECTIONS})),
            snapshot_id uuid NOT NULL,
            published_at timestamptz NOT NULL,
            published_by text NOT NULL,
            PRIMARY KEY (operator_id, section),
            FOREIGN KEY (operator_id, section, snapshot_id) REFERENCES snapshots
        )""")
    protect("published_snapshots", grants="SELECT, INSERT, UPDATE")
    op.execute(f"""
        CREATE TABLE sync_runs (
            operator_id uuid NOT NULL REFERENCES operators,
            run_id uuid NOT NULL,
            section text NOT NULL CHECK (section IN ({_SECTIONS})),
            state text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
            stage text NOT NULL DEFAULT '',
            percent integer NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
            change_count integer NOT NULL DEFAULT 0,
            error text,
            snapshot_id uuid,
            -- Set when an earlier snapshot is put back instead of reading the CMS.
            restores uuid,
            started_by text NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            finished_at timestamptz,
            PRIMARY KEY (operator_id, run_id),
            FOREIGN KEY (operator_id, section, snapshot_id) REFERENCES snapshots,
            FOREIGN KEY (operator_id, section, restores) REFERENCES snapshots
        )""")
    op.execute(
        "CREATE UNIQUE INDEX sync_runs_one_at_a_time ON sync_runs (operator_id, section) "
        "WHERE state IN ('queued', 'running')"
    )
    op.execute("CREATE INDEX sync_runs_history ON sync_runs (operator_id, section, created_at)")
    protect("sync_runs", grants="SELECT, INSERT, UPDATE")
    # What each section's published snapshot says of each item, so that a quote needs no look into storage.
    # `source_version` tells whether the item has changed in the CMS since.
    op.execute(f"""
        CREATE TABLE published_items (
            operator_id uuid NOT NULL,
            section text NOT NULL CHECK (section IN ({_SECTIONS})),
            item_id uuid NOT NULL,
            source_version text NOT NULL,
            document jsonb NOT NULL,
            PRIMARY KEY (operator_id, section, item_id),
            FOREIGN KEY (operator_id, section) REFERENCES published_snapshots
        )""")
    protect("published_items")
