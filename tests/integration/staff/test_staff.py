"""Staff accounts in the database."""

import pytest

from matinee.kernel.errors import Invalid, NotFound, TooMany
from matinee.platform.audit import SYSTEM
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.try_limits import account_limit, address_limit, forgive, take_try
from matinee.staff.jobs import sign_in, staff_of_session
from matinee.staff.operations import create_staff, disable_staff
from matinee.staff.queries import get_staff
from matinee.staff.types import Role, Staff

PASSWORD = "correct horse battery"


async def add(
    database: Database, operator: Operator, email: str = "Ada@Example.com", **changes: object
) -> Staff:
    given = {"name": " Ada ", "password": PASSWORD, "roles": ["care", "finance"]} | changes
    async with database.transaction(operator.operator_id) as tx:
        return await create_staff(
            tx, operator_id=operator.operator_id, email=email, now=await tx.now(), **given  # type: ignore[arg-type]
        )  # fmt: skip


async def test_an_account_is_kept_with_a_hash_alone(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    operator = operators[0]
    staff = await add(database, operator)
    async with database.transaction(operator.operator_id) as tx:
        found = await get_staff(tx, operator_id=operator.operator_id, staff_id=staff.staff_id)
        encoded = await tx.fetchval("SELECT password_hash FROM staff_accounts")
    assert found == staff
    assert (found.email, found.name, found.roles) == (
        "ada@example.com",
        "Ada",
        frozenset({Role.CARE, Role.FINANCE}),
    )
    assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_an_email_is_taken_once_per_operator(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    await add(database, operators[0])
    await add(database, operators[1])
    with pytest.raises(Invalid) as caught:
        await add(database, operators[0], "ADA@example.com ")
    assert list(caught.value.fields) == ["email"]
    with pytest.raises(Invalid) as short:
        await add(database, operators[0], "b@example.com", password="short")
    assert list(short.value.fields) == ["password"]


async def test_only_the_hash_of_a_session_is_stored(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    operator = operators[0]
    staff = await add(database, operator)
    opened = await sign_in(
        database, operator_id=operator.operator_id, email=staff.email, password=PASSWORD, address="::1"
    )
    async with database.transaction(operator.operator_id) as tx:
        stored = await tx.fetchval("SELECT session_hash FROM staff_sessions")
    assert opened.secret.encode() not in stored
    assert len(stored) == 32
    there = await staff_of_session(database, operator_id=operator.operator_id, secret=opened.secret)
    elsewhere = await staff_of_session(database, operator_id=operators[1].operator_id, secret=opened.secret)
    assert (there, elsewhere) == (staff, None)


async def test_disabling_ends_every_session(database: Database, operators: tuple[Operator, Operator]) -> None:
    operator = operators[0]
    staff = await add(database, operator)
    secrets = [
        (
            await sign_in(
                database,
                operator_id=operator.operator_id,
                email=staff.email,
                password=PASSWORD,
                address="::1",
            )
        ).secret
        for _ in range(2)
    ]
    async with database.transaction(operator.operator_id) as tx:
        await disable_staff(
            tx, operator_id=operator.operator_id, staff_id=staff.staff_id, actor=SYSTEM, now=await tx.now()
        )
    for secret in secrets:
        assert await staff_of_session(database, operator_id=operator.operator_id, secret=secret) is None
    with pytest.raises(NotFound):
        async with database.transaction(operators[1].operator_id) as tx:
            await disable_staff(
                tx,
                operator_id=operators[1].operator_id,
                staff_id=staff.staff_id,
                actor=SYSTEM,
                now=await tx.now(),
            )


async def test_limits_count_tries_and_forget_after_success(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    found = operators[0].operator_id
    account, address = account_limit("staff", "Ada@x.test"), address_limit("staff", "10.0.0.1")

    async def attempt() -> None:
        async with database.transaction(found) as tx:
            await take_try(tx, operator_id=found, limits=[account, address], now=await tx.now())

    for _ in range(account.tries):
        await attempt()
    with pytest.raises(TooMany) as caught:
        await attempt()
    assert 0 < caught.value.retry_after_seconds <= 900
    async with database.transaction(found) as tx:
        await forgive(tx, operator_id=found, account=account, address=address)
        left = await tx.fetch("SELECT subject, failures FROM sign_in_failures")
    assert [tuple(row) for row in left] == [(address.subject, account.tries - 1)]
    await attempt()
