"""Signing in and out on devices."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.factories.world import PASSWORD, STAFF, World

from matinee.customers.jobs import sign_in_subscriber
from matinee.customers.operations import disable_customer, note_seen, remove_device, set_password, sign_out
from matinee.customers.queries import list_devices, session_by_token
from matinee.customers.rules import SESSION_LIFETIME
from matinee.customers.types import DeviceCategory, DeviceInput, SignedIn, SubscriberSession
from matinee.kernel.errors import MatineeError, NotFound, NotSignedIn, Refused, TooMany
from matinee.platform import passwords
from matinee.platform.passwords import hash_password
from matinee.platform.try_limits import (
    TryLimit,
    account_limit,
    address_limit,
    forgive,
    operator_limit,
    sign_in_limits,
)

TV = DeviceInput(device_id=UUID(int=1), category=DeviceCategory.TV, model="Loewe 55")


async def _sign_in(
    world: World,
    username: str = "nora",
    *,
    password: str = PASSWORD,
    device: DeviceInput = TV,
    address: str = "192.0.2.1",
) -> SignedIn:
    return await sign_in_subscriber(
        world.database, operator_id=world.operator_id, username=username, password=password, device=device,
        address=address,
    )  # fmt: skip


async def _session(world: World, token: str, later: timedelta = timedelta()) -> SubscriberSession | None:
    async with world.database.transaction(world.operator_id) as tx:
        return await session_by_token(
            tx, operator_id=world.operator_id, token=token, now=await tx.now() + later
        )


async def _refusal(world: World, **how: object) -> MatineeError:
    with pytest.raises(MatineeError) as caught:
        await _sign_in(world, **how)  # type: ignore[arg-type]
    return caught.value


def _phone() -> DeviceInput:
    return DeviceInput(device_id=uuid4(), category=DeviceCategory.HANDHELD, model="Phone")


@pytest.fixture
async def nora(world: World) -> UUID:
    return await world.customer("nora", await world.product(max_devices=2))


async def test_a_session_names_customer_and_device(world: World, nora: UUID) -> None:
    signed_in = await _sign_in(world, "Nora ")
    session = await _session(world, signed_in.token)
    assert session == signed_in.session
    assert (signed_in.session.customer_id, signed_in.session.device_id) == (nora, TV.device_id)
    assert await _session(world, signed_in.token, SESSION_LIFETIME + timedelta(seconds=1)) is None
    assert signed_in.token not in repr(await _everything_stored(world))


async def _everything_stored(world: World) -> list[object]:
    async with world.database.transaction(world.operator_id) as tx:
        return list(await tx.fetch("SELECT encode(session_hash, 'escape') FROM subscriber_sessions"))


async def test_signing_in_again_replaces_the_session_of_that_device(world: World, nora: UUID) -> None:
    first = await _sign_in(world)
    other = await _sign_in(world, device=_phone())
    second = await _sign_in(world)
    assert first.token != second.token
    assert await _session(world, first.token) is None
    assert await _session(world, second.token) == second.session
    assert await _session(world, other.token) == other.session


async def test_unknown_name_wrong_password_and_disabled_customer_get_one_answer(
    world: World, nora: UUID
) -> None:
    await world.customer("off", (await world.product("Other")))
    async with world.database.transaction(world.operator_id) as tx:
        off = await tx.fetchval("SELECT customer_id FROM customers WHERE username = 'off'")
        await disable_customer(
            tx, operator_id=world.operator_id, actor=STAFF, customer_id=off, reason="x", now=await tx.now()
        )
    refusals = [
        await _refusal(world, username="nobody"),
        await _refusal(world, password="wrong horse battery"),
        await _refusal(world, username="off"),
    ]
    assert {(type(error), error.code, error.message) for error in refusals} == {
        (NotSignedIn, "wrong_credentials", refusals[0].message)
    }


async def test_who_is_unknown_or_disabled_costs_one_hash_as_everybody_does(
    world: World, nora: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    class Counting:
        def verify(self, encoded: str, password: str) -> bool:
            hashed.append(encoded.rpartition("$")[0].rpartition("$")[0])
            return before.verify(encoded, password)

    await world.customer("off", (await world.product("Other")))
    async with world.database.transaction(world.operator_id) as tx:
        off = await tx.fetchval("SELECT customer_id FROM customers WHERE username = 'off'")
        await disable_customer(
            tx, operator_id=world.operator_id, actor=STAFF, customer_id=off, reason="x", now=await tx.now()
        )
    before = passwords._HASHER
    monkeypatch.setattr(passwords, "_HASHER", Counting())
    for given in ({"username": "nobody"}, {"password": "wrong horse battery"}, {"username": "off"}):
        hashed.clear()
        await _refusal(world, **given)
        assert hashed == ["$argon2id$v=19$m=19456,t=2,p=1"], given


async def test_disabling_and_a_new_password_end_every_session(world: World, nora: UUID) -> None:
    ids: dict[str, Any] = {"operator_id": world.operator_id, "actor": STAFF, "customer_id": nora}
    token = (await _sign_in(world)).token
    new_hash = await hash_password("another long password")
    async with world.database.transaction(world.operator_id) as tx:
        await set_password(tx, password_hash=new_hash, now=await tx.now(), **ids)
    assert await _session(world, token) is None
    assert (await _refusal(world)).code == "wrong_credentials"
    token = (await _sign_in(world, password="another long password")).token
    async with world.database.transaction(world.operator_id) as tx:
        await disable_customer(tx, reason="moved", now=await tx.now(), **ids)
    assert await _session(world, token) is None


async def test_a_device_is_seen_at_most_once_an_hour(world: World, nora: UUID) -> None:
    await _sign_in(world)
    ids: dict[str, Any] = {"operator_id": world.operator_id, "customer_id": nora}
    start = await world.now()
    seen = []
    for later in (timedelta(minutes=59), timedelta(minutes=61), timedelta(minutes=62)):
        async with world.database.transaction(world.operator_id) as tx:
            await note_seen(tx, device_id=TV.device_id, now=start + later, **ids)
            seen.append((await list_devices(tx, **ids))[0].last_seen_at)
    assert seen[0] < start
    assert seen[1:] == [start + timedelta(minutes=61)] * 2


async def test_sessions_that_ran_out_are_removed(world: World, nora: UUID) -> None:
    await _sign_in(world)
    async with world.database.transaction(world.operator_id) as tx:
        await tx.execute("UPDATE subscriber_sessions SET expires_at = created_at")
    await _sign_in(world, device=_phone())
    assert len(await _everything_stored(world)) == 1


async def test_signing_out_ends_that_session_alone(world: World, nora: UUID) -> None:
    here, there = await _sign_in(world), await _sign_in(world, device=_phone())
    async with world.database.transaction(world.operator_id) as tx:
        await sign_out(tx, operator_id=world.operator_id, token=here.token)
        await sign_out(tx, operator_id=world.operator_id, token="nonsense")
    assert await _session(world, here.token) is None
    assert await _session(world, there.token) == there.session


async def test_a_token_is_worth_nothing_at_another_operator(
    world: World, neighbour: World, nora: UUID
) -> None:
    token = (await _sign_in(world)).token
    assert await _session(neighbour, token) is None
    async with neighbour.database.transaction(neighbour.operator_id) as tx:
        await sign_out(tx, operator_id=neighbour.operator_id, token=token)
    assert await _session(world, token) is not None


async def test_no_more_devices_than_the_product_allows(world: World, nora: UUID) -> None:
    await _sign_in(world)
    await _sign_in(world, device=_phone())
    refusal = await _refusal(world, device=_phone())
    assert (type(refusal), refusal.code) == (Refused, "too_many_devices")
    await _sign_in(world)
    async with world.database.transaction(world.operator_id) as tx:
        assert len(await list_devices(tx, operator_id=world.operator_id, customer_id=nora)) == 2


async def test_removing_a_device_signs_it_out_and_frees_its_place(world: World, nora: UUID) -> None:
    token = (await _sign_in(world)).token
    await _sign_in(world, device=_phone())
    ids: dict[str, Any] = {
        "operator_id": world.operator_id,
        "actor": STAFF,
        "customer_id": nora,
    }
    async with world.database.transaction(world.operator_id) as tx:
        await remove_device(tx, device_id=TV.device_id, reason="sold", now=await tx.now(), **ids)
        with pytest.raises(NotFound):
            await remove_device(tx, device_id=TV.device_id, reason="sold", now=await tx.now(), **ids)
        devices = await list_devices(tx, operator_id=world.operator_id, customer_id=nora)
    assert [device.is_registered for device in devices] == [True, False]
    assert await _session(world, token) is None
    await _sign_in(world, device=_phone())
    assert "customer.device_removed" in await world.audit_actions(nora)


async def test_a_device_belongs_to_one_customer_until_that_one_signs_out(world: World, nora: UUID) -> None:
    await world.customer("piet", await world.product("Other"))
    token = (await _sign_in(world)).token
    refusal = await _refusal(world, username="piet")
    assert (type(refusal), refusal.code) == (Refused, "device_taken")
    async with world.database.transaction(world.operator_id) as tx:
        await sign_out(tx, operator_id=world.operator_id, token=token)
    await _sign_in(world, "piet")
    async with world.database.transaction(world.operator_id) as tx:
        left = await list_devices(tx, operator_id=world.operator_id, customer_id=nora)
    assert [(device.device_id, device.is_registered) for device in left] == [(TV.device_id, False)]


async def test_wrong_passwords_are_limited_per_account(world: World, nora: UUID) -> None:
    for number in range(account_limit("subscriber", "nora").tries):
        address = f"192.0.2.{number}"
        assert (await _refusal(world, password="wrong", address=address)).code == "wrong_credentials"
    refusal = await _refusal(world, address="192.0.2.99")
    assert isinstance(refusal, TooMany)
    assert 0 < refusal.retry_after_seconds <= 901


async def test_a_success_clears_the_count(world: World, nora: UUID) -> None:
    for _ in range(account_limit("subscriber", "nora").tries - 1):
        await _refusal(world, password="wrong")
    await _sign_in(world)
    assert (await _refusal(world, password="wrong")).code == "wrong_credentials"


async def test_tries_are_limited_per_address(world: World, nora: UUID) -> None:
    limit = address_limit("subscriber", "192.0.2.1")
    await _count_tries(world, limit, limit.tries)
    assert isinstance(await _refusal(world), TooMany)
    await _sign_in(world, address="192.0.2.2")


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("2001:db8:1:2::7", "2001:db8:1:2:ffff::8", True),
        ("2001:db8:1:2::7", "2001:db8:1:3::7", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "unknown", True),
    ],
)
def test_a_household_of_ipv6_counts_as_one_address(address: str, other: str, same: bool) -> None:
    assert (address_limit("staff", address) == address_limit("staff", other)) is same


async def _count_tries(world: World, limit: TryLimit, tries: int) -> None:
    async with world.database.transaction(world.operator_id) as tx:
        await tx.execute(
            """INSERT INTO sign_in_failures (operator_id, subject, window_started_at, failures)
               VALUES ($1, $2, $3, $4)""",
            world.operator_id, limit.subject, await tx.now(), tries,
        )  # fmt: skip


async def test_tries_are_limited_over_the_whole_operator_and_no_other_one_suffers(
    world: World, neighbour: World, nora: UUID
) -> None:
    await neighbour.customer("nora", await neighbour.product())
    limit = operator_limit("subscriber")
    await _count_tries(world, limit, limit.tries - 1)
    await _sign_in(world)  # a right password counts for nothing
    assert (await _refusal(world, username="anna", address="192.0.2.8")).code == "wrong_credentials"
    assert isinstance(await _refusal(world, username="piet", address="192.0.2.9"), TooMany)
    assert isinstance(await _refusal(world), TooMany)
    await _sign_in(neighbour)


async def test_taking_a_try_back_waits_with_nothing_in_its_hands(world: World, nora: UUID) -> None:
    """Counting a try and taking it back lock the same rows: in different orders they would block each other."""
    limits = sign_in_limits("subscriber", name="nora", address="192.0.2.1")
    for limit in limits.all:
        await _count_tries(world, limit, 1)

    async def take_back() -> None:
        async with world.database.transaction(world.operator_id) as tx:
            await forgive(tx, operator_id=world.operator_id, limits=limits)

    lock = "SELECT FROM sign_in_failures WHERE operator_id = $1 AND subject = $2 FOR UPDATE"
    async with world.database.transaction(world.operator_id) as counting:
        await counting.execute(lock, world.operator_id, limits.address.subject)
        forgiving = asyncio.create_task(take_back())
        async with asyncio.timeout(5):
            while not await counting.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await counting.execute("SET LOCAL lock_timeout = '500ms'")
        await counting.execute(lock, world.operator_id, limits.everybody.subject)
        await counting.execute(lock, world.operator_id, limits.account.subject)
    await asyncio.wait_for(forgiving, 5)
