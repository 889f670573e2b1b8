"""The probe as a piece of work: it reads, calls, writes, and holds no transaction meanwhile."""

from collections.abc import Mapping
from typing import Any

import msgspec
from tests.doubles.sample import FOLDER, SampleBilling

from matinee.platform.audit import SYSTEM
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.provisions.egress import EgressPolicy
from matinee.provisions.exchange import AiohttpBillingGateway
from matinee.provisions.jobs import probe_provision
from matinee.provisions.operations import create_provision
from matinee.provisions.probe import TestAccounts
from matinee.provisions.queries import current_capabilities, latest_probe
from matinee.provisions.types import (
    BillingTarget,
    Capability,
    PlatformValue,
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


async def test_a_probe_is_kept_with_its_version(
    database: Database, operators: tuple[Operator, Operator], sample_billing: SampleBilling
) -> None:
    operator_id = operators[0].operator_id
    policy = EgressPolicy.parse(f"127.0.0.0/8:{sample_billing.port}")
    described = msgspec.json.decode((FOLDER / "provision.json").read_bytes(), type=ProvisionConfig)
    config = msgspec.structs.replace(
        described, base_url=sample_billing.base_url, longest_processing_seconds=0
    )
    async with database.transaction(operator_id) as tx:
        provision = await create_provision(
            tx, operator_id=operator_id, config=config, policy=policy, actor=SYSTEM, now=await tx.now()
        )
    async with Watching(policy=policy) as gateway:
        gateway.database = database
        probe = await probe_provision(
            database,
            gateway,
            operator_id=operator_id,
            provision_id=provision.provision_id,
            accounts=TestAccounts(ACCOUNT),
            actor=SYSTEM,
        )
    assert gateway.open_transactions == 0
    ids: dict[str, Any] = {"operator_id": operator_id, "provision_id": provision.provision_id}
    async with database.transaction(operator_id) as tx:
        assert await latest_probe(tx, **ids) == probe
        assert await current_capabilities(tx, **ids) == {
            Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND,
        }  # fmt: skip
    assert sample_billing.standing() == []
