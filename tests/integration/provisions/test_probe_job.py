"""The probe as a piece of work: it reads, calls, writes, and holds no transaction meanwhile."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from tests.doubles.sample import SETTINGS, SampleBilling

from matinee.platform.audit import SYSTEM
from matinee.platform.db import Database
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.jobs import probe_provision, run_requested_probe
from matinee.provisions.operations import create_provision, request_probe
from matinee.provisions.operations.probes import WORKER_LOST, start_probe
from matinee.provisions.probe import ProbeAccounts
from matinee.provisions.queries import current_capabilities, latest_probe
from matinee.provisions.types import (
    BillingTarget,
    Capability,
    PlatformValue,
    ProbeState,
    ProvisionConfig,
    StatusResult,
    Values,
)

pytest_plugins = ("tests.doubles.fixtures",)

ACCOUNT: Mapping[PlatformValue, str] = {
    PlatformValue.USERID: "test",
    PlatformValue.CONTENT_ID: "test",
    PlatformValue.CONTENT_NAME: "Test",
    PlatformValue.CONTENT_PRICE: "1.00",
    PlatformValue.CURRENCY: "EUR",
}


class Watching(AiohttpBillingGateway):
    """Notes how many transactions were open on the server while it asked."""

    database: Database
    open_transactions: int = 0

    async def status(self, target: BillingTarget, values: Values) -> StatusResult:
        async with self.database.directory() as tx:
            self.open_transactions += await tx.fetchval(
                """SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND state LIKE 'idle in transaction%'
                     AND pid <> pg_backend_pid()"""
            )
        return await super().status(target, values)


async def _provision(
    database: Database, operator_id: UUID, sample_billing: SampleBilling
) -> tuple[UUID, EgressPolicy]:
    policy = EgressPolicy.parse(f"127.0.0.0/8:{sample_billing.port}")
    described = msgspec.json.decode((SETTINGS).read_bytes(), type=ProvisionConfig)
    config = msgspec.structs.replace(
        described, base_url=sample_billing.base_url, longest_processing_seconds=0
    )
    async with database.transaction(operator_id) as tx:
        provision = await create_provision(
            tx, operator_id=operator_id, config=config, policy=policy, actor=SYSTEM, now=await tx.now()
        )
    return provision.provision_id, policy


async def test_a_probe_is_kept_with_its_version(
    database: Database, operators: tuple[Operator, Operator], sample_billing: SampleBilling
) -> None:
    operator_id = operators[0].operator_id
    provision_id, policy = await _provision(database, operator_id, sample_billing)
    async with Watching(policy=policy) as gateway:
        gateway.database = database
        probe = await probe_provision(
            database,
            gateway,
            operator_id=operator_id,
            provision_id=provision_id,
            accounts=ProbeAccounts(ACCOUNT),
            actor=SYSTEM,
        )
    assert gateway.open_transactions == 0
    ids: dict[str, Any] = {"operator_id": operator_id, "provision_id": provision_id}
    async with database.transaction(operator_id) as tx:
        assert await latest_probe(tx, **ids) == probe
        assert await current_capabilities(tx, **ids) == {
            Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND, Capability.CANCEL,
        }  # fmt: skip
    assert sample_billing.standing() == []


async def test_a_requested_probe_is_done_step_by_step_without_a_transaction_open(
    database: Database, operators: tuple[Operator, Operator], sample_billing: SampleBilling
) -> None:
    operator_id = operators[0].operator_id
    provision_id, policy = await _provision(database, operator_id, sample_billing)
    ids: dict[str, Any] = {"operator_id": operator_id, "provision_id": provision_id}
    async with database.transaction(operator_id) as tx:
        asked = await request_probe(
            tx, **ids, accounts=ProbeAccounts(ACCOUNT), actor=SYSTEM, now=await tx.now()
        )
        assert await current_capabilities(tx, **ids) == frozenset()
    async with Watching(policy=policy) as gateway:
        gateway.database = database
        await run_requested_probe(database, gateway, **ids, probe_id=asked.probe_id)
        assert gateway.open_transactions == 0
        # Its job may come again; a probe that has ended is not done twice.
        charged = len(sample_billing.rentals())
        await run_requested_probe(database, gateway, **ids, probe_id=asked.probe_id)
        assert len(sample_billing.rentals()) == charged
    async with database.transaction(operator_id) as tx:
        done = await latest_probe(tx, **ids)
        assert done is not None
        assert (done.probe_id, done.state, done.error) == (asked.probe_id, ProbeState.DONE, "")
        assert len(done.report.steps) > 5
        assert await current_capabilities(tx, **ids) == {
            Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND, Capability.CANCEL,
        }  # fmt: skip
        left = await tx.fetchval("SELECT accounts FROM provision_probes WHERE probe_id = $1", asked.probe_id)
        assert left is None


async def test_a_probe_whose_worker_died_fails_instead_of_charging_again(
    database: Database, operators: tuple[Operator, Operator], sample_billing: SampleBilling
) -> None:
    operator_id = operators[0].operator_id
    provision_id, policy = await _provision(database, operator_id, sample_billing)
    ids: dict[str, Any] = {"operator_id": operator_id, "provision_id": provision_id}
    async with database.transaction(operator_id) as tx:
        now = await tx.now()
        asked = await request_probe(tx, **ids, accounts=ProbeAccounts(ACCOUNT), actor=SYSTEM, now=now)
        assert await start_probe(tx, **ids, probe_id=asked.probe_id, now=now) is not None
    async with AiohttpBillingGateway(policy=policy) as gateway:
        await run_requested_probe(database, gateway, **ids, probe_id=asked.probe_id)
    assert sample_billing.rentals() == []
    async with database.transaction(operator_id) as tx:
        failed = await latest_probe(tx, **ids)
        assert failed is not None
        assert (failed.state, failed.error) == (ProbeState.FAILED, WORKER_LOST)
        assert await current_capabilities(tx, **ids) == frozenset()
