"""Every row belongs to one operator, and the database itself sees to it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.factories.clock import START
from tests.factories.sale import make_operator, make_person, make_sale

from matinee.kernel.ids import new_id
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.operators import Operator

WITHOUT_OPERATOR = {"alembic_version"}
DIRECTORY = {"operators", "operator_hosts"}
"""What a sign-in page shows anyway: read by all, written by the owner."""

CUSTOMERS_OWN = {
    "customers", "devices", "subscriber_sessions", "purchases", "purchase_keys", "purchase_events",
    "billing_attempts", "reversals", "outgoing_events", "ledger_entries", "wallets", "entitlements",
    "playback_sessions", "staff_decisions", "event_deliveries", "event_delivery_tries",
}  # fmt: skip
LOOKUPS = {"customer_lookups", "settlement_rows"}
"""Find the customer by what is unique in the whole operator, so their keys have no customer."""

READERS = {"matinee_due_reader", "matinee_hot_reader", "matinee_gauge_reader"}
APPEND_ONLY = {"audit_entries", "purchase_events", "billing_attempts", "ledger_entries", "purchase_keys"}

_TABLES = """
    SELECT c.relname AS name, c.oid, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole::text AS owner,
           ARRAY(SELECT attname::text FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
"""
_KEYS = """
    SELECT i.indrelid::regclass::text AS "table", i.indexrelid::regclass::text AS name,
           ARRAY(SELECT a.attname::text FROM pg_attribute a
                 WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
"""
_FOREIGN = """
    SELECT k.conrelid::regclass::text AS "table", k.conname AS name, k.confrelid::regclass::text AS target,
           ARRAY(SELECT a.attname::text FROM pg_attribute a
                 WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) AS columns
    FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
"""
_POLICIES = """
    SELECT p.polrelid::regclass::text AS "table", p.polname::text AS name, p.polcmd::text AS command,
           p.polpermissive AS permissive,
           ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.oid = ANY (p.polroles)) AS roles,
           pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS with_check
    FROM pg_policy p
"""


@pytest.fixture
async def owner(module_database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(module_database_urls.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def app(module_database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(module_database_urls.app_url)
    yield connection
    await connection.close()


async def _tables(owner: Any) -> dict[str, Any]:
    return {row["name"]: row for row in await owner.fetch(_TABLES)}


async def test_every_table_belongs_to_operators(owner: Any) -> None:
    tables = await _tables(owner)
    assert {name for name, row in tables.items() if "operator_id" not in row["columns"]} == WITHOUT_OPERATOR
    with_customer = {name for name, row in tables.items() if "customer_id" in row["columns"]}
    assert with_customer == CUSTOMERS_OWN | LOOKUPS


async def test_row_level_security_is_on_and_forced(owner: Any) -> None:
    tables = await _tables(owner)
    loose = {
        name for name, row in tables.items() if not (row["relrowsecurity"] and row["relforcerowsecurity"])
    }
    assert loose == WITHOUT_OPERATOR | DIRECTORY


async def test_each_has_one_policy_for_reading_and_writing(owner: Any) -> None:
    tables = set(await _tables(owner)) - WITHOUT_OPERATOR - DIRECTORY
    policies = await owner.fetch(_POLICIES)
    mine = "(operator_id = (NULLIF(current_setting('matinee.operator_id'::text, true), ''::text))::uuid)"
    tenant = {row["table"]: row for row in policies if row["name"] == "tenant"}
    assert set(tenant) == tables
    for row in tenant.values():
        assert (row["command"], row["permissive"], row["roles"]) == ("*", True, [])
        assert (row["using"], row["with_check"]) == (mine, mine)
    others = [row for row in policies if row["name"] != "tenant"]
    assert {row["command"] for row in others} == {"r"}
    assert {role for row in others for role in row["roles"]} == READERS
    assert all(len(row["roles"]) == 1 for row in others)


async def test_every_key_carries_the_operator_and_on_their_side_the_customer(owner: Any) -> None:
    for row in await owner.fetch(_KEYS):
        if row["table"] in WITHOUT_OPERATOR | DIRECTORY:
            continue
        assert "operator_id" in row["columns"], row["name"]
        if row["table"] in CUSTOMERS_OWN:
            assert "customer_id" in row["columns"], row["name"]


async def test_every_foreign_key_carries_the_operator_and_on_their_side_the_customer(owner: Any) -> None:
    rows = await owner.fetch(_FOREIGN)
    assert len(rows) > 30
    for row in rows:
        assert "operator_id" in row["columns"], row["name"]
        if row["table"] in CUSTOMERS_OWN and row["target"] in CUSTOMERS_OWN:
            assert "customer_id" in row["columns"], row["name"]


async def test_the_application_owns_nothing_and_bypasses_nothing(owner: Any, app: Any) -> None:
    role = await app.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    assert tuple(role) == (False, False, False, False)
    name = await app.fetchval("SELECT current_user")
    assert {row["owner"] for row in (await _tables(owner)).values()} == {"matinee_owner"}
    assert name == "matinee_app"
    member_of = await app.fetch(
        "SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'member') AND rolname <> current_user"
    )
    assert member_of == []
    assert not await owner.fetchval(
        "SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = current_user"
    )


async def test_what_is_a_record_can_only_be_added_to(app: Any) -> None:
    for table in APPEND_ONLY:
        granted = await app.fetch(
            "SELECT privilege_type FROM information_schema.role_table_grants"
            " WHERE grantee = current_user AND table_name = $1", table,
        )  # fmt: skip
        assert {row["privilege_type"] for row in granted} == {"SELECT", "INSERT"}, table
    for table in DIRECTORY | WITHOUT_OPERATOR:
        granted = await app.fetch(
            "SELECT privilege_type FROM information_schema.role_table_grants"
            " WHERE grantee = current_user AND table_name = $1", table,
        )  # fmt: skip
        assert {row["privilege_type"] for row in granted} <= {"SELECT"}, table


# -- and so it is at work


@pytest.fixture(scope="module")
def neighbours(module_database_urls: EmbeddedPostgresInfo) -> tuple[Operator, Operator]:
    """Two operators, each with a sale, a customer and an open purchase."""
    return asyncio.run(_neighbours(module_database_urls))


async def _neighbours(urls: EmbeddedPostgresInfo) -> tuple[Operator, Operator]:
    pair = (await make_operator(urls.owner_url, "aurora"), await make_operator(urls.owner_url, "borealis"))
    database = await Database.connect(urls.app_url, connections=2)
    for operator in pair:
        async with database.transaction(operator.operator_id) as tx:
            sale = await make_sale(tx, operator=operator, capabilities=frozenset(), now=START)
            person = await make_person(tx, sale=sale, now=START, wallet=5)
            await _open_purchase(tx, operator, sale, person)
    await database.close()
    return pair


async def _open_purchase(tx: Any, operator: Operator, sale: Any, person: Any) -> None:
    await tx.execute(
        """INSERT INTO purchases (operator_id, customer_id, purchase_id, item_kind, item_id, item_title, generation,
               reference, state, state_since, next_check_at, amount_minor, currency, tax_minor,
               tax_rate_basis_points, payment_type, product_id, provision_id, provision_version, rule_id, rule_name,
               rule_unit, rule_quantity, runtime_minutes, device_id, confirmed_at)
           VALUES ($1, $2, $3, 'movie', $4, 'Film', 0, 'r-1', 'RESERVED', $5, $5, 499, 'EUR', 0, 0, 'api', $6, $7, 1,
                   $8, 'Two days', 'hours', 48, 90, $9, $5)""",
        operator.operator_id, person.customer_id, new_id(), sale.movie_id, START, sale.product_id,
        sale.provision_id, sale.rule_id, person.device_ids[0],
    )  # fmt: skip


async def test_without_an_operator_nothing_is_seen(
    owner: Any, app: Any, neighbours: tuple[Operator, Operator]
) -> None:
    tables = set(await _tables(owner)) - WITHOUT_OPERATOR - DIRECTORY
    for connection in (app, owner):
        seen = {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
        assert {table: count for table, count in seen.items() if count} == {}


async def test_an_operator_sees_its_own_rows_only(
    owner: Any, app: Any, neighbours: tuple[Operator, Operator]
) -> None:
    mine = neighbours[0].operator_id
    filled = 0
    async with app.transaction():
        await app.execute(f"SET LOCAL matinee.operator_id = '{mine}'")
        for table in set(await _tables(owner)) - WITHOUT_OPERATOR - DIRECTORY:
            whose = {
                row["operator_id"] for row in await app.fetch(f"SELECT DISTINCT operator_id FROM {table}")
            }
            assert whose <= {mine}, table
            filled += bool(whose)
    assert filled >= 15


async def test_another_operators_rows_cannot_be_written(
    app: Any, neighbours: tuple[Operator, Operator]
) -> None:
    mine, theirs = (operator.operator_id for operator in neighbours)
    new_item = f"""INSERT INTO packages (operator_id, package_id, name, created_at)
                      VALUES ('{theirs}', '{new_id()}', 'x', now())"""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _as(app, mine, new_item)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _as(app, mine, f"UPDATE products SET operator_id = '{theirs}'")
    assert (
        await _as(app, mine, f"UPDATE products SET name = 'x' WHERE operator_id = '{theirs}'") == "UPDATE 0"
    )
    assert (
        await _as(app, mine, f"UPDATE customers SET city = 'x' WHERE operator_id = '{theirs}'") == "UPDATE 0"
    )


async def _as(app: Any, operator_id: UUID, statement: str) -> str:
    """Run a statement as one operator; returns PostgreSQL's tag."""
    async with app.transaction():
        await app.execute(f"SET LOCAL matinee.operator_id = '{operator_id}'")
        tag: str = await app.execute(statement)
        return tag


async def test_the_operator_ends_with_its_transaction(
    app: Any, neighbours: tuple[Operator, Operator]
) -> None:
    async with app.transaction():
        await app.execute(f"SET LOCAL matinee.operator_id = '{neighbours[0].operator_id}'")
        assert await app.fetchval("SELECT count(*) FROM purchases") == 1
    assert await app.fetchval("SELECT count(*) FROM purchases") == 0


@pytest.mark.parametrize("table", ["purchases", "reversals"])
async def test_the_due_lists_tell_keys_and_nothing_else(
    owner: Any, app: Any, neighbours: tuple[Operator, Operator], table: str
) -> None:
    rows = await app.fetch(f"SELECT * FROM due_{table}($1, 10, 10, '{{}}')", START + timedelta(days=1))
    if table == "purchases":
        assert {row["operator_id"] for row in rows} == {one.operator_id for one in neighbours}
    columns = await owner.fetch(
        "SELECT unnest(proargnames) AS name FROM pg_proc WHERE proname = $1", f"due_{table}"
    )
    key = f"{table.removesuffix('s')}_id"
    assert {row["name"] for row in columns} == {
        "moment", "most", "most_per_operator", "busy", "operator_id", "customer_id", key,
    }  # fmt: skip
    readable = await owner.fetch(
        "SELECT column_name FROM information_schema.column_privileges"
        " WHERE grantee = 'matinee_due_reader' AND table_name = $1", table,
    )  # fmt: skip
    ordered_by = {"next_check_at", "state"} if table == "purchases" else {"next_check_at"}
    assert {row["column_name"] for row in readable} == {"operator_id", "customer_id", key, *ordered_by}


async def test_nobody_signs_in_as_a_reader_and_only_the_application_calls_its_functions(
    owner: Any, app: Any
) -> None:
    roles = await owner.fetch(
        "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = ANY ($1)",
        list(READERS),
    )
    assert {row["rolname"] for row in roles} == READERS
    assert {tuple(row)[1:] for row in roles} == {(False, False, False)}
    for reader in READERS:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(f"SET ROLE {reader}")
    functions = await owner.fetch(
        """SELECT p.proname, array_agg(DISTINCT grantee.rolname::text) AS callers, p.prosecdef
           FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner, aclexplode(p.proacl) a
           LEFT JOIN pg_roles grantee ON grantee.oid = a.grantee
           WHERE r.rolname = ANY ($1) GROUP BY 1, 3""",
        list(READERS),
    )
    assert {row["proname"] for row in functions} == {
        "due_purchases", "due_reversals", "subscriber_session", "rights_to_start", "purchase_state", "billing_gauges",
        "due_outgoing_events", "due_event_deliveries",
    }  # fmt: skip
    for row in functions:
        assert set(row["callers"]) - READERS == {"matinee_app"}
