"""Look-ups that the apps make all the time: one statement each, outside a transaction."""

from alembic import op

from matinee.migrations.tenancy import APP_ROLE

revision = "0006"
down_revision = "0005"

_READER = "matinee_hot_reader"

# What the functions below read, and no more. None of it is a name, a password or a price.
_COLUMNS = {
    "subscriber_sessions": "operator_id, customer_id, session_hash, device_id, expires_at",
    "devices": "operator_id, customer_id, device_id, category",
    "customers": "operator_id, customer_id, product_id, status, starts_at, expires_at",
    "entitlements": "operator_id, customer_id, item_kind, item_id, purchase_id, granted_at, startable_until, "
    "finish_window_hours, runtime_minutes, first_played_at, last_started_at, revoked_at",
    "movies": "operator_id, movie_id, payment_method, withdrawn_at, archived_at, licence_ends_at",
    "package_movies": "operator_id, package_id, movie_id",
    "product_packages": "operator_id, product_id, package_id",
}

# Planning anew for each call takes ten times as long as the look-up (measured).
_SETTINGS = "SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan"


def upgrade() -> None:
    _reader()
    _session()
    _rights()
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {_READER}")
    # A member of the role would be covered by its policies and see every operator's rows.
    op.execute(f"DO $$ BEGIN EXECUTE format('REVOKE {_READER} FROM %I', current_user); END $$")


def _reader() -> None:
    # Row-level security asks for the operator of the transaction, and setting it costs three round trips more
    # than the look-up itself. These functions take the operator as an argument, and only they run as this role.
    op.execute(f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{_READER}') THEN
                CREATE ROLE {_READER} NOLOGIN;
            END IF;
        END $$""")
    op.execute(f"DO $$ BEGIN EXECUTE format('GRANT {_READER} TO %I', current_user); END $$")
    op.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {_READER}")
    for table, columns in _COLUMNS.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO {_READER}")
        op.execute(f"CREATE POLICY hot_lookup ON {table} FOR SELECT TO {_READER} USING (true)")


def _own(signature: str) -> None:
    op.execute(f"ALTER FUNCTION {signature} OWNER TO {_READER}")
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {APP_ROLE}")


def _session() -> None:
    """Who is signed in. `moment` is null outside of tests: then the database's clock is read here."""
    op.execute(f"""
        CREATE FUNCTION subscriber_session(operator uuid, customer uuid, hash bytea, moment timestamptz)
        RETURNS TABLE (device_id uuid, category text, expires_at timestamptz)
        LANGUAGE plpgsql STABLE SECURITY DEFINER {_SETTINGS} AS $$
        #variable_conflict use_column
        BEGIN
            RETURN QUERY
            SELECT s.device_id, d.category, s.expires_at
            FROM subscriber_sessions s
            JOIN devices d ON d.operator_id = s.operator_id AND d.customer_id = s.customer_id
                          AND d.device_id = s.device_id
            JOIN customers c ON c.operator_id = s.operator_id AND c.customer_id = s.customer_id
            WHERE s.operator_id = operator AND s.customer_id = customer AND s.session_hash = hash
              AND s.expires_at > coalesce(moment, clock_timestamp())  -- nobody's host decides
              AND c.status <> 'disabled';
        END $$""")
    _own("subscriber_session(uuid, uuid, bytea, timestamptz)")


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
                                    WHEN t.first_played_at IS NULL THEN t.startable_until
                                    WHEN t.finish_window_hours IS NOT NULL
                                        THEN t.first_played_at + t.finish_window_hours * interval '1 hour'
                                    ELSE greatest(
                                        t.startable_until,
                                        coalesce(t.last_started_at, t.first_played_at)
                                            + t.runtime_minutes * interval '1 minute' + interval '4 hours')
                               END AS ends
                        FROM entitlements t
                        WHERE t.operator_id = q.operator AND t.customer_id = q.customer
                          AND t.item_kind = q.kind AND t.item_id = q.item
                    ) e
                    ORDER BY lives DESC, e.ends DESC, e.granted_at DESC
                    LIMIT 1
                ) best ON who.device_id IS NOT NULL
"""


def _rights() -> None:
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
                            WHEN q.kind = 'movie' AND who.subscribes AND EXISTS (
                                SELECT FROM movies m
                                JOIN package_movies pm ON pm.operator_id = m.operator_id
                                                      AND pm.movie_id = m.movie_id
                                JOIN product_packages pp ON pp.operator_id = pm.operator_id
                                                        AND pp.package_id = pm.package_id
                                WHERE m.operator_id = q.operator AND m.movie_id = q.item
                                  AND pp.product_id = who.product_id AND m.payment_method = 'subscription'
                                  AND m.withdrawn_at IS NULL AND m.archived_at IS NULL
                                  AND (m.licence_ends_at IS NULL OR m.licence_ends_at > at)
                            ) THEN 'subscription'
                            WHEN best.ends IS NOT NULL THEN 'right_ended'
                            ELSE 'not_entitled'
                       END AS code,
                       CASE WHEN best.lives THEN best.ends END AS play_until
                FROM unnest(operators, customers, hashes, kinds, items)
                     WITH ORDINALITY AS q (operator, customer, hash, kind, item, place)
{_WHO}{_BEST}            ) found;
        END $$""")
    _own("rights_to_start(uuid[], uuid[], bytea[], text[], uuid[], timestamptz)")
