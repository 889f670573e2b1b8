"""Read provisions. A purchase names the version that it was made with, so every version stays readable."""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.platform.db import Record, Transaction
from matinee.provisions.rules import provable_capabilities, provision_class, same_calls
from matinee.provisions.types import (
    Acceptance,
    BillingTarget,
    Capabilities,
    Capability,
    Provision,
    ProvisionConfig,
    ProvisionRow,
)

NO_PROVISION = "There is no such provision."

_NEWEST_PROBES = """
    SELECT DISTINCT ON (probe.provision_id, probe.version)
           probe.provision_id, probe.capabilities, probe.created_at, probe.probe_id,
           version.config::text AS config
    FROM provision_probes probe
    JOIN provision_versions version
      ON version.operator_id = probe.operator_id AND version.provision_id = probe.provision_id
     AND version.version = probe.version
    WHERE probe.operator_id = $1 AND probe.state = 'done'
    ORDER BY probe.provision_id, probe.version, probe.created_at DESC, probe.probe_id DESC
"""

BILLING_VERSION = """
    (SELECT v.config::text FROM provision_versions v
     WHERE v.operator_id = asked.operator_id AND v.provision_id = asked.provision_id
       AND v.version = asked.provision_version) AS billing_config,
    -- Every version that was probed, with its newest probe.
    (SELECT json_agg(json_build_object('config', v.config::text, 'capabilities', probe.capabilities,
                                       'created_at', probe.created_at, 'probe_id', probe.probe_id)
                     ORDER BY v.version)::text
     FROM provision_versions v
     CROSS JOIN LATERAL (
         SELECT p.probe_id, p.capabilities, p.created_at FROM provision_probes p
         WHERE p.operator_id = v.operator_id AND p.provision_id = v.provision_id AND p.version = v.version
           AND p.state = 'done'
         ORDER BY p.created_at DESC, p.probe_id DESC LIMIT 1
     ) probe
     WHERE v.operator_id = asked.operator_id AND v.provision_id = asked.provision_id) AS billing_probes,
    -- Live: not those of the version, but as they are now.
    (SELECT json_object_agg(s.name, encode(s.sealed, 'base64'))::text FROM provision_secrets s
     WHERE s.operator_id = asked.operator_id AND s.provision_id = asked.provision_id) AS billing_secrets
"""
"""The columns that make a BillingRow, of the provision version that `asked` names."""

_BILLING_VERSION_ALONE = f"""
    SELECT {BILLING_VERSION}
    FROM (SELECT $1::uuid AS operator_id, $2::uuid AS provision_id, $3::integer AS provision_version) AS asked
"""


class BillingRow(msgspec.Struct, frozen=True, kw_only=True):
    """What BILLING_VERSION read, as it is stored; `config` None: there is no such version."""

    config: str | None
    probes: str | None
    secrets: str | None


class _NewestProbe(msgspec.Struct, frozen=True):
    """The newest probe of one version, with that version."""

    config: str
    capabilities: list[str]
    created_at: datetime
    probe_id: UUID


async def get_provision(tx: Transaction, *, operator_id: UUID, provision_id: UUID) -> Provision:
    """Return a provision with its current version. Raises NotFound."""
    row = await tx.fetchrow(
        """SELECT p.provision_id, p.name, p.api_type, p.current_version AS version, v.config::text AS config,
                  p.switched_off_at, p.created_at, p.updated_at, p.class_d_accepted_at AS at,
                  p.class_d_accepted_by AS by, p.class_d_words AS words
           FROM provisions p
           JOIN provision_versions v ON v.operator_id = p.operator_id AND v.provision_id = p.provision_id
                                    AND v.version = p.current_version
           WHERE p.operator_id = $1 AND p.provision_id = $2""",
        operator_id, provision_id,
    )  # fmt: skip
    if row is None:
        raise NotFound(NO_PROVISION)
    found = dict(row)
    said = {name: found.pop(name) for name in ("at", "by", "words")}
    accepted = None if said["at"] is None else Acceptance(**said)
    return Provision(**(found | {"config": decode_config(row["config"]), "class_d": accepted}))


async def get_version(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, version: int
) -> ProvisionConfig:
    """Return one version of a provision, current or not. Raises NotFound."""
    text = await tx.fetchval(
        """SELECT config::text FROM provision_versions
           WHERE operator_id = $1 AND provision_id = $2 AND version = $3""",
        operator_id, provision_id, version,
    )  # fmt: skip
    if text is None:
        raise NotFound(NO_PROVISION)
    return decode_config(text)


async def billing_version(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, version: int
) -> tuple[BillingTarget, Capabilities]:
    """Return whom a call goes to, and what that version was proved to be able to do. Raises NotFound."""
    (row,) = await tx.fetch(_BILLING_VERSION_ALONE, operator_id, provision_id, version)
    stored = BillingRow(
        config=row["billing_config"], probes=row["billing_probes"], secrets=row["billing_secrets"]
    )
    return read_billing_version(stored, operator_id=operator_id, provision_id=provision_id, version=version)


def read_billing_version(
    stored: BillingRow, *, operator_id: UUID, provision_id: UUID, version: int
) -> tuple[BillingTarget, Capabilities]:
    """Return what the columns of BILLING_VERSION say of the version that was asked for. Raises NotFound."""
    if stored.config is None:
        raise NotFound(NO_PROVISION)
    config, capabilities = _read_version(stored.config, stored.probes)
    target = BillingTarget(
        operator_id=operator_id,
        provision_id=provision_id,
        version=version,
        config=config,
        sealed_secrets=_sealed(stored.secrets),
    )
    return target, capabilities


def proved_capabilities(*, config: str | None, probes: str | None) -> Capabilities:
    """Return what a version was proved to do, by the columns of BILLING_VERSION. Raises NotFound."""
    if config is None:
        raise NotFound(NO_PROVISION)
    return _read_version(config, probes)[1]


def _sealed(secrets: str | None) -> Mapping[str, bytes]:
    """Return sealed secrets by name. Not kept for the next call, which may be after a rotation."""
    texts = msgspec.json.decode(secrets, type=dict[str, str]) if secrets else {}
    return {name: base64.b64decode(text) for name, text in texts.items()}


@lru_cache(maxsize=1024)
def _read_version(config: str, probes: str | None) -> tuple[ProvisionConfig, Capabilities]:
    """Return a version and what was proved of it. The same texts are read once."""
    version = decode_config(config)
    return version, _proved(version, msgspec.json.decode(probes or "[]", type=list[_NewestProbe]))


async def current_capabilities(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, version: int | None = None
) -> Capabilities:
    """Return what a version (None: the current one) was proved to be able to do. Raises NotFound.

    Empty, which is class D, when it was never probed, or when its calls have changed since the probe.
    """
    if version is None:
        version = (await get_provision(tx, operator_id=operator_id, provision_id=provision_id)).version
    _, capabilities = await billing_version(
        tx, operator_id=operator_id, provision_id=provision_id, version=version
    )
    return capabilities


async def list_provisions(
    tx: Transaction, *, operator_id: UUID, api_type: str | None = None
) -> list[ProvisionRow]:
    """Return the operator's provisions, all or those of one API type, by name. There are few of them."""
    rows = await tx.fetch(
        """SELECT p.provision_id, p.name, p.api_type, p.current_version, v.config::text AS config,
                  p.switched_off_at, p.updated_at, p.class_d_accepted_at IS NOT NULL AS class_d_accepted
           FROM provisions p
           JOIN provision_versions v ON v.operator_id = p.operator_id AND v.provision_id = p.provision_id
                                    AND v.version = p.current_version
           WHERE p.operator_id = $1 AND ($2::text IS NULL OR p.api_type = $2)
           ORDER BY lower(p.name), p.provision_id""",
        operator_id, api_type,
    )  # fmt: skip
    probes = await tx.fetch(_NEWEST_PROBES, operator_id)
    return [_row(row, _probes_of(probes, row["provision_id"])) for row in rows]


@lru_cache(maxsize=1024)
def decode_config(text: str) -> ProvisionConfig:
    """Return a stored version. Versions never change, so the same text is read once."""
    return msgspec.json.decode(text, type=ProvisionConfig)


def _probes_of(rows: Iterable[Record], provision_id: UUID) -> list[_NewestProbe]:
    return [
        _NewestProbe(**{name: row[name] for name in _NewestProbe.__struct_fields__})
        for row in rows
        if row["provision_id"] == provision_id
    ]


def _row(row: Record, probes: list[_NewestProbe]) -> ProvisionRow:
    config = decode_config(row["config"])
    capabilities = _proved(config, probes)
    return ProvisionRow(
        provision_id=row["provision_id"],
        name=row["name"],
        api_type=row["api_type"],
        base_url=config.base_url,
        version=row["current_version"],
        capabilities=capabilities,
        provision_class=provision_class(capabilities),
        switched_off_at=row["switched_off_at"],
        updated_at=row["updated_at"],
        class_d_accepted=row["class_d_accepted"],
    )


def _proved(config: ProvisionConfig, probes: Iterable[_NewestProbe]) -> Capabilities:
    """Return what the newest probe of the same calls proved; a later, worse one counts as well."""
    fitting = [probe for probe in probes if same_calls(decode_config(probe.config), config)]
    if not fitting:
        return frozenset()
    newest = max(fitting, key=lambda probe: (probe.created_at, probe.probe_id))
    return frozenset(Capability(name) for name in newest.capabilities) & provable_capabilities(config)
