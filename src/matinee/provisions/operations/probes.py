"""A probe as background work: asked for, begun, watched, ended. One at a time for each provision."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from matinee.kernel.errors import Conflict
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.jobs import CALLS, enqueue
from matinee.platform.try_limits import TryLimit, take_try
from matinee.provisions.probe import ProbeAccounts
from matinee.provisions.queries.probes import get_probe, open_probe
from matinee.provisions.queries.provisions import get_provision
from matinee.provisions.rules import provision_class
from matinee.provisions.types import Probe, ProbeReport, ProbeStep

TASK = "provisions.run_probe"
LEFT_ALONE = timedelta(minutes=3)
"""A probe that has shown no sign of life for so long has lost its worker."""

WORKER_LOST = "The probe was cut off. A test charge may still stand: the steps say what was called."

MOST_PROBES = 6
"""Probes of one provision in 15 minutes: it must not become a way to hammer or scan a host."""

MOST_OF_AN_OPERATOR = 30
"""Of all its provisions together: a new provision for each host must not become a way to scan a network."""

_NOTHING = ProbeReport(steps=(), capabilities=frozenset())


async def request_probe(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    accounts: ProbeAccounts,
    actor: Actor,
    now: datetime,
) -> Probe:
    """Ask for a probe of the current version; its job is enqueued in this transaction.

    Raises TooMany, NotFound, and Conflict (`probe_under_way`) while another one is open. A probe whose worker is
    lost is given up first.
    """
    limits = [
        TryLimit(f"probe:{provision_id}", MOST_PROBES),
        TryLimit("probe-operator", MOST_OF_AN_OPERATOR),
    ]
    await take_try(tx, operator_id=operator_id, limits=limits, now=now)
    provision = await get_provision(tx, operator_id=operator_id, provision_id=provision_id)
    await tx.execute(
        """UPDATE provision_probes SET state = 'failed', accounts = NULL, error = $4, finished_at = $3
           WHERE operator_id = $1 AND provision_id = $2 AND state = 'running' AND updated_at < $5""",
        operator_id, provision_id, now, WORKER_LOST, now - LEFT_ALONE,
    )  # fmt: skip
    probe_id = new_id()
    made = await tx.execute(
        """INSERT INTO provision_probes (operator_id, provision_id, probe_id, version, state, accounts,
                                         capabilities, report, created_by, created_at, updated_at)
           VALUES ($1, $2, $3, $4, 'queued', $5::jsonb, '{}', $6::jsonb, $7, $8, $8)
           ON CONFLICT (operator_id, provision_id) WHERE state IN ('queued', 'running') DO NOTHING""",
        operator_id, provision_id, probe_id, provision.version, _json(accounts), _json(_NOTHING),
        actor.name, now,
    )  # fmt: skip
    if made != "INSERT 0 1":
        raise Conflict("A probe is under way; wait for its end.", code="probe_under_way")
    await enqueue(
        tx, TASK, queue=CALLS, lock=f"probe:{operator_id}:{provision_id}", operator_id=str(operator_id),
        provision_id=str(provision_id), probe_id=str(probe_id),
    )  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.probe_started",
        subject_kind="provision", subject_id=provision_id, now=now, details={"version": provision.version},
    )  # fmt: skip
    return await get_probe(tx, operator_id=operator_id, provision_id=provision_id, probe_id=probe_id)


async def start_probe(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, probe_id: UUID, now: datetime
) -> tuple[int, ProbeAccounts] | None:
    """Begin a probe and return its version and accounts; None when it has ended, or was begun before.

    A probe makes real charges, so one that was cut off is not begun a second time: it has failed.
    """
    row = await tx.fetchrow(
        """UPDATE provision_probes SET state = 'running', updated_at = $4
           WHERE operator_id = $1 AND provision_id = $2 AND probe_id = $3 AND state = 'queued'
           RETURNING version, accounts::text AS accounts""",
        operator_id, provision_id, probe_id, now,
    )  # fmt: skip
    if row is None:
        await fail_probe(
            tx, operator_id=operator_id, provision_id=provision_id, probe_id=probe_id, error=WORKER_LOST, now=now
        )  # fmt: skip
        return None
    return row["version"], msgspec.json.decode(row["accounts"], type=ProbeAccounts)


async def note_steps(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    probe_id: UUID,
    steps: tuple[ProbeStep, ...],
    now: datetime,
) -> bool:
    """Keep the steps done so far; False when the probe is not running any more and must stop."""
    report = msgspec.structs.replace(_NOTHING, steps=steps)
    done = await tx.execute(
        """UPDATE provision_probes SET report = $4::jsonb, updated_at = $5
           WHERE operator_id = $1 AND provision_id = $2 AND probe_id = $3 AND state = 'running'""",
        operator_id, provision_id, probe_id, _json(report), now,
    )  # fmt: skip
    return done == "UPDATE 1"


async def finish_probe(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    probe_id: UUID,
    report: ProbeReport,
    actor: Actor,
    now: datetime,
) -> bool:
    """End a probe with its report; from here on its capabilities count. False when it had ended before."""
    capabilities = sorted(capability.value for capability in report.capabilities)
    row = await tx.fetchrow(
        """UPDATE provision_probes SET state = 'done', accounts = NULL, capabilities = $4,
                  report = $5::jsonb, updated_at = $6, finished_at = $6
           WHERE operator_id = $1 AND provision_id = $2 AND probe_id = $3 AND state = 'running'
           RETURNING version""",
        operator_id, provision_id, probe_id, capabilities, _json(report), now,
    )  # fmt: skip
    if row is None:
        return False
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.probed", subject_kind="provision",
        subject_id=provision_id, now=now,
        details={
            "version": row["version"], "capabilities": capabilities,
            "class": provision_class(report.capabilities),
        },
    )  # fmt: skip
    return True


async def fail_probe(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, probe_id: UUID, error: str, now: datetime
) -> None:
    """End a probe that could not be done; the steps that it did stay."""
    await tx.execute(
        """UPDATE provision_probes SET state = 'failed', accounts = NULL, error = $4, updated_at = $5,
                  finished_at = $5
           WHERE operator_id = $1 AND provision_id = $2 AND probe_id = $3 AND state IN ('queued', 'running')""",
        operator_id, provision_id, probe_id, error, now,
    )  # fmt: skip


async def stop_probe(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, actor: Actor, now: datetime
) -> None:
    """Stop the open probe; a call that has left is not taken back. Raises Conflict when none is open."""
    probe = await open_probe(tx, operator_id=operator_id, provision_id=provision_id)
    if probe is None:
        raise Conflict("The probe has ended already.", code="probe_ended")
    error = f"Stopped by {actor.name}. A test charge may still stand: the steps say what was called."
    await fail_probe(
        tx, operator_id=operator_id, provision_id=provision_id, probe_id=probe.probe_id, error=error, now=now
    )
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.probe_stopped",
        subject_kind="provision", subject_id=provision_id, now=now, details={"version": probe.version},
    )  # fmt: skip


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
