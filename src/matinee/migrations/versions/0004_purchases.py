"""Purchases, attempts, reversals, the ledger, entitlements and playback sessions."""

from alembic import op

from matinee.migrations.tenancy import APP_ROLE, protect

revision = "0004"
down_revision = "0003"

_STATES = (
    "'RESERVED', 'CHARGING', 'UNKNOWN', 'REVIEW', 'GRANTED', 'DECLINED', 'VOID', 'NOT_SENT', "
    "'REVERSING', 'REVERSED', 'REFUND_OPEN'"
)


def upgrade() -> None:
    _purchases()
    _purchase_indexes_and_keys()
    _purchase_records()
    _reversals_and_events()
    _ledger()
    _entitlements()
    _due_list()


def _purchases() -> None:
    op.execute(f"""
        CREATE TABLE purchases (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            purchase_id uuid NOT NULL,
            item_kind text NOT NULL,
            item_id uuid NOT NULL,
            item_title text NOT NULL,
            generation integer NOT NULL CHECK (generation >= 0),
            reference text NOT NULL CHECK (reference ~ '^[A-Za-z0-9-]{{1,64}}$'),
            state text NOT NULL CHECK (state IN ({_STATES})),
            state_since timestamptz NOT NULL,
            slot_released_at timestamptz,
            epoch integer NOT NULL DEFAULT 0,
            deadline_at timestamptz,
            claimed_at timestamptz,
            next_check_at timestamptz,
            checked_at timestamptz,
            check_count integer NOT NULL DEFAULT 0,
            not_found_at timestamptz,
            gave_up_at timestamptz,
            alerted_at timestamptz,
            -- Recorded evidence of success: answer, status, staff, file, late charge or wallet.
            evidence text,
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            currency text NOT NULL CHECK (currency ~ '^([A-Z]{{3}}|CREDIT)$'),
            tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
            tax_rate_basis_points integer NOT NULL CHECK (tax_rate_basis_points >= 0),
            payment_type text NOT NULL CHECK (payment_type IN ('api', 'wallet')),
            product_id uuid NOT NULL,
            provision_id uuid,
            provision_version integer,
            rule_id uuid NOT NULL,
            rule_name text NOT NULL,
            rule_unit text NOT NULL,
            rule_quantity integer NOT NULL CHECK (rule_quantity >= 1),
            finish_window_hours integer,
            runtime_minutes integer NOT NULL,
            licence_ends_at timestamptz,
            device_id uuid NOT NULL,
            confirmed_at timestamptz NOT NULL,
            granted_at timestamptz,
            billing_transaction text,
            decline_reason text,
            PRIMARY KEY (operator_id, customer_id, purchase_id),
            FOREIGN KEY (operator_id, customer_id) REFERENCES customers,
            FOREIGN KEY (operator_id, customer_id, device_id) REFERENCES devices,
            FOREIGN KEY (operator_id, item_kind, item_id) REFERENCES items,
            FOREIGN KEY (operator_id, product_id) REFERENCES products,
            FOREIGN KEY (operator_id, provision_id, provision_version) REFERENCES provision_versions,
            CHECK ((payment_type = 'api') = (provision_id IS NOT NULL)),
            CHECK ((provision_id IS NULL) = (provision_version IS NULL)),
            CHECK (state <> 'GRANTED' OR (evidence IS NOT NULL AND granted_at IS NOT NULL)),
            CHECK (state NOT IN ('RESERVED', 'CHARGING', 'UNKNOWN', 'REVIEW') OR next_check_at IS NOT NULL),
            CHECK (state NOT IN ('RESERVED', 'CHARGING', 'UNKNOWN', 'REVIEW') OR slot_released_at IS NULL),
            CHECK (state NOT IN ('DECLINED', 'VOID', 'NOT_SENT', 'REVERSING', 'REVERSED', 'REFUND_OPEN')
                   OR slot_released_at IS NOT NULL)
        )""")
    protect("purchases", grants="SELECT, INSERT, UPDATE")


def _purchase_indexes_and_keys() -> None:
    # The slot: one purchase at a time of one item for one customer.
    op.execute("""
        CREATE UNIQUE INDEX purchases_slot ON purchases (operator_id, customer_id, item_kind, item_id)
        WHERE slot_released_at IS NULL""")
    op.execute("""
        CREATE UNIQUE INDEX purchases_generation
        ON purchases (operator_id, customer_id, item_kind, item_id, generation) WHERE state <> 'NOT_SENT'""")
    op.execute("""
        CREATE INDEX purchases_due ON purchases (next_check_at, operator_id, customer_id, purchase_id)
        WHERE next_check_at IS NOT NULL""")
    op.execute(
        "CREATE INDEX purchases_attention ON purchases (operator_id, state, state_since) "
        "WHERE state IN ('UNKNOWN', 'REVIEW', 'REFUND_OPEN')"
    )
    # Every key that a device confirmed with: its own purchase, or the one that held the slot.
    op.execute("""
        CREATE TABLE purchase_keys (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            idempotency_key uuid NOT NULL,
            quote_digest bytea NOT NULL,
            purchase_id uuid NOT NULL,
            PRIMARY KEY (operator_id, customer_id, idempotency_key),
            FOREIGN KEY (operator_id, customer_id, purchase_id) REFERENCES purchases
        )""")
    protect("purchase_keys", grants="SELECT, INSERT")


def _purchase_records() -> None:
    op.execute("""
        CREATE TABLE purchase_events (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            purchase_id uuid NOT NULL,
            event_id uuid NOT NULL,
            at timestamptz NOT NULL,
            from_state text,
            to_state text NOT NULL,
            epoch integer NOT NULL,
            cause text NOT NULL,
            PRIMARY KEY (operator_id, customer_id, purchase_id, event_id),
            FOREIGN KEY (operator_id, customer_id, purchase_id) REFERENCES purchases
        )""")
    protect("purchase_events", grants="SELECT, INSERT")
    op.execute("""
        CREATE TABLE billing_attempts (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            purchase_id uuid NOT NULL,
            attempt_id uuid NOT NULL,
            call text NOT NULL CHECK (call IN ('charge', 'status', 'refund', 'cancel')),
            provision_id uuid NOT NULL,
            provision_version integer NOT NULL,
            epoch integer NOT NULL,
            at timestamptz NOT NULL,
            outcome text NOT NULL,
            exchange jsonb NOT NULL,
            PRIMARY KEY (operator_id, customer_id, purchase_id, attempt_id),
            FOREIGN KEY (operator_id, customer_id, purchase_id) REFERENCES purchases,
            FOREIGN KEY (operator_id, provision_id, provision_version) REFERENCES provision_versions
        )""")
    protect("billing_attempts", grants="SELECT, INSERT")


def _reversals_and_events() -> None:
    # A booked liability with its own refund reference: of the purchase, or of a duplicate charge.
    op.execute("""
        CREATE TABLE reversals (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            reversal_id uuid NOT NULL,
            purchase_id uuid NOT NULL,
            is_duplicate boolean NOT NULL,
            charge_id text,
            refund_reference text NOT NULL CHECK (refund_reference ~ '^[A-Za-z0-9-]{1,64}$'),
            state text NOT NULL CHECK (state IN ('REVERSING', 'REVERSED', 'REFUND_OPEN')),
            state_since timestamptz NOT NULL,
            booked_at timestamptz NOT NULL,
            tries integer NOT NULL DEFAULT 0,
            epoch integer NOT NULL DEFAULT 0,
            next_check_at timestamptz,
            alerted_at timestamptz,
            reason text NOT NULL,
            requested_by text NOT NULL,
            PRIMARY KEY (operator_id, customer_id, reversal_id),
            FOREIGN KEY (operator_id, customer_id, purchase_id) REFERENCES purchases,
            CHECK (state = 'REVERSED' OR next_check_at IS NOT NULL)
        )""")
    op.execute(
        "CREATE UNIQUE INDEX reversals_main ON reversals (operator_id, customer_id, purchase_id) "
        "WHERE NOT is_duplicate"
    )
    # A refund that was believed too early is booked anew.
    op.execute(
        "CREATE UNIQUE INDEX reversals_charge ON reversals (operator_id, customer_id, purchase_id, charge_id) "
        "WHERE charge_id IS NOT NULL AND state <> 'REVERSED'"
    )
    op.execute("""
        CREATE INDEX reversals_due ON reversals (next_check_at, operator_id, customer_id, reversal_id)
        WHERE next_check_at IS NOT NULL""")
    protect("reversals", grants="SELECT, INSERT, UPDATE")
    op.execute("""
        CREATE TABLE outgoing_events (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            event_id uuid NOT NULL,
            kind text NOT NULL,
            purchase_id uuid,
            payload jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, customer_id, event_id),
            FOREIGN KEY (operator_id, customer_id) REFERENCES customers
        )""")
    protect("outgoing_events", grants="SELECT, INSERT")


def _ledger() -> None:
    op.execute("""
        CREATE TABLE ledger_entries (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            entry_id uuid NOT NULL,
            purchase_id uuid,
            account text NOT NULL
                CHECK (account IN ('billing', 'wallet', 'revenue', 'refund_liability', 'wallet_funding')),
            amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
            currency text NOT NULL,
            cause text NOT NULL,
            posted_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, customer_id, entry_id),
            FOREIGN KEY (operator_id, customer_id) REFERENCES customers,
            FOREIGN KEY (operator_id, customer_id, purchase_id) REFERENCES purchases
        )""")
    op.execute(
        "CREATE INDEX ledger_entries_purchase ON ledger_entries (operator_id, customer_id, purchase_id)"
    )
    protect("ledger_entries", grants="SELECT, INSERT")
    op.execute("""
        CREATE TABLE wallets (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            currency text NOT NULL CHECK (currency = 'CREDIT'),
            balance_minor bigint NOT NULL CHECK (balance_minor >= 0),
            PRIMARY KEY (operator_id, customer_id, currency),
            FOREIGN KEY (operator_id, customer_id) REFERENCES customers
        )""")
    protect("wallets", grants="SELECT, INSERT, UPDATE")


def _entitlements() -> None:
    op.execute("""
        CREATE TABLE entitlements (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            entitlement_id uuid NOT NULL,
            item_kind text NOT NULL,
            item_id uuid NOT NULL,
            purchase_id uuid,
            granted_at timestamptz NOT NULL,
            startable_until timestamptz NOT NULL,
            finish_window_hours integer,
            runtime_minutes integer NOT NULL,
            first_played_at timestamptz,
            last_started_at timestamptz,
            revoked_at timestamptz,
            PRIMARY KEY (operator_id, customer_id, entitlement_id),
            FOREIGN KEY (operator_id, customer_id) REFERENCES customers,
            FOREIGN KEY (operator_id, customer_id, purchase_id) REFERENCES purchases,
            FOREIGN KEY (operator_id, item_kind, item_id) REFERENCES items
        )""")
    op.execute(
        "CREATE UNIQUE INDEX entitlements_purchase ON entitlements (operator_id, customer_id, purchase_id) "
        "WHERE purchase_id IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX entitlements_item ON entitlements (operator_id, customer_id, item_kind, item_id)"
    )
    protect("entitlements", grants="SELECT, INSERT, UPDATE")
    op.execute("""
        CREATE TABLE playback_sessions (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            session_id uuid NOT NULL,
            entitlement_id uuid,
            item_kind text NOT NULL,
            item_id uuid NOT NULL,
            device_id uuid NOT NULL,
            started_at timestamptz NOT NULL,
            lease_until timestamptz NOT NULL,
            ended_at timestamptz,
            position_seconds integer NOT NULL DEFAULT 0,
            PRIMARY KEY (operator_id, customer_id, session_id),
            FOREIGN KEY (operator_id, customer_id, entitlement_id) REFERENCES entitlements,
            FOREIGN KEY (operator_id, customer_id, device_id) REFERENCES devices,
            FOREIGN KEY (operator_id, item_kind, item_id) REFERENCES items
        )""")
    op.execute(
        "CREATE INDEX playback_sessions_live ON playback_sessions (operator_id, customer_id, lease_until) "
        "WHERE ended_at IS NULL"
    )
    protect("playback_sessions", grants="SELECT, INSERT, UPDATE")


def _due_list() -> None:
    # The resolver must see what is due in every operator. This role sees only the keys of due rows,
    # and only the two functions run as it.
    op.execute("""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'matinee_due_reader') THEN
                CREATE ROLE matinee_due_reader NOLOGIN;
            END IF;
        END $$""")
    op.execute("DO $$ BEGIN EXECUTE format('GRANT matinee_due_reader TO %I', current_user); END $$")
    op.execute("GRANT USAGE, CREATE ON SCHEMA public TO matinee_due_reader")
    for table, key in (("purchases", "purchase_id"), ("reversals", "reversal_id")):
        op.execute(
            f"GRANT SELECT (operator_id, customer_id, {key}, next_check_at) ON {table} TO matinee_due_reader"
        )
        op.execute(f"CREATE POLICY due_list ON {table} FOR SELECT TO matinee_due_reader USING (true)")
        # No operator gets more than its share of the list, so that one with a dead billing cannot fill it.
        op.execute(f"""
            CREATE FUNCTION due_{table}(moment timestamptz, most integer, most_per_operator integer)
            RETURNS TABLE (operator_id uuid, customer_id uuid, {key} uuid)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
                SELECT d.operator_id, d.customer_id, d.{key}
                FROM (SELECT t.operator_id, t.customer_id, t.{key}, t.next_check_at,
                             row_number() OVER (PARTITION BY t.operator_id ORDER BY t.next_check_at) AS place
                      FROM {table} t WHERE t.next_check_at <= moment) d
                WHERE d.place <= most_per_operator ORDER BY d.next_check_at LIMIT most
            $$""")
        signature = f"due_{table}(timestamptz, integer, integer)"
        op.execute(f"ALTER FUNCTION {signature} OWNER TO matinee_due_reader")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {APP_ROLE}")
    op.execute("REVOKE CREATE ON SCHEMA public FROM matinee_due_reader")
    # A member of the role would be covered by its policies and see every operator's rows.
    op.execute("DO $$ BEGIN EXECUTE format('REVOKE matinee_due_reader FROM %I', current_user); END $$")
