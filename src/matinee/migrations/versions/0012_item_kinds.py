"""Live events and seasons: everything that can be sold is one table of items, with its prices and packages."""

from alembic import op

from matinee.migrations.tenancy import APP_ROLE, protect

revision = "0012"
down_revision = "0011"

_KINDS = "'movie', 'live_event', 'season'"
_LIFTED = ("items", "ppv_rules", "assets")
_READER = "matinee_hot_reader"
# What the look-up of rights reads besides the columns of migration 0006, and no more.
_COLUMNS = {
    "items": "operator_id, item_kind, item_id, payment_method, withdrawn_at, archived_at, licence_ends_at",
    "live_events": "operator_id, item_id, ends_at",
    "package_items": "operator_id, package_id, item_kind, item_id",
}
_SETTINGS = "SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan"


def upgrade() -> None:
    _items()
    _prices_and_packages()
    _price_triggers()
    _kinds()
    _episodes_in_sessions()
    _api_types()
    _rights()


def _items() -> None:
    """What movies have in common with every other kind moves into the registry of items."""
    op.execute("""
        ALTER TABLE items
            ADD COLUMN title text,
            ADD COLUMN year integer CHECK (year BETWEEN 1880 AND 2200),
            -- Of a season: its longest episode.
            ADD COLUMN runtime_minutes integer CHECK (runtime_minutes BETWEEN 1 AND 6000),
            ADD COLUMN description text NOT NULL DEFAULT '',
            ADD COLUMN poster_key text,
            ADD COLUMN stream_kind text CHECK (stream_kind IN ('url', 'file')),
            ADD COLUMN stream_url text,
            ADD COLUMN asset_id uuid,
            ADD COLUMN payment_method text CHECK (payment_method IN ('subscription', 'ppv')),
            ADD COLUMN rule_id uuid,
            ADD COLUMN withdrawn_at timestamptz,
            ADD COLUMN licence_ends_at timestamptz,
            ADD COLUMN archived_at timestamptz,
            ADD COLUMN version integer NOT NULL DEFAULT 1,
            ADD COLUMN created_at timestamptz,
            ADD COLUMN updated_at timestamptz""")
    # The owner of the tables is bound by row-level security too; the rows of all operators move, and the new
    # foreign keys are checked against all rules and assets.
    for table in ("movies", "movie_prices", "package_movies", *_LIFTED):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute("""
        UPDATE items i SET (title, year, runtime_minutes, description, poster_key, stream_kind, stream_url,
                asset_id, payment_method, rule_id, withdrawn_at, licence_ends_at, archived_at, version,
                created_at, updated_at)
            = (m.title, m.year, m.runtime_minutes, m.description, m.poster_key, m.stream_kind, m.stream_url,
               m.asset_id, m.payment_method, m.rule_id, m.withdrawn_at, m.licence_ends_at, m.archived_at,
               m.version, m.created_at, m.updated_at)
        FROM movies m WHERE m.operator_id = i.operator_id AND m.movie_id = i.item_id""")
    op.execute(f"""
        ALTER TABLE items
            ALTER COLUMN title SET NOT NULL,
            ALTER COLUMN payment_method SET NOT NULL,
            ALTER COLUMN created_at SET NOT NULL,
            ALTER COLUMN updated_at SET NOT NULL,
            DROP CONSTRAINT items_item_kind_check,
            ADD CONSTRAINT items_item_kind_check CHECK (item_kind IN ({_KINDS})),
            ADD CONSTRAINT items_title_check CHECK (title <> ''),
            ADD CONSTRAINT items_stream CHECK (
                CASE WHEN item_kind = 'season' THEN stream_kind IS NULL AND stream_url IS NULL AND asset_id IS NULL
                     ELSE stream_kind IS NOT NULL
                          AND (stream_kind = 'file' OR (stream_url IS NOT NULL AND asset_id IS NULL)) END),
            ADD CONSTRAINT items_one_payment_method CHECK ((payment_method = 'ppv') = (rule_id IS NOT NULL)),
            -- A season has its runtime from its episodes, which are added after it.
            ADD CONSTRAINT items_ppv_runtime
                CHECK (payment_method <> 'ppv' OR runtime_minutes IS NOT NULL OR item_kind = 'season'),
            ADD CONSTRAINT items_rule FOREIGN KEY (operator_id, rule_id) REFERENCES ppv_rules,
            ADD CONSTRAINT items_asset FOREIGN KEY (operator_id, asset_id) REFERENCES assets""")
    op.execute("CREATE INDEX items_listed ON items (operator_id, item_kind, lower(title), item_id)")
    op.execute("CREATE INDEX items_published ON items (operator_id, item_id)")
    op.execute("CREATE INDEX items_of_rule ON items (operator_id, rule_id)")
    op.execute("CREATE INDEX items_of_asset ON items (operator_id, asset_id)")
    op.execute(f"GRANT UPDATE ON items TO {APP_ROLE}")


def _prices_and_packages() -> None:
    op.execute("""
        CREATE TABLE item_prices (
            operator_id uuid NOT NULL,
            item_kind text NOT NULL,
            item_id uuid NOT NULL,
            currency text NOT NULL CHECK (currency ~ '^([A-Z]{3}|CREDIT)$'),
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            PRIMARY KEY (operator_id, item_kind, item_id, currency),
            FOREIGN KEY (operator_id, item_kind, item_id) REFERENCES items
        )""")
    op.execute("""
        INSERT INTO item_prices SELECT operator_id, 'movie', movie_id, currency, amount_minor FROM movie_prices""")
    op.execute("""
        CREATE TABLE package_items (
            operator_id uuid NOT NULL,
            package_id uuid NOT NULL,
            item_kind text NOT NULL,
            item_id uuid NOT NULL,
            PRIMARY KEY (operator_id, package_id, item_kind, item_id),
            CONSTRAINT package_items_package
                FOREIGN KEY (operator_id, package_id) REFERENCES packages ON DELETE CASCADE,
            FOREIGN KEY (operator_id, item_kind, item_id) REFERENCES items
        )""")
    op.execute(
        "INSERT INTO package_items SELECT operator_id, package_id, 'movie', movie_id FROM package_movies"
    )
    op.execute("CREATE INDEX package_items_item ON package_items (operator_id, item_kind, item_id)")
    for table in ("package_movies", "movie_prices", "movies"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION movies_check_prices()")
    for table in _LIFTED:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    protect("item_prices")
    protect("package_items")


def _price_triggers() -> None:
    # What is sold by PPV has a price and what belongs to a subscription has none; checked at the commit.
    op.execute("""
        CREATE FUNCTION items_check_prices() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            changed record := coalesce(NEW, OLD);
            method text;
            priced boolean;
        BEGIN
            SELECT payment_method INTO method FROM items
                WHERE operator_id = changed.operator_id AND item_kind = changed.item_kind
                  AND item_id = changed.item_id;
            priced := EXISTS (SELECT 1 FROM item_prices
                WHERE operator_id = changed.operator_id AND item_kind = changed.item_kind
                  AND item_id = changed.item_id);
            IF method = 'ppv' AND NOT priced THEN
                RAISE EXCEPTION 'what is sold by PPV needs a price' USING ERRCODE = 'check_violation',
                    CONSTRAINT = 'items_ppv_price';
            ELSIF method = 'subscription' AND priced THEN
                RAISE EXCEPTION 'what belongs to a subscription has no price' USING ERRCODE = 'check_violation',
                    CONSTRAINT = 'items_subscription_price';
            END IF;
            RETURN NULL;
        END $$""")
    for table in ("items", "item_prices"):
        op.execute(f"""
            CREATE CONSTRAINT TRIGGER {table}_prices AFTER INSERT OR UPDATE OR DELETE ON {table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION items_check_prices()""")


def _kinds() -> None:
    op.execute("""
        CREATE TABLE live_events (
            operator_id uuid NOT NULL,
            item_kind text NOT NULL DEFAULT 'live_event' CHECK (item_kind = 'live_event'),
            item_id uuid NOT NULL,
            starts_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            PRIMARY KEY (operator_id, item_id),
            FOREIGN KEY (operator_id, item_kind, item_id) REFERENCES items,
            CONSTRAINT live_events_ends CHECK (ends_at > starts_at)
        )""")
    protect("live_events", grants="SELECT, INSERT, UPDATE")
    # `items.title` of a season is made of the three, so that a bill or an invoice needs to know nothing of seasons.
    op.execute("""
        CREATE TABLE seasons (
            operator_id uuid NOT NULL,
            item_kind text NOT NULL DEFAULT 'season' CHECK (item_kind = 'season'),
            item_id uuid NOT NULL,
            series_title text NOT NULL CHECK (series_title <> ''),
            season_number integer NOT NULL CHECK (season_number BETWEEN 1 AND 1000),
            own_title text NOT NULL DEFAULT '',
            PRIMARY KEY (operator_id, item_id),
            FOREIGN KEY (operator_id, item_kind, item_id) REFERENCES items
        )""")
    protect("seasons", grants="SELECT, INSERT, UPDATE")
    # An episode that was once played stands in playback sessions: it is removed from view, not from the table.
    op.execute("""
        CREATE TABLE episodes (
            operator_id uuid NOT NULL,
            season_id uuid NOT NULL,
            episode_id uuid NOT NULL,
            number integer NOT NULL CHECK (number BETWEEN 1 AND 10000),
            title text NOT NULL CHECK (title <> ''),
            runtime_minutes integer NOT NULL CHECK (runtime_minutes BETWEEN 1 AND 6000),
            stream_kind text NOT NULL CHECK (stream_kind IN ('url', 'file')),
            stream_url text,
            asset_id uuid,
            removed_at timestamptz,
            PRIMARY KEY (operator_id, season_id, episode_id),
            FOREIGN KEY (operator_id, season_id) REFERENCES seasons,
            CONSTRAINT episodes_asset FOREIGN KEY (operator_id, asset_id) REFERENCES assets,
            CONSTRAINT episodes_stream CHECK (stream_kind = 'file' OR (stream_url IS NOT NULL AND asset_id IS NULL)),
            -- Judged at the commit, so that episodes can change places.
            CONSTRAINT episodes_number EXCLUDE USING btree
                (operator_id WITH =, season_id WITH =, number WITH =) WHERE (removed_at IS NULL)
                DEFERRABLE INITIALLY DEFERRED
        )""")
    op.execute("CREATE INDEX episodes_of_asset ON episodes (operator_id, asset_id)")
    protect("episodes", grants="SELECT, INSERT, UPDATE")


def _episodes_in_sessions() -> None:
    op.execute("ALTER TABLE playback_sessions ADD COLUMN episode_id uuid")
    op.execute("""
        ALTER TABLE playback_sessions
            ADD CONSTRAINT playback_sessions_episode
                FOREIGN KEY (operator_id, item_id, episode_id) REFERENCES episodes,
            ADD CONSTRAINT playback_sessions_names_episode
                CHECK ((item_kind = 'season') = (episode_id IS NOT NULL))""")


def _api_types() -> None:
    for table in ("provisions", "product_provisions"):
        op.execute(f"""
            ALTER TABLE {table} DROP CONSTRAINT {table}_api_type_check,
                ADD CONSTRAINT {table}_api_type_check CHECK (api_type IN ({_KINDS}))""")
    # What a product names for an API type is a provision of that type.
    op.execute(
        "ALTER TABLE provisions ADD CONSTRAINT provisions_of_type UNIQUE (operator_id, provision_id, api_type)"
    )
    op.execute("""
        ALTER TABLE product_provisions ADD CONSTRAINT product_provisions_of_type
            FOREIGN KEY (operator_id, provision_id, api_type)
            REFERENCES provisions (operator_id, provision_id, api_type)""")


def _rights() -> None:
    """The look-up of migration 0006 for every kind of item."""
    op.execute(f"DO $$ BEGIN EXECUTE format('GRANT {_READER} TO %I', current_user); END $$")
    op.execute(f"GRANT CREATE ON SCHEMA public TO {_READER}")
    for table, columns in _COLUMNS.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO {_READER}")
        op.execute(f"CREATE POLICY hot_lookup ON {table} FOR SELECT TO {_READER} USING (true)")
    op.execute("DROP FUNCTION rights_to_start(uuid[], uuid[], bytea[], text[], uuid[], timestamptz)")
    _create_rights()
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {_READER}")
    # A member of the role would be covered by its policies and see every operator's rows.
    op.execute(f"DO $$ BEGIN EXECUTE format('REVOKE {_READER} FROM %I', current_user); END $$")


# Who asks: the device of a living session, and whether its customer subscribes.
_WHO = """\
                LEFT JOIN LATERAL (
                    SELECT s.device_id, c.product_id,
                           c.status IN ('active', 'trial') AND c.starts_at <= at
                               AND (c.expires_at IS NULL OR c.expires_at > at) AS subscribes
                    FROM subscriber_sessions s
                    JOIN customers c ON c.operator_id = s.operator_id AND c.customer_id = s.customer_id
                    WHERE s.operator_id = q.operator AND s.customer_id = q.customer
                      AND s.session_hash = q.hash AND s.expires_at > at AND c.status <> 'disabled'
                    LIMIT 1
                ) who ON true
"""

# The best of the customer's rights to the item: one that lives, else the one that ended last.
_BEST = """\
                LEFT JOIN LATERAL (
                    SELECT e.purchase_id, e.ends, e.revoked_at IS NULL AND e.ends > at AS lives
                    FROM (
                        SELECT t.purchase_id, t.granted_at, t.revoked_at,
                               CASE WHEN t.revoked_at IS NOT NULL THEN t.revoked_at
                                    WHEN t.first_played_at IS NULL THEN least(t.startable_until, over.ends_at)
                                    WHEN t.finish_window_hours IS NOT NULL
                                        THEN least(t.first_played_at
                                                   + t.finish_window_hours * interval '1 hour', over.ends_at)
                                    ELSE least(greatest(
                                        t.startable_until,
                                        coalesce(t.last_started_at, t.first_played_at)
                                            + t.runtime_minutes * interval '1 minute' + interval '4 hours'),
                                        over.ends_at)
                               END AS ends
                        FROM entitlements t
                        WHERE t.operator_id = q.operator AND t.customer_id = q.customer
                          AND t.item_kind = q.kind AND t.item_id = q.item
                    ) e
                    ORDER BY lives DESC, e.ends DESC, e.granted_at DESC
                    LIMIT 1
                ) best ON who.device_id IS NOT NULL
"""


def _create_rights() -> None:
    """For each question, at its `place`: what lets a session's customer start an item, or why it may not.

    `code`: purchase, grant, subscription; right_ended, not_entitled; null for no such session.
    The same rules as `entitlements.rules` and `entitlements.queries.right_to_item`; a test compares them.
    `token_until`: five minutes on, in seconds since 1970, but never past the end of the right.
    """
    op.execute(f"""
        CREATE FUNCTION rights_to_start(
            operators uuid[], customers uuid[], hashes bytea[], kinds text[], items uuid[], moment timestamptz)
        RETURNS TABLE (place bigint, code text, play_until timestamptz, token_until bigint, device_id uuid)
        LANGUAGE plpgsql STABLE SECURITY DEFINER {_SETTINGS} AS $$
        #variable_conflict use_column
        DECLARE
            at timestamptz := coalesce(moment, clock_timestamp());  -- nobody's host decides
        BEGIN
            RETURN QUERY
            SELECT found.place, found.code, found.play_until,
                   floor(extract(epoch FROM least(at + interval '5 minutes', found.play_until)))::bigint,
                   found.device_id
            FROM (
                SELECT q.place, who.device_id,
                       CASE WHEN who.device_id IS NULL THEN NULL
                            WHEN best.lives AND best.purchase_id IS NULL THEN 'grant'
                            WHEN best.lives THEN 'purchase'
                            WHEN who.subscribes AND EXISTS (
                                SELECT FROM items i
                                JOIN package_items pi ON pi.operator_id = i.operator_id
                                                     AND pi.item_kind = i.item_kind AND pi.item_id = i.item_id
                                JOIN product_packages pp ON pp.operator_id = pi.operator_id
                                                        AND pp.package_id = pi.package_id
                                WHERE i.operator_id = q.operator AND i.item_kind = q.kind AND i.item_id = q.item
                                  AND pp.product_id = who.product_id AND i.payment_method = 'subscription'
                                  AND i.withdrawn_at IS NULL AND i.archived_at IS NULL
                                  AND (i.licence_ends_at IS NULL OR i.licence_ends_at > at)
                                  AND (over.ends_at IS NULL OR over.ends_at > at)
                            ) THEN 'subscription'
                            WHEN best.ends IS NOT NULL THEN 'right_ended'
                            ELSE 'not_entitled'
                       END AS code,
                       CASE WHEN best.lives THEN best.ends END AS play_until
                FROM unnest(operators, customers, hashes, kinds, items)
                     WITH ORDINALITY AS q (operator, customer, hash, kind, item, place)
{_WHO}                -- Nothing of a live event can be watched once it is over.
                LEFT JOIN LATERAL (
                    SELECT l.ends_at FROM live_events l
                    WHERE q.kind = 'live_event' AND l.operator_id = q.operator AND l.item_id = q.item
                ) over ON true
{_BEST}            ) found;
        END $$""")
    signature = "rights_to_start(uuid[], uuid[], bytea[], text[], uuid[], timestamptz)"
    op.execute(f"ALTER FUNCTION {signature} OWNER TO {_READER}")
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {APP_ROLE}")
