"""Reading test calls."""

from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.platform.db import Record, Transaction
from matinee.provisions.types import CallTest, ExchangeRecord

_COLUMNS = "test_call_id, version, reference, exchange::text AS exchange, created_by, created_at"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the column `exchange` holds."""

    record: ExchangeRecord
    found: dict[str, str]
    unsaved: bool = False


async def get_call_test(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, test_call_id: UUID
) -> CallTest:
    """Return one test call. Raises NotFound."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM test_calls "
        "WHERE operator_id = $1 AND provision_id = $2 AND test_call_id = $3",
        operator_id, provision_id, test_call_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such test call.")
    return _call_test(row)


async def latest_call_tests(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, limit: int = 10
) -> list[CallTest]:
    """Return the newest test calls of a provision, newest first. Their ids rise with time."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM test_calls WHERE operator_id = $1 AND provision_id = $2 "
        "ORDER BY test_call_id DESC LIMIT $3",
        operator_id, provision_id, limit,
    )  # fmt: skip
    return [_call_test(row) for row in rows]


async def charge_of_test(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, reference: str
) -> str | None:
    """Return billing's id of the charge under a test reference, as the newest test call that told one has it."""
    rows = await tx.fetch(
        """SELECT exchange->'found'->>'transaction_id' AS transaction, exchange->'found'->>'charges' AS charges
           FROM test_calls WHERE operator_id = $1 AND provision_id = $2 AND reference = $3
           ORDER BY test_call_id DESC""",
        operator_id, provision_id, reference,
    )  # fmt: skip
    told = (row["transaction"] or (row["charges"] or "").partition(", ")[0] for row in rows)
    return next((text for text in told if text), None)


def _call_test(row: Record) -> CallTest:
    found = dict(row)
    kept = msgspec.json.decode(found.pop("exchange"), type=Kept)
    return CallTest(**found, record=kept.record, found=kept.found, unsaved=kept.unsaved)
