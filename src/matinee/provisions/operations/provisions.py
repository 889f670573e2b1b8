"""Write provisions. Every save that changes something is a new version; versions are never changed."""

from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import UniqueViolationError

from matinee.kernel.errors import Conflict, EditedMeanwhile, Invalid, NotFound
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.queries.provisions import NO_PROVISION, get_provision
from matinee.provisions.rules import provision_class, validated_config
from matinee.provisions.types import Probe, ProbeReport, Provision, ProvisionConfig


async def create_provision(
    tx: Transaction,
    *,
    operator_id: UUID,
    config: ProvisionConfig,
    policy: EgressPolicy,
    actor: Actor,
    now: datetime,
) -> Provision:
    """Add a provision as version 1. Raises Invalid (fields as in `validated_config`; `name` when taken)."""
    config, provision_id = validated_config(config, policy=policy), new_id()
    try:
        await tx.execute(
            """INSERT INTO provisions
                   (operator_id, provision_id, name, api_type, current_version, created_at, updated_at)
               VALUES ($1, $2, $3, $4, 1, $5, $5)""",
            operator_id, provision_id, config.name, config.api_type, now,
        )  # fmt: skip
    except UniqueViolationError as error:
        raise _name_taken() from error
    await _insert_version(tx, operator_id, provision_id, 1, config, actor, now)
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.created", subject_kind="provision",
        subject_id=provision_id, now=now, details={"name": config.name, "version": 1},
    )  # fmt: skip
    return await get_provision(tx, operator_id=operator_id, provision_id=provision_id)


async def update_provision(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    config: ProvisionConfig,
    policy: EgressPolicy,
    actor: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> Provision:
    """Save a new version; without any change, the provision stays as it is.

    Purchases under way keep the version they were made with; new ones take it from the next Cloud Sync on.
    `expected_version` is the version that the editor was opened with. Raises NotFound, Invalid (as in
    `create_provision`; the API type never changes) and Conflict when somebody else saved meanwhile.
    """
    config = validated_config(config, policy=policy)
    before = await _locked(tx, operator_id, provision_id)
    if expected_version is not None and before.version != expected_version:
        raise EditedMeanwhile("this provision")
    if config.api_type != before.api_type:
        raise Invalid({"api_type": "The API type cannot be changed; add another provision for it."})
    if config == before.config:
        return before
    version = before.version + 1
    try:
        await tx.execute(
            """UPDATE provisions SET name = $3, current_version = $4, updated_at = $5
               WHERE operator_id = $1 AND provision_id = $2""",
            operator_id, provision_id, config.name, version, now,
        )  # fmt: skip
    except UniqueViolationError as error:
        raise _name_taken() from error
    await _insert_version(tx, operator_id, provision_id, version, config, actor, now)
    # Which parts changed, never their values: a constant may be a password of the operator's billing.
    changed = [
        name for name in config.__struct_fields__ if getattr(config, name) != getattr(before.config, name)
    ]
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.updated", subject_kind="provision",
        subject_id=provision_id, now=now, details={"version": version, "changed": changed},
    )  # fmt: skip
    return await get_provision(tx, operator_id=operator_id, provision_id=provision_id)


async def switch_off(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, actor: Actor, now: datetime, reason: str = ""
) -> None:
    """Stop new purchases through the provision at once; those under way still settle. Raises NotFound."""
    await _switch(tx, operator_id, provision_id, now, actor=actor, now=now, reason=reason)


async def switch_on(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, actor: Actor, now: datetime, reason: str = ""
) -> None:
    """Allow purchases through the provision again. Raises NotFound."""
    await _switch(tx, operator_id, provision_id, None, actor=actor, now=now, reason=reason)


async def accept_class_d(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, actor: Actor, now: datetime, words: str
) -> None:
    """Let the provision sell without proof, once and for all its versions. Raises NotFound, Conflict when done.

    `words` are those of whoever accepts it; they stay with the provision and in the audit.
    """
    before = await _locked(tx, operator_id, provision_id)
    if before.class_d is not None:
        raise Conflict(f"{before.class_d.by} accepted this already.", code="class_d_accepted")
    await tx.execute(
        """UPDATE provisions SET class_d_accepted_at = $3, class_d_accepted_by = $4, class_d_words = $5,
                  updated_at = $3
           WHERE operator_id = $1 AND provision_id = $2""",
        operator_id, provision_id, now, actor.name, words,
    )  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.class_d_accepted",
        subject_kind="provision", subject_id=provision_id, now=now, reason=words,
        details={"version": before.version},
    )  # fmt: skip


async def record_probe(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    version: int,
    report: ProbeReport,
    actor: Actor,
    now: datetime,
) -> Probe:
    """Keep a probe of a version; from here on its capabilities count. Raises NotFound."""
    known = await tx.fetchval(
        """SELECT 1 FROM provision_versions
           WHERE operator_id = $1 AND provision_id = $2 AND version = $3""",
        operator_id, provision_id, version,
    )  # fmt: skip
    if known is None:
        raise NotFound(NO_PROVISION)
    probe = Probe(probe_id=new_id(), version=version, report=report, created_by=actor.name, created_at=now)
    capabilities = sorted(capability.value for capability in report.capabilities)
    await tx.execute(
        """INSERT INTO provision_probes
               (operator_id, provision_id, probe_id, version, capabilities, report, created_by, created_at)
           VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)""",
        operator_id, provision_id, probe.probe_id, version, capabilities,
        msgspec.json.encode(report).decode(), actor.name, now,
    )  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.probed", subject_kind="provision",
        subject_id=provision_id, now=now,
        details={
            "version": version, "capabilities": capabilities, "class": provision_class(report.capabilities),
        },
    )  # fmt: skip
    return probe


async def _locked(tx: Transaction, operator_id: UUID, provision_id: UUID) -> Provision:
    """Lock the provision and return it as it now is. Raises NotFound."""
    await tx.fetchval(
        "SELECT 1 FROM provisions WHERE operator_id = $1 AND provision_id = $2 FOR UPDATE",
        operator_id, provision_id,
    )  # fmt: skip
    return await get_provision(tx, operator_id=operator_id, provision_id=provision_id)


async def _insert_version(
    tx: Transaction,
    operator_id: UUID,
    provision_id: UUID,
    version: int,
    config: ProvisionConfig,
    actor: Actor,
    now: datetime,
) -> None:
    await tx.execute(
        """INSERT INTO provision_versions (operator_id, provision_id, version, config, created_by, created_at)
           VALUES ($1, $2, $3, $4::jsonb, $5, $6)""",
        operator_id, provision_id, version, msgspec.json.encode(config).decode(), actor.name, now,
    )  # fmt: skip


async def _switch(
    tx: Transaction,
    operator_id: UUID,
    provision_id: UUID,
    switched_off_at: datetime | None,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    """Set the switch; when it already stands so, nothing happens and nothing is recorded."""
    before = await _locked(tx, operator_id, provision_id)
    if (before.switched_off_at is None) == (switched_off_at is None):
        return
    await tx.execute(
        """UPDATE provisions SET switched_off_at = $3, updated_at = $4
           WHERE operator_id = $1 AND provision_id = $2""",
        operator_id, provision_id, switched_off_at, now,
    )  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor,
        action="provision.switched_on" if switched_off_at is None else "provision.switched_off",
        subject_kind="provision", subject_id=provision_id, now=now, reason=reason,
    )  # fmt: skip


def _name_taken() -> Invalid:
    return Invalid({"name": "There is a provision of this name already."})
