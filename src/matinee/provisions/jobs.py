"""Work on provisions that takes several transactions: a probe reads, calls billing, and writes."""

from uuid import UUID

from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.provisions.operations import record_probe
from matinee.provisions.ports import BillingGateway
from matinee.provisions.probe import TestAccounts, run_probe
from matinee.provisions.queries import billing_version, get_provision
from matinee.provisions.types import Probe


async def probe_provision(
    database: Database,
    gateway: BillingGateway,
    *,
    operator_id: UUID,
    provision_id: UUID,
    accounts: TestAccounts,
    actor: Actor,
) -> Probe:
    """Probe the current version and keep the report. No transaction is open during the calls.

    Raises NotFound. The version that was probed gets the capabilities, even if another was saved meanwhile.
    """
    async with database.transaction(operator_id) as tx:
        provision = await get_provision(tx, operator_id=operator_id, provision_id=provision_id)
        target, _ = await billing_version(
            tx, operator_id=operator_id, provision_id=provision_id, version=provision.version
        )
    report = await run_probe(gateway, target, accounts)
    async with database.transaction(operator_id) as tx:
        return await record_probe(
            tx,
            operator_id=operator_id,
            provision_id=provision_id,
            version=provision.version,
            report=report,
            actor=actor,
            now=await tx.now(),
        )
