"""What people decide about money and rights: settings, second opinions, grants and the wallet's reasons."""

from alembic import op

from matinee.migrations.tenancy import APP_ROLE, protect

revision = "0010"
down_revision = "0009"

_KINDS = "'refund', 'settle_charged', 'settle_not_charged', 'wallet_credit', 'wallet_debit', 'grant'"


def upgrade() -> None:
    _operators()
    _limits()
    _staff()
    _customers()
    _decisions()
    _ledger()
    _entitlements()


def _operators() -> None:
    op.execute("""
        ALTER TABLE operators
            -- Hours after the purchase in which a subscriber may cancel what was not played yet; null: not at all.
            ADD COLUMN self_cancel_hours integer CHECK (self_cancel_hours BETWEEN 1 AND 8760),
            ADD COLUMN settings_version integer NOT NULL DEFAULT 1""")
    # Only the owner's role writes the directory; this lets an operator's own transaction change its own row.
    op.execute("""
        CREATE FUNCTION update_operator_settings(
            expected_version integer, zone text, new_currency text, new_locale text, tax integer,
            cut boolean, honour boolean, cancel_hours integer)
        RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
            UPDATE operators SET time_zone = zone, currency = new_currency, locale = new_locale,
                   tax_rate_basis_points = tax, cut_at_finish = cut, honour_late_charges = honour,
                   self_cancel_hours = cancel_hours, settings_version = settings_version + 1
            WHERE operator_id = nullif(current_setting('matinee.operator_id', true), '')::uuid
              AND settings_version = expected_version
            RETURNING settings_version
        $$""")
    signature = "update_operator_settings(integer, text, text, text, integer, boolean, boolean, integer)"
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {APP_ROLE}")


def _limits() -> None:
    # Above such an amount one person's word is not enough; a currency without a row has no limit.
    op.execute("""
        CREATE TABLE four_eyes_limits (
            operator_id uuid NOT NULL REFERENCES operators,
            currency text NOT NULL CHECK (currency ~ '^([A-Z]{3}|CREDIT)$'),
            amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
            PRIMARY KEY (operator_id, currency)
        )""")
    protect("four_eyes_limits")


def _staff() -> None:
    op.execute("ALTER TABLE staff_accounts ADD COLUMN version integer NOT NULL DEFAULT 1")


def _customers() -> None:
    op.execute("""
        ALTER TABLE customers
            ADD COLUMN spending_limit_currency text CHECK (spending_limit_currency ~ '^([A-Z]{3}|CREDIT)$'),
            ADD COLUMN status_before_disabled text
                CHECK (status_before_disabled IN ('pending', 'trial', 'active'))""")
    # Forced row-level security hides every row from its owner too, so it is lifted for the conversion.
    for table in ("customers", "products"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    # A limit was counted in the currency of the customer's product.
    op.execute("""
        UPDATE customers c SET spending_limit_currency = p.currency FROM products p
        WHERE p.operator_id = c.operator_id AND p.product_id = c.product_id
          AND c.spending_limit_minor IS NOT NULL""")
    for table in ("customers", "products"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute("""
        ALTER TABLE customers ADD CONSTRAINT customers_limit_currency
        CHECK ((spending_limit_minor IS NULL) = (spending_limit_currency IS NULL))""")


def _decisions() -> None:
    # Asked for by one person, decided by another. A row is open until it has an outcome.
    op.execute(f"""
        CREATE TABLE staff_decisions (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            decision_id uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ({_KINDS})),
            purchase_id uuid,
            item_title text NOT NULL DEFAULT '',
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            currency text NOT NULL CHECK (currency ~ '^([A-Z]{{3}}|CREDIT)$'),
            proposal jsonb NOT NULL,
            reason text NOT NULL CHECK (reason <> ''),
            requested_by uuid NOT NULL,
            requester_name text NOT NULL,
            requested_at timestamptz NOT NULL,
            outcome text CHECK (outcome IN ('approved', 'rejected', 'withdrawn', 'lapsed')),
            decided_by uuid,
            decider_name text,
            decided_at timestamptz,
            decision_reason text,
            PRIMARY KEY (operator_id, customer_id, decision_id),
            FOREIGN KEY (operator_id, customer_id) REFERENCES customers,
            FOREIGN KEY (operator_id, customer_id, purchase_id) REFERENCES purchases,
            FOREIGN KEY (operator_id, requested_by) REFERENCES staff_accounts,
            FOREIGN KEY (operator_id, decided_by) REFERENCES staff_accounts,
            CHECK ((outcome IS NULL) = (decided_by IS NULL) AND (outcome IS NULL) = (decided_at IS NULL)),
            CHECK (kind IN ('wallet_credit', 'wallet_debit', 'grant') OR purchase_id IS NOT NULL),
            CONSTRAINT staff_decisions_four_eyes
                CHECK (outcome NOT IN ('approved', 'rejected') OR decided_by <> requested_by)
        )""")
    op.execute("""
        CREATE UNIQUE INDEX staff_decisions_purchase ON staff_decisions (operator_id, customer_id, purchase_id)
        WHERE outcome IS NULL AND purchase_id IS NOT NULL""")
    op.execute(
        "CREATE INDEX staff_decisions_open ON staff_decisions (operator_id, requested_at) WHERE outcome IS NULL"
    )
    protect("staff_decisions", grants="SELECT, INSERT, UPDATE")


def _ledger() -> None:
    op.execute("""
        ALTER TABLE ledger_entries
            ADD COLUMN reason text NOT NULL DEFAULT '',
            ADD COLUMN posted_by text NOT NULL DEFAULT ''""")
    op.execute("""
        CREATE INDEX ledger_entries_wallet ON ledger_entries (operator_id, customer_id, posted_at, entry_id)
        WHERE account = 'wallet'""")


def _entitlements() -> None:
    op.execute("""
        ALTER TABLE entitlements
            ADD COLUMN granted_by text NOT NULL DEFAULT '',
            ADD COLUMN grant_reason text NOT NULL DEFAULT '',
            ADD COLUMN rule_name text NOT NULL DEFAULT '',
            -- The unclear purchase that a free grant helps over; its charge, if it turns up, pays for the grant.
            ADD COLUMN for_purchase_id uuid,
            -- When the end was told to the operator's other systems.
            ADD COLUMN end_noted_at timestamptz,
            ADD FOREIGN KEY (operator_id, customer_id, for_purchase_id) REFERENCES purchases""")
    op.execute("""
        CREATE UNIQUE INDEX entitlements_for_purchase ON entitlements (operator_id, customer_id, for_purchase_id)
        WHERE for_purchase_id IS NOT NULL AND revoked_at IS NULL""")
    op.execute("ALTER TABLE entitlements NO FORCE ROW LEVEL SECURITY")
    op.execute("""
        UPDATE entitlements SET end_noted_at = coalesce(revoked_at, startable_until)
        -- What had ended before such events were recorded is not told of: the one time that is asked for here.
        WHERE revoked_at IS NOT NULL OR startable_until < now()  -- the migration's own moment""")
    op.execute("ALTER TABLE entitlements FORCE ROW LEVEL SECURITY")
    # Rights whose end nobody was told of yet: by the end of the start window, or by the first play.
    op.execute("""
        CREATE INDEX entitlements_ending ON entitlements (operator_id, startable_until)
        WHERE end_noted_at IS NULL AND (first_played_at IS NULL OR finish_window_hours IS NULL)""")
    op.execute("""
        CREATE INDEX entitlements_finishing ON entitlements (operator_id, first_played_at)
        WHERE end_noted_at IS NULL AND first_played_at IS NOT NULL AND finish_window_hours IS NOT NULL""")
