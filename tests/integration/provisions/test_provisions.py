"""Provisions in the database: versions, the switch, names, and what a probe is worth later on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from tests.unit.provisions.examples import FULL, PLAIN

from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Database, Transaction
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator
from matinee.provisions import operations, queries
from matinee.provisions.types import (
    BillingTarget,
    Capabilities,
    Capability,
    KeyMapping,
    ProbeReport,
    ProbeStep,
    Provision,
    ProvisionConfig,
    Verdict,
)

INES = Actor("staff", UUID(int=7), "Ines Integration")
POLICY = EgressPolicy()
I, S, R = Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND  # noqa: E741


class Desk:
    """What staff of one operator do to its provisions, each in a transaction of its own."""

    def __init__(self, database: Database, operator: Operator) -> None:
        self.database = database
        self.operator_id = operator.operator_id

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Transaction, dict[str, Any]]]:
        async with self.database.transaction(self.operator_id) as tx:
            yield tx, {"operator_id": self.operator_id, "actor": INES, "now": await tx.now()}

    async def create(self, config: ProvisionConfig = FULL) -> Provision:
        async with self.open() as (tx, by):
            return await operations.create_provision(tx, config=config, policy=POLICY, **by)

    async def update(
        self, provision: Provision, *, expected_version: int | None = None, **changes: Any
    ) -> Provision:
        config = msgspec.structs.replace(provision.config, **changes)
        async with self.open() as (tx, by):
            return await operations.update_provision(
                tx, provision_id=provision.provision_id, config=config, policy=POLICY,
                expected_version=expected_version, **by,
            )  # fmt: skip

    async def get(self, provision: Provision) -> Provision:
        async with self.open() as (tx, _):
            return await queries.get_provision(
                tx, operator_id=self.operator_id, provision_id=provision.provision_id
            )

    async def probed(self, provision: Provision, *capabilities: Capability) -> None:
        step = ProbeStep(name="first_charge", title="Charge", verdict=Verdict.PASSED, detail="Charged.")
        report = ProbeReport(steps=(step,), capabilities=frozenset(capabilities))
        async with self.open() as (tx, by):
            await operations.record_probe(
                tx, provision_id=provision.provision_id, version=provision.version, report=report, **by
            )

    async def capabilities(self, provision: Provision, version: int | None = None) -> Capabilities:
        async with self.open() as (tx, _):
            return await queries.current_capabilities(
                tx, operator_id=self.operator_id, provision_id=provision.provision_id, version=version
            )

    async def audited(self, provision: Provision) -> list[tuple[str, dict[str, Any]]]:
        async with self.open() as (tx, _):
            entries = await audit.entries_about(
                tx, operator_id=self.operator_id, subject_kind="provision",
                subject_id=provision.provision_id,
            )  # fmt: skip
            return [(entry.action, entry.details) for entry in reversed(entries)]


@pytest.fixture
def desk(database: Database, operators: tuple[Operator, Operator]) -> Desk:
    return Desk(database, operators[0])


@pytest.fixture
def neighbour(database: Database, operators: tuple[Operator, Operator]) -> Desk:
    return Desk(database, operators[1])


async def test_a_provision_is_stored_in_its_normal_form(desk: Desk) -> None:
    typed = msgspec.structs.replace(FULL, name=" Main ", base_url="www.operator.com/rentals")
    created = await desk.create(typed)
    assert created == await desk.get(created)
    assert (created.name, created.api_type, created.version, created.switched_off_at) == (
        "Main", "movie", 1, None,
    )  # fmt: skip
    assert created.config == msgspec.structs.replace(FULL, name="Main")
    assert await desk.audited(created) == [("provision.created", {"name": "Main", "version": 1})]


async def test_a_refused_provision_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.create(msgspec.structs.replace(FULL, base_url="https://169.254.169.254/"))
    assert set(refused.value.fields) == {"base_url"}
    async with desk.open() as (tx, _):
        assert await queries.list_provisions(tx, operator_id=desk.operator_id) == []


async def test_each_change_is_a_version_and_old_ones_stay(desk: Desk) -> None:
    first = await desk.create()
    second = await desk.update(first, name="New", timeout_seconds=5)
    assert (second.version, second.name, second.config.timeout_seconds) == (2, "New", 5)
    async with desk.open() as (tx, _):
        old = await queries.get_version(
            tx, operator_id=desk.operator_id, provision_id=first.provision_id, version=1
        )
    assert old == FULL
    assert (await desk.audited(first))[1] == (
        "provision.updated", {"version": 2, "changed": ["name", "timeout_seconds"]},
    )  # fmt: skip


async def test_saving_without_a_change_makes_no_version(desk: Desk) -> None:
    created = await desk.create()
    assert await desk.update(created) == created
    assert len(await desk.audited(created)) == 1


async def test_the_audit_never_holds_a_constant(desk: Desk) -> None:
    created = await desk.create(PLAIN)
    key = KeyMapping(parameter="key", constant="canary-secret")
    charge = msgspec.structs.replace(PLAIN.charge, key_map=(*PLAIN.charge.key_map, key))
    await desk.update(created, charge=charge)
    assert "canary" not in repr(await desk.audited(created))


async def test_two_editors(desk: Desk) -> None:
    created = await desk.create()
    await desk.update(created, name="By one", expected_version=1)
    with pytest.raises(Conflict) as conflict:
        await desk.update(created, name="By the other", expected_version=1)
    assert conflict.value.code == "edited_meanwhile"
    assert (await desk.get(created)).name == "By one"


async def test_a_name_is_used_once_per_operator(desk: Desk, neighbour: Desk) -> None:
    created = await desk.create()
    await neighbour.create()
    with pytest.raises(Invalid) as refused:
        await desk.create()
    assert set(refused.value.fields) == {"name"}
    other = await desk.create(msgspec.structs.replace(PLAIN, name="Other"))
    with pytest.raises(Invalid) as refused:
        await desk.update(other, name=created.name)
    assert set(refused.value.fields) == {"name"}
    assert await desk.get(other) == other


async def test_the_switch(desk: Desk) -> None:
    created = await desk.create()
    for _ in range(2):
        async with desk.open() as (tx, by):
            await operations.switch_off(tx, provision_id=created.provision_id, reason="Billing is down", **by)
    assert (await desk.get(created)).switched_off_at is not None
    for _ in range(2):
        async with desk.open() as (tx, by):
            await operations.switch_on(tx, provision_id=created.provision_id, **by)
    assert (await desk.get(created)).switched_off_at is None
    assert [action for action, _ in await desk.audited(created)] == [
        "provision.created", "provision.switched_off", "provision.switched_on",
    ]  # fmt: skip


async def test_the_list_shows_class_and_address(desk: Desk) -> None:
    full = await desk.create(msgspec.structs.replace(FULL, name="b"))
    await desk.create(msgspec.structs.replace(PLAIN, name="A"))
    await desk.probed(full, I, S)
    async with desk.open() as (tx, _):
        rows = await queries.list_provisions(tx, operator_id=desk.operator_id)
        assert await queries.list_provisions(tx, operator_id=desk.operator_id, api_type="series") == []
    assert [(row.name, row.provision_class, row.capabilities, row.base_url) for row in rows] == [
        ("A", "D", frozenset(), PLAIN.base_url),
        ("b", "A", {I, S}, FULL.base_url),
    ]


# What a probe is worth.


async def test_without_a_probe_nothing_is_proved(desk: Desk) -> None:
    assert await desk.capabilities(await desk.create()) == frozenset()


async def test_the_newest_probe_counts_even_if_it_is_worse(desk: Desk) -> None:
    created = await desk.create()
    await desk.probed(created, I, S, R)
    assert await desk.capabilities(created) == {I, S, R}
    await desk.probed(created, S)
    assert await desk.capabilities(created) == {S}
    async with desk.open() as (tx, _):
        probe = await queries.latest_probe(
            tx, operator_id=desk.operator_id, provision_id=created.provision_id
        )
    assert probe is not None
    assert (probe.version, probe.created_by, probe.report.capabilities) == (1, INES.name, frozenset({S}))
    assert [step.name for step in probe.report.steps] == ["first_charge"]


async def test_a_proof_outlives_changes_that_do_not_touch_the_calls(desk: Desk) -> None:
    created = await desk.create()
    await desk.probed(created, I, S)
    renamed = await desk.update(created, name="New", timeout_seconds=5, longest_processing_seconds=60)
    assert await desk.capabilities(renamed) == {I, S}


async def test_a_proof_ends_when_the_calls_change_and_old_versions_keep_theirs(desk: Desk) -> None:
    created = await desk.create()
    await desk.probed(created, I, S)
    moved = await desk.update(created, base_url="https://new.operator.com/rentals")
    assert await desk.capabilities(moved) == frozenset()
    assert await desk.capabilities(moved, version=1) == {I, S}
    await desk.probed(moved, S, R)
    assert await desk.capabilities(moved) == {S, R}
    assert await desk.capabilities(moved, version=1) == {I, S}
    back = await desk.update(moved, base_url=FULL.base_url)
    assert await desk.capabilities(back) == {I, S}


async def test_a_probe_cannot_prove_what_the_calls_cannot_do(desk: Desk) -> None:
    created = await desk.create(PLAIN)
    await desk.probed(created, I, S, R)
    assert await desk.capabilities(created) == frozenset()


async def test_billing_version_gives_both(desk: Desk) -> None:
    created = await desk.create()
    await desk.probed(created, I)
    async with desk.open() as (tx, _):
        found = await queries.billing_version(
            tx, operator_id=desk.operator_id, provision_id=created.provision_id, version=1
        )
    target = BillingTarget(
        operator_id=desk.operator_id, provision_id=created.provision_id, version=1, config=FULL
    )
    assert found == (target, frozenset({I}))


# Isolation, and what the database itself refuses.


async def test_another_operators_provision_does_not_exist(desk: Desk, neighbour: Desk) -> None:
    theirs = await desk.create()
    ids: dict[str, Any] = {"operator_id": neighbour.operator_id, "provision_id": theirs.provision_id}
    by: dict[str, Any] = {"actor": INES, "now": theirs.created_at}
    report = ProbeReport(steps=(), capabilities=frozenset({I}))
    async with neighbour.database.transaction(neighbour.operator_id) as tx:
        assert await queries.list_provisions(tx, operator_id=neighbour.operator_id) == []
        assert await queries.list_provisions(tx, operator_id=desk.operator_id) == []
        assert await queries.latest_probe(tx, **ids) is None
        for attempt in (
            queries.get_provision(tx, **ids),
            queries.get_version(tx, version=1, **ids),
            queries.billing_version(tx, version=1, **ids),
            queries.current_capabilities(tx, **ids),
            operations.update_provision(tx, config=FULL, policy=POLICY, **ids, **by),
            operations.switch_off(tx, **ids, **by),
            operations.switch_on(tx, **ids, **by),
            operations.record_probe(tx, version=1, report=report, **ids, **by),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert await desk.get(theirs) == theirs
    assert await desk.capabilities(theirs) == frozenset()


async def test_a_probe_of_a_version_that_does_not_exist(desk: Desk) -> None:
    created = await desk.create()
    with pytest.raises(NotFound):
        await desk.probed(msgspec.structs.replace(created, version=2), I)
    with pytest.raises(NotFound):
        await desk.probed(msgspec.structs.replace(created, provision_id=new_id()), I)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provision_versions SET config = '{}'",
        "DELETE FROM provision_versions",
        "UPDATE provision_probes SET capabilities = '{idempotent}'",
        "DELETE FROM provision_probes",
        "DELETE FROM provisions",
    ],
)
async def test_versions_and_probes_are_never_changed(desk: Desk, statement: str) -> None:
    await desk.probed(await desk.create(), Capability.STATUS)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with desk.open() as (tx, _):
            await tx.execute(statement)
