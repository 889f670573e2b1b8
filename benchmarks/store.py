"""A PostgreSQL of the benchmark's own, with real durability, and subscribers and films by the million."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from benchmarks.machine import Cores
from matinee.customers.rules import write_token
from matinee.platform.db import migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres

SECRET_KEY = bytes(range(32))
BARE_ROLE = "bench_bare"
_BARE_PASSWORD = "bench"  # nosec B105 -- of a server that lives for the run, behind a socket nobody else may enter

RIGHTS_EACH = 10
"""Rights of one customer."""


class Store(msgspec.Struct, frozen=True):
    """Where the database is: as owner, as application, and as the role of the bare servers."""

    owner_url: str
    app_url: str
    bare_url: str


@contextmanager
def store(cores: Cores, *, autovacuum: bool = False) -> Iterator[Store]:
    """Start a server on the second core, with the settings of a small installation, and migrate its database.

    `autovacuum`: for a run whose tables grow from nothing. Without it, plans made for an empty table stay, and
    look-ups by key read the whole of it. Runs that fill their tables first are measured without its noise.
    """
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as folder:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores.rest)  # the server inherits it
        settings = {
            "shared_buffers": "1GB",
            "max_wal_size": "4GB",
            "max_connections": "200",
            "autovacuum": "on" if autovacuum else "off",
        }
        postgres = EmbeddedPostgres(Path(folder) / "postgres", settings=settings)
        try:
            postgres.start()
            os.sched_setaffinity(0, before)
            info = postgres.create_database("bench")
            migrate(info.owner_url)
            bare_url = info.owner_url.replace(
                info.owner_url.partition("//")[2].partition("@")[0], f"{BARE_ROLE}:{_BARE_PASSWORD}"
            )
            yield Store(info.owner_url, info.app_url, bare_url)
        finally:
            os.sched_setaffinity(0, before)
            postgres.remove()


@asynccontextmanager
async def owner(
    found: Store, *, operator_id: UUID | None = None
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Lend a connection of the owner's role; row-level security holds for it too, hence `operator_id`."""
    settings = {"matinee.operator_id": str(operator_id)} if operator_id else {}
    connection = await asyncpg.connect(found.owner_url, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


def customer_id(number: int) -> UUID:
    """Return the id of customer `number`; ids go up, as real ones do."""
    return UUID(f"01900000-0000-7000-8000-{number:012x}")


def session_secret(number: int) -> str:
    return f"session-of-{number:012d}-and-no-other"


def session_token(operator_id: UUID, number: int) -> str:
    """Return the session cookie of customer `number`."""
    return write_token(operator_id, customer_id(number), session_secret(number))


def session_hash(number: int) -> bytes:
    return sha256(session_secret(number).encode()).digest()


_ID = "('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"

_CUSTOMERS = f"""
    INSERT INTO customers (operator_id, customer_id, username, password_hash, first_name, last_name, mapping_id,
                           product_id, status, starts_at, created_at, updated_at)
    SELECT $1, {_ID}, 'c' || n, '-', 'Ann', 'Bell', 'm' || n, $2, 'active', '2026-01-01', '2026-01-01', '2026-01-01'
    FROM generate_series($3::bigint, $4::bigint) AS n
"""
_DEVICES = f"""
    INSERT INTO devices (operator_id, customer_id, device_id, category, model, created_at, last_seen_at)
    SELECT $1, {_ID}, {_ID}, 'handheld', 'bench', '2026-01-01', '2026-01-01'
    FROM generate_series($2::bigint, $3::bigint) AS n
"""
_SESSIONS = f"""
    INSERT INTO subscriber_sessions (operator_id, customer_id, session_hash, device_id, created_at, expires_at)
    SELECT $1, {_ID}, sha256(convert_to('session-of-' || lpad(n::text, 12, '0') || '-and-no-other', 'UTF8')), {_ID},
           '2026-01-01', '2126-01-01'
    FROM generate_series($2::bigint, $3::bigint) AS n
"""


async def add_customers(found: Store, *, operator_id: UUID, product_id: UUID, first: int, last: int) -> None:
    """Add customers, each with one device and one session."""
    async with owner(found, operator_id=operator_id) as connection:
        await connection.execute(_CUSTOMERS, operator_id, product_id, first, last)
        await connection.execute(_DEVICES, operator_id, first, last)
        await connection.execute(_SESSIONS, operator_id, first, last)


# Every customer has a right to RIGHTS_EACH films in a row, beginning at one that depends on the customer.
_RIGHTS = f"""
    INSERT INTO entitlements (operator_id, customer_id, entitlement_id, item_kind, item_id, granted_at, startable_until,
                              runtime_minutes)
    SELECT $1, {_ID}, ('01910000-0000-7000-8000-' || lpad(to_hex(n * {RIGHTS_EACH} + k), 12, '0'))::uuid, 'movie',
           films.ids[(1 + (n + k) % cardinality(films.ids))::integer], '2026-01-01', '2126-01-01', 90
    FROM generate_series($3::bigint, $4::bigint) AS n, generate_series(0, {RIGHTS_EACH - 1}) AS k,
         (SELECT $2::uuid[] AS ids) AS films
"""


async def add_rights(found: Store, *, operator_id: UUID, films: list[UUID], first: int, last: int) -> None:
    """Add RIGHTS_EACH rights for each customer."""
    async with owner(found, operator_id=operator_id) as connection, unreferenced(connection, "entitlements"):
        await connection.execute(_RIGHTS, operator_id, films, first, last, timeout=900)


@asynccontextmanager
async def unreferenced(connection: "asyncpg.Connection[asyncpg.Record]", table: str) -> AsyncIterator[None]:
    """Do not check references one by one while rows are added that are known to hold; new ones are checked again."""
    references = await connection.fetch(
        """SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
           WHERE conrelid = $1::regclass AND contype = 'f'""",
        table,
    )
    for reference in references:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {reference['conname']}")
    yield
    for reference in references:
        definition = reference["definition"].removesuffix(" NOT VALID")
        await connection.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {reference['conname']} {definition} NOT VALID"
        )


def film_of(number: int, *, films: int, right: int = 0) -> int:
    """Return the place of a film to which customer `number` has a right."""
    return (number + right) % films


async def settle_down(found: Store) -> None:
    """Have the database's statistics and visibility in order before anything is measured."""
    async with owner(found) as connection:
        await connection.execute("VACUUM (ANALYZE)", timeout=900)


async def make_bare_role(found: Store) -> None:
    """Make the role of the bare servers: it reads the rights without row-level security, so at no cost."""
    async with owner(found) as connection:
        await connection.execute(f"CREATE ROLE {BARE_ROLE} LOGIN PASSWORD '{_BARE_PASSWORD}'")
        await connection.execute(f"GRANT CONNECT ON DATABASE bench TO {BARE_ROLE}")
        await connection.execute(f"GRANT USAGE ON SCHEMA public TO {BARE_ROLE}")
        await connection.execute(f"GRANT SELECT ON entitlements TO {BARE_ROLE}")
        await connection.execute(
            f"CREATE POLICY bench ON entitlements FOR SELECT TO {BARE_ROLE} USING (true)"
        )
