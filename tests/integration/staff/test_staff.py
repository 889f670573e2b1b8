"""Staff accounts in the database."""

import asyncio

import pytest

from matinee.kernel.errors import Conflict, Invalid, NotFound, NotSignedIn, Refused, TooMany
from matinee.platform.audit import SYSTEM
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.passwords import hash_password
from matinee.platform.try_limits import (
    WINDOW,
    TryLimit,
    forget_tries,
    forgive,
    sign_in_limits,
    take_try,
)
from matinee.staff.jobs import sign_in, staff_of_session
from matinee.staff.operations import create_staff, disable_staff, set_staff_password, update_staff
from matinee.staff.queries import get_staff_row, list_staff
from matinee.staff.types import Role, Staff

PASSWORD = "correct horse battery"


async def add(
    database: Database, operator: Operator, email: str = "Ada@Example.com", **changes: object
) -> Staff:
    password_hash = await hash_password(PASSWORD)
    given = {"name": " Ada ", "password_hash": password_hash, "roles": ["care", "finance"]} | changes
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
        found = (await get_staff_row(tx, operator_id=operator.operator_id, staff_id=staff.staff_id)).staff
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
    limits = sign_in_limits("staff", name="Ada@x.test", address="10.0.0.1")
    account = limits.account

    async def attempt() -> None:
        async with database.transaction(found) as tx:
            await take_try(tx, operator_id=found, limits=limits.all, now=await tx.now())

    for _ in range(account.tries):
        await attempt()
    with pytest.raises(TooMany) as caught:
        await attempt()
    assert 0 < caught.value.retry_after_seconds <= 900
    async with database.transaction(found) as tx:
        await forgive(tx, operator_id=found, limits=limits)
        left = await tx.fetch("SELECT subject, failures FROM sign_in_failures")
    assert {row["subject"]: row["failures"] for row in left} == {
        limit.subject: account.tries - 1 for limit in (limits.address, limits.everybody)
    }
    await attempt()


async def test_a_refused_try_waits_for_nobody(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    """A flood of them would queue for one row, each with a connection that others need."""
    found = operators[0].operator_id
    source = TryLimit("callback-address:10.0.0.1", 2)

    async def attempt() -> None:
        async with database.transaction(found) as tx:
            await take_try(tx, operator_id=found, limits=[source], now=await tx.now())

    await attempt()
    await attempt()
    async with database.transaction(found) as tx:
        await tx.execute("SELECT 1 FROM sign_in_failures FOR UPDATE")
        async with asyncio.timeout(2):
            with pytest.raises(TooMany):
                await attempt()


async def test_tries_that_count_no_more_are_forgotten(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    found = operators[0].operator_id
    async with database.transaction(found) as tx:
        now = await tx.now()
        for name, at in (("old", now - WINDOW), ("young", now - WINDOW / 2)):
            await take_try(tx, operator_id=found, limits=[TryLimit(name, 5)], now=at)
    async with database.transaction(operators[1].operator_id) as tx:
        assert await forget_tries(tx, operator_id=found, now=now) == 0
    async with database.transaction(found) as tx:
        assert await forget_tries(tx, operator_id=found, now=now) == 1
        left = await tx.fetch("SELECT subject FROM sign_in_failures")
    assert [row["subject"] for row in left] == ["young"]


async def test_the_last_administrator_stays(database: Database, operators: tuple[Operator, Operator]) -> None:
    operator_id = operators[0].operator_id
    first = await add(database, operators[0], "a@example.com", roles=["admin"])
    second = await add(database, operators[0], "b@example.com", roles=["admin", "care"])
    await add(database, operators[1], "c@example.com", roles=["admin"])

    async def disable(person: Staff) -> None:
        async with database.transaction(operator_id) as tx:
            await disable_staff(
                tx, operator_id=operator_id, staff_id=person.staff_id, actor=SYSTEM, now=await tx.now()
            )

    async def demote(person: Staff) -> None:
        async with database.transaction(operator_id) as tx:
            await update_staff(
                tx, operator_id=operator_id, staff_id=person.staff_id, name="B", roles=["care"], actor=SYSTEM,
                now=await tx.now(),
            )  # fmt: skip

    results = await asyncio.gather(disable(first), disable(second), return_exceptions=True)
    (refused,) = [one for one in results if one is not None]
    assert isinstance(refused, Refused)
    assert refused.code == "last_admin"
    left = first if results[0] is not None else second
    for act in (disable, demote):
        with pytest.raises(Refused):
            await act(left)
    async with database.transaction(operator_id) as tx:
        rows = await list_staff(tx, operator_id=operator_id)
    assert rows[0].staff.staff_id == left.staff_id
    assert [row.disabled_at is None for row in rows] == [True, False]


async def test_an_account_is_changed_by_one_person_at_a_time(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    staff = await add(database, operators[0])
    operator_id = operators[0].operator_id

    async def change(version: int, *roles: str) -> None:
        async with database.transaction(operator_id) as tx:
            await update_staff(
                tx, operator_id=operator_id, staff_id=staff.staff_id, name="Ada L", roles=roles,
                expected_version=version, actor=SYSTEM, now=await tx.now(),
            )  # fmt: skip

    await change(1, "care")
    with pytest.raises(Conflict):
        await change(1, "finance")
    with pytest.raises(Invalid) as caught:
        await change(2, "owner")
    assert list(caught.value.fields) == ["roles"]
    async with database.transaction(operator_id) as tx:
        row = await get_staff_row(tx, operator_id=operator_id, staff_id=staff.staff_id)
    assert (row.staff.roles, row.staff.name, row.version) == (frozenset({Role.CARE}), "Ada L", 2)


async def test_a_new_password_ends_every_session(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    staff = await add(database, operators[0])
    operator_id = operators[0].operator_id
    opened = await sign_in(
        database, operator_id=operator_id, email=staff.email, password=PASSWORD, address="::1"
    )
    password_hash = await hash_password("another long password")
    async with database.transaction(operator_id) as tx:
        await set_staff_password(
            tx, operator_id=operator_id, staff_id=staff.staff_id, password_hash=password_hash, actor=SYSTEM,
            now=await tx.now(),
        )  # fmt: skip
    assert await staff_of_session(database, operator_id=operator_id, secret=opened.secret) is None
    with pytest.raises(NotSignedIn):
        await sign_in(database, operator_id=operator_id, email=staff.email, password=PASSWORD, address="::1")
    with pytest.raises(NotFound):
        async with database.transaction(operators[1].operator_id) as tx:
            await set_staff_password(
                tx, operator_id=operators[1].operator_id, staff_id=staff.staff_id, password_hash=password_hash,
                actor=SYSTEM, now=await tx.now(),
            )  # fmt: skip
