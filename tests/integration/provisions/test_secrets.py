"""Secrets of a provision: sealed, write-only, bound to where they belong, and in no audit entry."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from tests.unit.provisions.examples import FULL

from matinee.kernel.errors import Conflict, Invalid, Misconfigured, NotFound
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Database, Transaction
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator
from matinee.platform.secrets import SecretBox
from matinee.provisions import operations, queries
from matinee.provisions.gateway.sealing import open_secret
from matinee.provisions.types import BearerAuth

INES = Actor("staff", UUID(int=7), "Ines Integration")
BOX = SecretBox(b"k" * 32)
CANARY = "canary-6f1d9b"

Where = dict[str, Any]


@pytest.fixture
async def where(database: Database, operators: tuple[Operator, Operator]) -> Where:
    """The first operator's provision."""
    operator_id = operators[0].operator_id
    async with database.transaction(operator_id) as tx:
        provision = await operations.create_provision(
            tx, operator_id=operator_id, config=FULL, policy=EgressPolicy(), actor=INES, now=await tx.now()
        )
    return {"operator_id": operator_id, "provision_id": provision.provision_id}


@pytest.fixture
async def owner(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_urls.owner_url)
    yield connection
    await connection.close()


async def store(tx: Transaction, where: Where, name: str, text: str = CANARY) -> None:
    await operations.set_secret(tx, name=name, text=text, box=BOX, actor=INES, now=await tx.now(), **where)


async def sealed(tx: Transaction, where: Where) -> dict[str, bytes]:
    rows = await tx.fetch(
        "SELECT name, sealed FROM provision_secrets WHERE operator_id = $1 AND provision_id = $2",
        where["operator_id"], where["provision_id"],
    )  # fmt: skip
    return {row["name"]: row["sealed"] for row in rows}


def open_secrets(box: SecretBox, kept: Mapping[str, bytes], **where: Any) -> dict[str, str]:
    return {name: open_secret(box, text, name=name, **where) for name, text in kept.items()}


async def test_a_secret_is_stored_sealed_and_listed_by_name_only(database: Database, where: Where) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        await store(tx, where, "api_key")
        await store(tx, where, "a", "other")
        now = await tx.now()
        entries = await queries.list_secret_names(tx, **where)
        kept = await sealed(tx, where)
    assert [(entry.name, entry.updated_by) for entry in entries] == [
        ("a", "Ines Integration"), ("api_key", "Ines Integration"),
    ]  # fmt: skip
    assert all(entry.updated_at <= now for entry in entries)
    assert CANARY.encode() not in kept["api_key"]
    assert open_secrets(BOX, kept, **where) == {"a": "other", "api_key": CANARY}


async def test_a_new_text_takes_the_place_of_the_old(database: Database, where: Where) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        await store(tx, where, "api_key", "old")
        before = await sealed(tx, where)
        await store(tx, where, "api_key", "new")
        after = await sealed(tx, where)
        actions = [entry.action for entry in await _audited(tx, where)]
    assert before != after
    assert open_secrets(BOX, after, **where) == {"api_key": "new"}
    assert actions[:2] == ["provision.secret_replaced", "provision.secret_set"]


async def test_what_is_sealed_opens_only_where_it_belongs(database: Database, where: Where) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        await store(tx, where, "api_key")
        text = (await sealed(tx, where))["api_key"]
    assert open_secret(BOX, text, name="api_key", **where) == CANARY
    elsewhere: list[Where] = [
        {**where, "operator_id": UUID(int=1), "name": "api_key"},
        {**where, "provision_id": UUID(int=1), "name": "api_key"},
        {**where, "name": "api_keys"},
    ]
    for one in elsewhere:
        with pytest.raises(Misconfigured):
            open_secret(BOX, text, **one)
    with pytest.raises(Misconfigured):
        open_secret(SecretBox(b"x" * 32), text, name="api_key", **where)


async def test_a_secret_is_forgotten(database: Database, where: Where) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        await store(tx, where, "api_key")
        by: Where = {**where, "name": "api_key", "actor": INES, "now": await tx.now()}
        await operations.delete_secret(tx, **by)
        assert await queries.list_secret_names(tx, **where) == []
        with pytest.raises(NotFound):
            await operations.delete_secret(tx, **by)


async def test_a_secret_that_the_settings_use_stays_until_they_do_not(
    database: Database, where: Where
) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        by: Where = {**where, "actor": INES, "now": await tx.now()}
        await store(tx, where, "api_key")
        config = msgspec.structs.replace(FULL, auth=BearerAuth(token_secret="api_key"))
        await operations.update_provision(tx, config=config, policy=EgressPolicy(), **by)
        with pytest.raises(Conflict) as refused:
            await operations.delete_secret(tx, name="api_key", **by)
        assert refused.value.code == "secret_in_use"
        await operations.update_provision(tx, config=FULL, policy=EgressPolicy(), **by)
        await operations.delete_secret(tx, name="api_key", **by)


async def test_a_target_has_the_secrets_as_they_are_now_whatever_its_version(
    database: Database, where: Where
) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        by: Where = {**where, "actor": INES, "now": await tx.now()}
        await operations.update_provision(
            tx, config=msgspec.structs.replace(FULL, timeout_seconds=5), policy=EgressPolicy(), **by
        )
        texts = []
        for text in ("old", "new"):
            await store(tx, where, "api_key", text)
            for version in (1, 2):
                target, _ = await queries.billing_version(tx, version=version, **where)
                texts.append(open_secrets(BOX, target.sealed_secrets, **where))
        await operations.delete_secret(tx, name="api_key", **by)
        target, _ = await queries.billing_version(tx, version=1, **where)
    assert texts == [{"api_key": "old"}] * 2 + [{"api_key": "new"}] * 2
    assert target.sealed_secrets == {}


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("", "x", "name"),
        ("Api", "x", "name"),
        ("1key", "x", "name"),
        ("a" * 41, "x", "name"),
        ("key\n", "x", "name"),
        ("key", "", "text"),
        ("key", "x" * 501, "text"),
        ("key", f"{CANARY}\n", "text"),
        ("key", f" {CANARY}", "text"),
        ("key", f"{CANARY}\x7f", "text"),
        ("key", "4111 1111 1111 1111", "text"),
    ],
)
async def test_what_may_not_be_a_secret(
    database: Database, where: Where, name: str, text: str, field: str
) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        with pytest.raises(Invalid) as refused:
            await store(tx, where, name, text)
        assert await sealed(tx, where) == {}
    assert list(refused.value.fields) == [field]
    assert CANARY not in repr(refused.value) + str(refused.value.fields)


async def test_there_are_at_most_forty(database: Database, where: Where) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        for number in range(40):
            await store(tx, where, f"key_{number}")
        await store(tx, where, "key_0", "replaced")
        with pytest.raises(Invalid):
            await store(tx, where, "one_more")


async def test_another_operator_sees_and_changes_nothing(
    database: Database, operators: tuple[Operator, Operator], where: Where
) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        await store(tx, where, "api_key")
    stranger = operators[1].operator_id
    async with database.transaction(stranger) as tx:
        as_owner, as_stranger = where, {**where, "operator_id": stranger}
        assert await queries.list_secret_names(tx, **as_owner) == []
        assert await queries.list_secret_names(tx, **as_stranger) == []
        for ids in (as_owner, as_stranger):
            with pytest.raises(NotFound):
                await store(tx, ids, "api_key", "stolen")
            with pytest.raises(NotFound):
                await operations.delete_secret(tx, name="api_key", actor=INES, now=await tx.now(), **ids)
    async with database.transaction(where["operator_id"]) as tx:
        assert open_secrets(BOX, await sealed(tx, where), **where) == {"api_key": CANARY}


async def test_the_text_is_nowhere_in_the_database(
    database: Database, where: Where, owner: asyncpg.Connection
) -> None:
    async with database.transaction(where["operator_id"]) as tx:
        await store(tx, where, "api_key")
        assert next(entry.details for entry in await _audited(tx, where)) == {"name": "api_key"}
    tables = await owner.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    assert "provision_secrets" in {table["table_name"] for table in tables}
    undone = owner.transaction()
    await undone.start()
    try:
        for table in tables:
            name = table["table_name"]
            await owner.execute(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
            found = await owner.fetchval(
                f"SELECT count(*) FROM {name} AS t WHERE t::text LIKE $1 OR t::text LIKE $2",
                f"%{CANARY}%", f"%{CANARY.encode().hex()}%",
            )  # fmt: skip
            assert found == 0, name
    finally:
        await undone.rollback()


async def _audited(tx: Transaction, where: Where) -> list[audit.AuditEntry]:
    return await audit.entries_about(
        tx, operator_id=where["operator_id"], subject_kind="provision", subject_id=where["provision_id"]
    )
