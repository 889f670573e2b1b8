"""Staff, PPV rules, assets, movies with their prices, packages."""

from alembic import op

from matinee.migrations.tenancy import protect

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _staff()
    _rules_and_assets()
    _movies()
    _price_triggers()
    _packages()


def _staff() -> None:
    op.execute("""
        CREATE TABLE staff_accounts (
            operator_id uuid NOT NULL REFERENCES operators,
            staff_id uuid NOT NULL,
            email text NOT NULL CHECK (email = lower(email)),
            name text NOT NULL,
            password_hash text NOT NULL,
            roles text[] NOT NULL CHECK (roles <@ ARRAY['admin', 'catalogue', 'care', 'finance', 'integration']),
            disabled_at timestamptz,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, staff_id),
            UNIQUE (operator_id, email)
        )""")
    protect("staff_accounts")
    op.execute("""
        CREATE TABLE staff_sessions (
            operator_id uuid NOT NULL,
            session_hash bytea NOT NULL,
            staff_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            last_seen_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, session_hash),
            FOREIGN KEY (operator_id, staff_id) REFERENCES staff_accounts
        )""")
    protect("staff_sessions")
    # Wrong passwords, per operator and subject (`staff:EMAIL`, `subscriber:NAME`, `address:IP`).
    op.execute("""
        CREATE TABLE sign_in_failures (
            operator_id uuid NOT NULL REFERENCES operators,
            subject text NOT NULL,
            window_started_at timestamptz NOT NULL,
            failures integer NOT NULL,
            PRIMARY KEY (operator_id, subject)
        )""")
    protect("sign_in_failures")


def _rules_and_assets() -> None:
    op.execute("""
        CREATE TABLE ppv_rules (
            operator_id uuid NOT NULL REFERENCES operators,
            rule_id uuid NOT NULL,
            name text NOT NULL CHECK (name <> ''),
            unit text NOT NULL CHECK (unit IN ('hours', 'days', 'months', 'years')),
            quantity integer NOT NULL CHECK (quantity >= 1),
            finish_window_hours integer CHECK (finish_window_hours >= 1),
            version integer NOT NULL DEFAULT 1,
            archived_at timestamptz,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, rule_id)
        )""")
    op.execute(
        "CREATE UNIQUE INDEX ppv_rules_name ON ppv_rules (operator_id, name) WHERE archived_at IS NULL"
    )
    protect("ppv_rules", grants="SELECT, INSERT, UPDATE")
    op.execute("""
        CREATE TABLE assets (
            operator_id uuid NOT NULL REFERENCES operators,
            asset_id uuid NOT NULL,
            file_name text NOT NULL,
            state text NOT NULL CHECK (state IN ('uploaded', 'packaging', 'ready', 'failed')),
            progress_percent integer NOT NULL DEFAULT 0 CHECK (progress_percent BETWEEN 0 AND 100),
            error text,
            source_key text NOT NULL,
            playlist_key text,
            duration_seconds integer,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, asset_id),
            CHECK (state <> 'ready' OR playlist_key IS NOT NULL)
        )""")
    protect("assets")
    op.execute("""
        CREATE TABLE asset_keys (
            operator_id uuid NOT NULL,
            asset_id uuid NOT NULL,
            key_id uuid NOT NULL,
            sealed_key bytea NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, asset_id, key_id),
            FOREIGN KEY (operator_id, asset_id) REFERENCES assets ON DELETE CASCADE
        )""")
    protect("asset_keys", grants="SELECT, INSERT, DELETE")


def _movies() -> None:
    # One registry of everything that can be sold, so that purchases refer to any kind of content.
    op.execute("""
        CREATE TABLE items (
            operator_id uuid NOT NULL REFERENCES operators,
            item_kind text NOT NULL CHECK (item_kind IN ('movie')),
            item_id uuid NOT NULL,
            PRIMARY KEY (operator_id, item_kind, item_id)
        )""")
    protect("items", grants="SELECT, INSERT")
    op.execute("""
        CREATE TABLE movies (
            operator_id uuid NOT NULL,
            item_kind text NOT NULL DEFAULT 'movie' CHECK (item_kind = 'movie'),
            movie_id uuid NOT NULL,
            title text NOT NULL CHECK (title <> ''),
            year integer CHECK (year BETWEEN 1880 AND 2200),
            runtime_minutes integer CHECK (runtime_minutes BETWEEN 1 AND 6000),
            description text NOT NULL DEFAULT '',
            poster_key text,
            stream_kind text NOT NULL CHECK (stream_kind IN ('url', 'file')),
            stream_url text,
            asset_id uuid,
            payment_method text NOT NULL CHECK (payment_method IN ('subscription', 'ppv')),
            rule_id uuid,
            withdrawn_at timestamptz,
            licence_ends_at timestamptz,
            archived_at timestamptz,
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, movie_id),
            FOREIGN KEY (operator_id, item_kind, movie_id) REFERENCES items (operator_id, item_kind, item_id),
            FOREIGN KEY (operator_id, rule_id) REFERENCES ppv_rules,
            FOREIGN KEY (operator_id, asset_id) REFERENCES assets,
            CONSTRAINT movies_stream CHECK (stream_kind = 'file' OR (stream_url IS NOT NULL AND asset_id IS NULL)),
            CONSTRAINT movies_one_payment_method CHECK ((payment_method = 'ppv') = (rule_id IS NOT NULL)),
            CONSTRAINT movies_ppv_runtime CHECK (payment_method <> 'ppv' OR runtime_minutes IS NOT NULL)
        )""")
    op.execute("CREATE INDEX movies_title ON movies (operator_id, lower(title), movie_id)")
    op.execute("CREATE INDEX movies_rule ON movies (operator_id, rule_id)")
    op.execute("CREATE INDEX movies_asset ON movies (operator_id, asset_id)")
    protect("movies", grants="SELECT, INSERT, UPDATE")
    op.execute("""
        CREATE TABLE movie_prices (
            operator_id uuid NOT NULL,
            movie_id uuid NOT NULL,
            currency text NOT NULL CHECK (currency ~ '^([A-Z]{3}|CREDIT)$'),
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            PRIMARY KEY (operator_id, movie_id, currency),
            FOREIGN KEY (operator_id, movie_id) REFERENCES movies
        )""")
    protect("movie_prices")


def _price_triggers() -> None:
    # A PPV movie has a price and a subscription movie has none; checked when the transaction commits.
    op.execute("""
        CREATE FUNCTION movies_check_prices() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            method text;
            priced boolean;
        BEGIN
            SELECT payment_method INTO method FROM movies
                WHERE operator_id = coalesce(NEW.operator_id, OLD.operator_id)
                  AND movie_id = coalesce(NEW.movie_id, OLD.movie_id);
            priced := EXISTS (SELECT 1 FROM movie_prices
                WHERE operator_id = coalesce(NEW.operator_id, OLD.operator_id)
                  AND movie_id = coalesce(NEW.movie_id, OLD.movie_id));
            IF method = 'ppv' AND NOT priced THEN
                RAISE EXCEPTION 'a PPV movie needs a price' USING ERRCODE = 'check_violation',
                    CONSTRAINT = 'movies_ppv_price';
            ELSIF method = 'subscription' AND priced THEN
                RAISE EXCEPTION 'a subscription movie has no price' USING ERRCODE = 'check_violation',
                    CONSTRAINT = 'movies_subscription_price';
            END IF;
            RETURN NULL;
        END $$""")
    for table in ("movies", "movie_prices"):
        op.execute(f"""
            CREATE CONSTRAINT TRIGGER {table}_prices AFTER INSERT OR UPDATE OR DELETE ON {table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION movies_check_prices()""")


def _packages() -> None:
    op.execute("""
        CREATE TABLE packages (
            operator_id uuid NOT NULL REFERENCES operators,
            package_id uuid NOT NULL,
            name text NOT NULL CHECK (name <> ''),
            created_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, package_id)
        )""")
    op.execute("CREATE UNIQUE INDEX packages_name ON packages (operator_id, lower(name))")
    protect("packages")
    op.execute("""
        CREATE TABLE package_movies (
            operator_id uuid NOT NULL,
            package_id uuid NOT NULL,
            movie_id uuid NOT NULL,
            PRIMARY KEY (operator_id, package_id, movie_id),
            FOREIGN KEY (operator_id, package_id) REFERENCES packages ON DELETE CASCADE,
            FOREIGN KEY (operator_id, movie_id) REFERENCES movies
        )""")
    op.execute("CREATE INDEX package_movies_movie ON package_movies (operator_id, movie_id)")
    protect("package_movies")
