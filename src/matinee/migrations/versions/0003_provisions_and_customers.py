"""API provisions, products, customers with their devices and sessions."""

from alembic import op

from matinee.migrations.tenancy import protect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _provisions()
    _products()
    _customers()


def _provisions() -> None:
    op.execute("""
        CREATE TABLE provisions (
            operator_id uuid NOT NULL REFERENCES operators,
            provision_id uuid NOT NULL,
            name text NOT NULL CHECK (name <> ''),
            api_type text NOT NULL CHECK (api_type IN ('movie')),
            current_version integer NOT NULL CHECK (current_version >= 1),
            switched_off_at timestamptz,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, provision_id),
            UNIQUE (operator_id, name)
        )""")
    protect("provisions", grants="SELECT, INSERT, UPDATE")
    op.execute("""
        CREATE TABLE provision_versions (
            operator_id uuid NOT NULL,
            provision_id uuid NOT NULL,
            version integer NOT NULL CHECK (version >= 1),
            config jsonb NOT NULL,
            created_by text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, provision_id, version),
            FOREIGN KEY (operator_id, provision_id) REFERENCES provisions
        )""")
    protect("provision_versions", grants="SELECT, INSERT")
    op.execute("""
        CREATE TABLE provision_probes (
            operator_id uuid NOT NULL,
            provision_id uuid NOT NULL,
            probe_id uuid NOT NULL,
            version integer NOT NULL,
            capabilities text[] NOT NULL
                CHECK (capabilities <@ ARRAY['idempotent', 'status', 'cancel', 'refund']),
            report jsonb NOT NULL,
            created_by text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, provision_id, probe_id),
            FOREIGN KEY (operator_id, provision_id, version) REFERENCES provision_versions
        )""")
    protect("provision_probes", grants="SELECT, INSERT")


def _products() -> None:
    op.execute("""
        CREATE TABLE products (
            operator_id uuid NOT NULL REFERENCES operators,
            product_id uuid NOT NULL,
            name text NOT NULL CHECK (name <> ''),
            mapping_id text NOT NULL DEFAULT '',
            is_trial boolean NOT NULL DEFAULT false,
            payment_type text NOT NULL CHECK (payment_type IN ('subscription', 'wallet', 'api')),
            currency text NOT NULL CHECK (currency ~ '^([A-Z]{3}|CREDIT)$'),
            max_devices integer NOT NULL DEFAULT 5 CHECK (max_devices >= 1),
            max_streams integer NOT NULL DEFAULT 2 CHECK (max_streams >= 1),
            version integer NOT NULL DEFAULT 1,
            archived_at timestamptz,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, product_id),
            UNIQUE (operator_id, name),
            CONSTRAINT products_wallet_currency CHECK ((payment_type = 'wallet') = (currency = 'CREDIT'))
        )""")
    protect("products", grants="SELECT, INSERT, UPDATE")
    op.execute("""
        CREATE TABLE product_packages (
            operator_id uuid NOT NULL,
            product_id uuid NOT NULL,
            package_id uuid NOT NULL,
            PRIMARY KEY (operator_id, product_id, package_id),
            FOREIGN KEY (operator_id, product_id) REFERENCES products,
            FOREIGN KEY (operator_id, package_id) REFERENCES packages
        )""")
    protect("product_packages")
    # The provision that a product uses, for each API type.
    op.execute("""
        CREATE TABLE product_provisions (
            operator_id uuid NOT NULL,
            product_id uuid NOT NULL,
            api_type text NOT NULL CHECK (api_type IN ('movie')),
            provision_id uuid NOT NULL,
            PRIMARY KEY (operator_id, product_id, api_type),
            FOREIGN KEY (operator_id, product_id) REFERENCES products,
            FOREIGN KEY (operator_id, provision_id) REFERENCES provisions
        )""")
    protect("product_provisions")


def _customers() -> None:
    op.execute("""
        CREATE TABLE customers (
            operator_id uuid NOT NULL REFERENCES operators,
            customer_id uuid NOT NULL,
            username text NOT NULL CHECK (username = lower(username)),
            password_hash text NOT NULL,
            first_name text NOT NULL,
            last_name text NOT NULL,
            email text NOT NULL DEFAULT '',
            phone text NOT NULL DEFAULT '',
            street text NOT NULL DEFAULT '',
            city text NOT NULL DEFAULT '',
            state text NOT NULL DEFAULT '',
            zip text NOT NULL DEFAULT '',
            country text NOT NULL DEFAULT '',
            mapping_id text NOT NULL DEFAULT '',
            product_id uuid NOT NULL,
            status text NOT NULL CHECK (status IN ('pending', 'trial', 'active', 'disabled')),
            starts_at timestamptz NOT NULL,
            expires_at timestamptz,
            spending_limit_minor bigint CHECK (spending_limit_minor >= 0),
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, customer_id),
            FOREIGN KEY (operator_id, product_id) REFERENCES products
        )""")
    op.execute("""
        CREATE INDEX customers_name
        ON customers (operator_id, lower(last_name), lower(first_name), customer_id)""")
    protect("customers", grants="SELECT, INSERT, UPDATE")
    # What is unique in the whole operator lives here, so that customers can be distributed by customer.
    op.execute("""
        CREATE TABLE customer_lookups (
            operator_id uuid NOT NULL REFERENCES operators,
            kind text NOT NULL CHECK (kind IN ('username', 'mapping_id', 'device')),
            value text NOT NULL,
            customer_id uuid NOT NULL,
            PRIMARY KEY (operator_id, kind, value)
        )""")
    op.execute("CREATE INDEX customer_lookups_customer ON customer_lookups (operator_id, customer_id)")
    protect("customer_lookups")
    op.execute("""
        CREATE TABLE devices (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            device_id uuid NOT NULL,
            category text NOT NULL CHECK (category IN ('tv', 'handheld')),
            model text NOT NULL,
            created_at timestamptz NOT NULL,
            last_seen_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, customer_id, device_id),
            FOREIGN KEY (operator_id, customer_id) REFERENCES customers
        )""")
    protect("devices")
    op.execute("""
        CREATE TABLE subscriber_sessions (
            operator_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            session_hash bytea NOT NULL,
            device_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, customer_id, session_hash),
            FOREIGN KEY (operator_id, customer_id, device_id) REFERENCES devices
        )""")
    protect("subscriber_sessions")
