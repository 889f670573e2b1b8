"""Work on provisions that takes several transactions: a probe reads, calls billing, and writes."""

import asyncio
from typing import Final
from uuid import UUID

import structlog

from matinee.platform.audit import SYSTEM, Actor
from matinee.platform.db import Database
from matinee.provisions.operations.call_tests import begin_call_test, keep_call_test
from matinee.provisions.operations.probes import fail_probe, finish_probe, note_steps, start_probe
from matinee.provisions.operations.provisions import record_probe
from matinee.provisions.ports import BillingGateway
from matinee.provisions.probe import ProbeAccounts, run_probe
from matinee.provisions.queries import billing_version, get_provision
from matinee.provisions.types import (
    BillingTarget,
    CallName,
    CallTest,
    ExchangeRecord,
    PlatformValue,
    Probe,
    ProbeReport,
    ProbeStep,
    ProvisionConfig,
    Values,
)

_NOTE_EVERY_SECONDS: Final = 0.5
_OUR_FAULT: Final = (
    "Something went wrong on our side. A test charge may still stand: the steps say what was called."
)

_log = structlog.get_logger(__name__)


async def probe_provision(
    database: Database,
    gateway: BillingGateway,
    *,
    operator_id: UUID,
    provision_id: UUID,
    accounts: ProbeAccounts,
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


async def make_test_call(
    database: Database,
    gateway: BillingGateway,
    *,
    operator_id: UUID,
    provision_id: UUID,
    call: CallName,
    values: Values,
    actor: Actor,
    unsaved: ProvisionConfig | None = None,
) -> CallTest:
    """Send one real request that belongs to no purchase, and keep what came of it.

    `values` name the account and a reference that begins with `test-`; for a refund also what it needs.
    `unsaved`: checked settings that count instead of the saved ones; the secrets are those that are set.
    Raises NotFound, TooMany.
    """
    reference = values[PlatformValue.REFERENCE]
    async with database.transaction(operator_id) as tx:
        target = await begin_call_test(
            tx,
            operator_id=operator_id,
            provision_id=provision_id,
            call=call,
            reference=reference,
            actor=actor,
            now=await tx.now(),
            unsaved=unsaved,
        )
    record, found = await _test_call(gateway, target, call, values)
    async with database.transaction(operator_id) as tx:
        return await keep_call_test(
            tx,
            target=target,
            reference=reference,
            record=record,
            found={name: text for name, text in found.items() if text},
            actor=actor,
            now=await tx.now(),
            unsaved=unsaved is not None,
        )


async def _test_call(
    gateway: BillingGateway, target: BillingTarget, call: CallName, values: Values
) -> tuple[ExchangeRecord, dict[str, str | None]]:
    """Send it; return the record, and what was read from the answer."""
    if call == "charge":
        charged = await gateway.charge(target, values)
        outcome = charged.outcome
        return charged.record, {
            "transaction_id": outcome.transaction_id,
            "decline_reason": outcome.decline_reason,
        }
    if call == "status":
        asked = await gateway.status(target, values)
        return asked.record, {"charges": ", ".join(asked.outcome.charge_ids)}
    if call == "refund":
        return (await gateway.refund(target, values)).record, {}
    return (await gateway.cancel(target, values)).record, {}


async def run_requested_probe(
    database: Database, gateway: BillingGateway, *, operator_id: UUID, provision_id: UUID, probe_id: UUID
) -> None:
    """Do a probe that was asked for, and write down each step as it is done.

    Nothing to do when it has ended. One that was begun before (its worker died) fails: it makes real charges.
    """
    ids = {"operator_id": operator_id, "provision_id": provision_id, "probe_id": probe_id}
    async with database.transaction(operator_id) as tx:
        started = await start_probe(tx, **ids, now=await tx.now())
        if started is None:
            return
        version, accounts = started
        target, _ = await billing_version(
            tx, operator_id=operator_id, provision_id=provision_id, version=version
        )
    steps: list[ProbeStep] = []
    work = asyncio.create_task(run_probe(gateway, target, accounts, on_step=steps.append))
    try:
        report = await _watched(database, work, steps, ids)
    except Exception as error:
        _log.error("probe_failed", probe_id=str(probe_id), exc_info=error)
        async with database.transaction(operator_id) as tx:
            await fail_probe(tx, **ids, error=_OUR_FAULT, now=await tx.now())
        return
    finally:
        work.cancel()
    if report is not None:
        async with database.transaction(operator_id) as tx:
            await finish_probe(tx, **ids, report=report, actor=SYSTEM, now=await tx.now())


async def _watched(
    database: Database, work: "asyncio.Task[ProbeReport]", steps: list[ProbeStep], ids: dict[str, UUID]
) -> ProbeReport | None:
    """Wait for the report and keep what is done of it; None when somebody stopped the probe."""
    while not work.done():
        await asyncio.wait({work}, timeout=_NOTE_EVERY_SECONDS)
        async with database.transaction(ids["operator_id"]) as tx:
            if not await note_steps(tx, **ids, steps=tuple(steps), now=await tx.now()):
                return None
    return work.result()
