"""Settlement files of billing systems, and what each of their rows says about a purchase."""

from alembic import op

from matinee.migrations.tenancy import protect

revision = "0011"
down_revision = "0010"

_STATES = "'uploaded', 'reading', 'ready', 'applying', 'applied', 'failed', 'cancelled'"
_VERDICTS = (
    "'unreadable', 'matched', 'theirs_only', 'ours_only', 'differs', 'duplicate', "
    "'refund_matched', 'refund_missing'"
)
_EFFECTS = "'grant', 'void', 'review', 'late_charge', 'end_access', 'reverse_duplicates'"
_RESOLUTIONS = "'accepted', 'charged', 'not_charged', 'refund_booked', 'written_off'"


def upgrade() -> None:
    _files()
    _rows()
    # The purchases of a period, for whatever reads them in the order of time.
    op.execute("CREATE INDEX purchases_confirmed ON purchases (operator_id, confirmed_at, purchase_id)")


def _files() -> None:
    op.execute(f"""
        CREATE TABLE settlement_files (
            operator_id uuid NOT NULL REFERENCES operators,
            file_id uuid NOT NULL,
            provision_id uuid NOT NULL,
            name text NOT NULL,
            digest bytea NOT NULL CHECK (length(digest) = 32),
            storage_key text NOT NULL,
            size_bytes bigint NOT NULL,
            layout jsonb NOT NULL,
            mapping jsonb,
            covers_from timestamptz NOT NULL,
            covers_until timestamptz NOT NULL,
            state text NOT NULL CHECK (state IN ({_STATES})),
            stage text NOT NULL DEFAULT '',
            percent integer NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
            error text,
            -- Staff declared that no charge of the period is missing in it.
            is_complete boolean NOT NULL DEFAULT false,
            -- Who asked for it to be applied, and why.
            applied_by text,
            applied_by_id uuid,
            apply_reason text,
            uploaded_by text NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            finished_at timestamptz,
            PRIMARY KEY (operator_id, file_id),
            FOREIGN KEY (operator_id, provision_id) REFERENCES provisions,
            CHECK (covers_from < covers_until),
            CHECK (state IN ('uploaded', 'failed', 'cancelled') OR mapping IS NOT NULL)
        )""")
    # The same file twice is one too many, unless the first came to nothing.
    op.execute("""
        CREATE UNIQUE INDEX settlement_files_once ON settlement_files (operator_id, provision_id, digest)
        WHERE state NOT IN ('failed', 'cancelled')""")
    op.execute("CREATE INDEX settlement_files_newest ON settlement_files (operator_id, created_at)")
    protect("settlement_files", grants="SELECT, INSERT, UPDATE")


def _rows() -> None:
    # A row of a file (`line` is its number), or a purchase that the file does not name (`line` is null). The
    # customer is what the reference names, whoever wrote it: a look-up, with no key into the customer's side.
    op.execute(f"""
        CREATE TABLE settlement_rows (
            operator_id uuid NOT NULL,
            file_id uuid NOT NULL,
            row_id uuid NOT NULL,
            line integer CHECK (line >= 1),
            reference text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('charge', 'refund')),
            amount_minor bigint,
            currency text,
            transaction_id text,
            charged_at timestamptz,
            -- What is wrong with a row that could not be read, or what else there is to say of it.
            note text NOT NULL DEFAULT '',
            verdict text CHECK (verdict IN ({_VERDICTS})),
            customer_id uuid,
            purchase_id uuid,
            found_state text,
            expected_minor bigint,
            expected_currency text,
            effect text CHECK (effect IN ({_EFFECTS})),
            effect_done text CHECK (effect_done IN ('applied', 'passed_over')),
            resolution text CHECK (resolution IN ({_RESOLUTIONS})),
            resolution_reason text,
            resolved_by text,
            resolved_at timestamptz,
            PRIMARY KEY (operator_id, file_id, row_id),
            FOREIGN KEY (operator_id, file_id) REFERENCES settlement_files,
            CHECK (verdict <> 'unreadable' OR note <> ''),
            CHECK ((resolution IS NULL) = (resolved_at IS NULL)),
            CHECK (line IS NOT NULL OR purchase_id IS NOT NULL)
        )""")
    # What a job that was cut off has written already is not written twice.
    op.execute(
        "CREATE UNIQUE INDEX settlement_rows_line ON settlement_rows (operator_id, file_id, line) "
        "WHERE line IS NOT NULL"
    )
    op.execute(
        "CREATE UNIQUE INDEX settlement_rows_purchase ON settlement_rows (operator_id, file_id, purchase_id, verdict) "
        "WHERE line IS NULL"
    )
    op.execute("CREATE INDEX settlement_rows_reference ON settlement_rows (operator_id, reference, file_id) ")
    op.execute(
        "CREATE INDEX settlement_rows_unjudged ON settlement_rows (operator_id, file_id, reference) "
        "WHERE verdict IS NULL"
    )
    op.execute(
        "CREATE INDEX settlement_rows_effects ON settlement_rows (operator_id, file_id, row_id) "
        "WHERE effect IS NOT NULL"
    )
    protect("settlement_rows", grants="SELECT, INSERT, UPDATE")
