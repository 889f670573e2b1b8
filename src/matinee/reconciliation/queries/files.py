"""Reading settlement files."""

from datetime import datetime
from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Record, Transaction
from matinee.reconciliation.rules.keeping import ABANDONED_AFTER, CONTENT_KEPT
from matinee.reconciliation.types import Layout, Mapping, SettlementFile

_PLAIN = [name for name in SettlementFile.__struct_fields__ if name not in ("layout", "mapping")]
_COLUMNS = (
    ", ".join(f"f.{name}" for name in _PLAIN) + ", f.layout::text AS layout, f.mapping::text AS mapping"
)
_MOST_AT_ONCE = 100
_FILES = f"SELECT {_COLUMNS}, count(*) OVER () AS total FROM settlement_files f"


def file_from(row: Record) -> SettlementFile:
    """Return the file in a database row."""
    values = {name: row[name] for name in _PLAIN}
    mapping = row["mapping"] and msgspec.json.decode(row["mapping"], type=Mapping)
    layout = msgspec.json.decode(row["layout"], type=Layout)
    return msgspec.convert(values | {"layout": layout, "mapping": mapping}, SettlementFile)


async def get_file(tx: Transaction, *, operator_id: UUID, file_id: UUID) -> SettlementFile:
    """Return a settlement file. Raises NotFound."""
    row = await tx.fetchrow(f"{_FILES} WHERE f.operator_id = $1 AND f.file_id = $2", operator_id, file_id)
    if row is None:
        raise NotFound("There is no such settlement file.")
    return file_from(row)


async def find_same(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, digest: bytes
) -> SettlementFile | None:
    """Return the file with this content that was uploaded for a provision before and came to something."""
    row = await tx.fetchrow(
        f"""{_FILES} WHERE f.operator_id = $1 AND f.provision_id = $2 AND f.digest = $3
              AND f.state NOT IN ('failed', 'cancelled')""",
        operator_id, provision_id, digest,
    )  # fmt: skip
    return None if row is None else file_from(row)


async def reads_another(tx: Transaction, *, file: SettlementFile, staff_id: UUID) -> bool:
    """Say whether another file for the same provision, uploaded by this person, is being read."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM settlement_files
                          WHERE operator_id = $1 AND provision_id = $2 AND file_id <> $3 AND uploaded_by_id = $4
                            AND state = 'reading')""",
        file.operator_id, file.provision_id, file.file_id, staff_id,
    )  # fmt: skip
    return found


_WANTED = """
    WHERE f.operator_id = $1 AND ($2 = '' OR strpos(lower(f.name), lower($2)) > 0)
      AND ($3::uuid IS NULL OR f.provision_id = $3) AND ($4::text IS NULL OR f.state = $4)
"""


async def list_files(tx: Transaction, *, operator_id: UUID, query: ListQuery) -> Page[SettlementFile]:
    """Return files, newest first; the filters `provision` and `state`, and a search in their names."""
    provision = query.filters.get("provision")
    asked = (operator_id, query.search, UUID(provision) if provision else None, query.filters.get("state"))
    rows = await tx.fetch(
        f"{_FILES} {_WANTED} ORDER BY f.created_at DESC, f.file_id DESC LIMIT $5 OFFSET $6",
        *asked, query.page_size, query.offset,
    )  # fmt: skip
    total = rows[0]["total"] if rows else 0
    if not rows and query.page > 1:
        total = await tx.fetchval(f"SELECT count(*) FROM settlement_files f {_WANTED}", *asked)
    return Page(rows=[file_from(row) for row in rows], total=total, query=query)


async def last_mapping(tx: Transaction, *, operator_id: UUID, provision_id: UUID) -> Mapping | None:
    """Return the columns as staff named them for the provision's file before; None before the first."""
    text = await tx.fetchval(
        """SELECT mapping::text FROM settlement_files
           WHERE operator_id = $1 AND provision_id = $2 AND mapping IS NOT NULL
           ORDER BY created_at DESC, file_id DESC LIMIT 1""",
        operator_id, provision_id,
    )  # fmt: skip
    return None if text is None else msgspec.json.decode(text, type=Mapping)


async def abandoned_files(tx: Transaction, *, operator_id: UUID, now: datetime) -> list[UUID]:
    """Return and lock uploaded files whose columns nobody named in a long time, a bounded number."""
    rows = await tx.fetch(
        """SELECT file_id FROM settlement_files
           WHERE operator_id = $1 AND state = 'uploaded' AND content_removed_at IS NULL AND updated_at < $2
           ORDER BY updated_at LIMIT $3 FOR UPDATE SKIP LOCKED""",
        operator_id, now - ABANDONED_AFTER, _MOST_AT_ONCE,
    )  # fmt: skip
    return [row["file_id"] for row in rows]


async def contents_to_remove(tx: Transaction, *, operator_id: UUID, now: datetime) -> dict[UUID, str]:
    """Return where the bytes of files lie that no job reads again and that are old, a bounded number."""
    rows = await tx.fetch(
        """SELECT file_id, storage_key FROM settlement_files
           WHERE operator_id = $1 AND state IN ('ready', 'applied', 'failed', 'cancelled')
             AND content_removed_at IS NULL AND updated_at < $2
           ORDER BY updated_at LIMIT $3""",
        operator_id, now - CONTENT_KEPT, _MOST_AT_ONCE,
    )  # fmt: skip
    return {row["file_id"]: row["storage_key"] for row in rows}
