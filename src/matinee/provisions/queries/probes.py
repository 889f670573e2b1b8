"""Reading probes: the open one, the newest, one by its id."""

from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.platform.db import Record, Transaction
from matinee.provisions.types import Probe, ProbeReport

_COLUMNS = "probe_id, version, report::text AS report, created_by, created_at, state, error"


async def get_probe(tx: Transaction, *, operator_id: UUID, provision_id: UUID, probe_id: UUID) -> Probe:
    """Return one probe with its report. Raises NotFound."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM provision_probes "
        "WHERE operator_id = $1 AND provision_id = $2 AND probe_id = $3",
        operator_id, provision_id, probe_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such probe.")
    return _probe(row)


async def open_probe(tx: Transaction, *, operator_id: UUID, provision_id: UUID) -> Probe | None:
    """Return the probe that waits or runs, if any; there is at most one."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM provision_probes "
        "WHERE operator_id = $1 AND provision_id = $2 AND state IN ('queued', 'running')",
        operator_id, provision_id,
    )  # fmt: skip
    return None if row is None else _probe(row)


async def latest_probe(tx: Transaction, *, operator_id: UUID, provision_id: UUID) -> Probe | None:
    """Return the newest probe of a provision, of whatever version and state; None if there was none."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM provision_probes WHERE operator_id = $1 AND provision_id = $2 "
        "ORDER BY created_at DESC, probe_id DESC LIMIT 1",
        operator_id, provision_id,
    )  # fmt: skip
    return None if row is None else _probe(row)


def _probe(row: Record) -> Probe:
    return msgspec.convert(
        dict(row) | {"report": msgspec.json.decode(row["report"], type=ProbeReport)}, Probe
    )
