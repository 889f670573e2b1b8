"""Provisions in their wider shape: rules of conditions, places in an answer, and API types of any kind.

The stored versions are rewritten once; what they say stays the same, so a proof of one still fits its calls.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    _convert_versions()
    _open_api_types()


def _convert_versions() -> None:
    op.execute("""
        CREATE FUNCTION pg_temp.answer_rule(old jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
            SELECT CASE WHEN old ? 'conditions' THEN old ELSE jsonb_build_object('combine', 'all', 'conditions',
                jsonb_build_array(jsonb_build_object('part', 'status', 'text', old ->> 'status_text'))
                || CASE WHEN old ->> 'body_contains' IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(
                       jsonb_build_object('part', 'body', 'comparison', 'contains',
                                          'text', old ->> 'body_contains')) END
                || CASE WHEN old ->> 'body_equals' IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(
                       jsonb_build_object('part', 'body', 'text', old ->> 'body_equals')) END) END
        $$""")
    op.execute("""
        CREATE FUNCTION pg_temp.place(pointer jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
            SELECT CASE jsonb_typeof(pointer)
                   WHEN 'string' THEN jsonb_build_object('part', 'json', 'at', pointer #>> '{}')
                   ELSE pointer END
        $$""")
    op.execute("""
        CREATE FUNCTION pg_temp.every(old jsonb, keys text[], places boolean) RETURNS jsonb
        LANGUAGE sql IMMUTABLE AS $$
            SELECT coalesce(jsonb_object_agg(key, CASE
                       WHEN key <> ALL (keys) THEN value
                       WHEN places THEN pg_temp.place(value)
                       ELSE pg_temp.answer_rule(value) END), '{}')
            FROM jsonb_each(old)
        $$""")
    op.execute("""
        CREATE FUNCTION pg_temp.wider(old jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
            SELECT (old - 'echo') || jsonb_strip_nulls(jsonb_build_object(
                'charge', pg_temp.every(old -> 'charge', '{success,no_success}', false),
                'refund', CASE WHEN jsonb_typeof(old -> 'refund') = 'object' THEN
                    pg_temp.every(old -> 'refund', '{success,no_success}', false) END,
                'status', CASE WHEN jsonb_typeof(old -> 'status') = 'object' THEN pg_temp.every(
                    pg_temp.every(old -> 'status', '{charged,declined,not_found}', false),
                    '{charges,reference}', true) END,
                'answer', CASE WHEN jsonb_typeof(old -> 'echo') = 'object' THEN pg_temp.every(
                    old -> 'echo', '{reference,amount,currency,transaction_id,decline_reason}', true) END))
        $$""")
    # Row-level security is forced, also for the owner, and no operator is set here: lifted for the conversion only.
    op.execute("ALTER TABLE provision_versions NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE provision_versions SET config = pg_temp.wider(config)")
    op.execute("ALTER TABLE provision_versions FORCE ROW LEVEL SECURITY")
    for function in ("wider(jsonb)", "every(jsonb, text[], boolean)", "place(jsonb)", "answer_rule(jsonb)"):
        op.execute(f"DROP FUNCTION pg_temp.{function}")


def _open_api_types() -> None:
    """The API types are a registry in the code; the database keeps them to one plain word."""
    for table in ("provisions", "product_provisions"):
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_api_type_check")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_api_type_check CHECK (api_type ~ '^[a-z][a-z_]{{0,31}}$')"
        )
