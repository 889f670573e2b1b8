"""Reading the report: its lines, and what they add up to."""

from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Record, Transaction
from matinee.purchases.rules.by_file import OF_ABSENCE
from matinee.reconciliation.types import EffectTally, ReportRow, SettlementFile, Tally, Verdict

_OWN = [name for name in ReportRow.__struct_fields__ if name not in ("state", "item_title")]
_COLUMNS = ", ".join(f"r.{name}" for name in _OWN) + ", p.state, p.item_title"
_ROWS = f"""
    SELECT {_COLUMNS} FROM settlement_rows r
    LEFT JOIN purchases p ON p.operator_id = r.operator_id AND p.customer_id = r.customer_id
                         AND p.purchase_id = r.purchase_id
    WHERE r.operator_id = $1 AND r.file_id = $2
"""
_FOUND = """
      AND ($3 = '' OR r.reference = $3 OR r.transaction_id = $3 OR strpos(r.reference, lower($3)) > 0)
      AND ($4::text IS NULL OR r.verdict = $4)
      AND ($5::text IS NULL OR r.effect = $5)
      AND ($6::text IS NULL OR CASE $6 WHEN 'open' THEN {open} ELSE r.resolution IS NOT NULL END)
"""
_OPEN = "r.verdict NOT IN ('matched', 'refund_matched') AND r.resolution IS NULL AND r.effect_done IS NULL"
_FILTER = _FOUND.replace("{open}", _OPEN)
_PAGE = f"{_ROWS} {_FILTER} AND r.verdict IS NOT NULL"
_TOTAL = f"SELECT count(*) FROM settlement_rows r WHERE r.operator_id = $1 AND r.file_id = $2 {_FILTER}"


async def report_rows(
    tx: Transaction, *, operator_id: UUID, file_id: UUID, query: ListQuery
) -> Page[ReportRow]:
    """Return a page of the report; filters `verdict`, `effect` and `resolved`, a search for references.

    Rows of the file come in its order, then the purchases that it does not list.
    """
    found = (
        operator_id, file_id, query.search, query.filters.get("verdict"), query.filters.get("effect"),
        query.filters.get("resolved"),
    )  # fmt: skip
    total = await tx.fetchval(f"{_TOTAL} AND r.verdict IS NOT NULL", *found)
    rows = await tx.fetch(
        f"{_PAGE} ORDER BY r.line NULLS LAST, r.row_id LIMIT $7 OFFSET $8",
        *found,
        query.page_size,
        query.offset,
    )
    return Page(rows=[_row(row) for row in rows], total=total, query=query)


async def rows_after(
    tx: Transaction,
    *,
    operator_id: UUID,
    file_id: UUID,
    query: ListQuery,
    after: ReportRow | None,
    limit: int,
) -> list[ReportRow]:
    """Return the report's lines that follow `after`, for reading all of them in turn."""
    rows = await tx.fetch(
        f"""{_PAGE} AND ($7::uuid IS NULL OR (coalesce(r.line, 2147483647), r.row_id) > ($8::integer, $7))
            ORDER BY coalesce(r.line, 2147483647), r.row_id LIMIT $9""",
        operator_id, file_id, query.search, query.filters.get("verdict"), query.filters.get("effect"),
        query.filters.get("resolved"), after and after.row_id,
        (after.line or 2147483647) if after else None, limit,
    )  # fmt: skip
    return [_row(row) for row in rows]


async def get_row(tx: Transaction, *, operator_id: UUID, file_id: UUID, row_id: UUID) -> ReportRow:
    """Return one line of the report. Raises NotFound."""
    row = await tx.fetchrow(
        f"{_ROWS} AND r.row_id = $3 AND r.verdict IS NOT NULL", operator_id, file_id, row_id
    )
    if row is None:
        raise NotFound("There is no such row.")
    return _row(row)


async def tallies(tx: Transaction, *, operator_id: UUID, file_id: UUID) -> list[Tally]:
    """Return counts and sums by verdict and currency; what a file does not list counts with what we expect."""
    rows = await tx.fetch(
        f"""SELECT r.verdict, coalesce(r.currency, r.expected_currency) AS currency, count(*) AS count,
                   coalesce(sum(coalesce(r.amount_minor, r.expected_minor)), 0)::bigint AS amount_minor,
                   count(*) FILTER (WHERE {_OPEN}) AS open_count
            FROM settlement_rows r
            WHERE r.operator_id = $1 AND r.file_id = $2 AND r.verdict IS NOT NULL
            GROUP BY 1, 2 ORDER BY 1, 2""",
        operator_id, file_id,
    )  # fmt: skip
    return [Tally(**(dict(row) | {"verdict": Verdict(row["verdict"])})) for row in rows]


async def effect_tallies(tx: Transaction, *, operator_id: UUID, file_id: UUID) -> list[EffectTally]:
    """Return what applying the file will do, or has done, by effect. What a person has settled is left out."""
    rows = await tx.fetch(
        """SELECT effect, count(*) FILTER (WHERE effect_done IS NULL AND resolution IS NULL) AS planned,
                  count(*) FILTER (WHERE effect_done = 'applied') AS applied,
                  count(*) FILTER (WHERE effect_done = 'passed_over') AS passed_over
           FROM settlement_rows WHERE operator_id = $1 AND file_id = $2 AND effect IS NOT NULL
           GROUP BY effect ORDER BY effect""",
        operator_id, file_id,
    )  # fmt: skip
    return [EffectTally(**dict(row)) for row in rows]


async def amounts_to_change(
    tx: Transaction,
    *,
    file: SettlementFile,
    is_complete: bool,
    with_applied: bool = False,
    added_by: UUID | None = None,
) -> list[Money]:
    """Return what applying the rest of a report would move, by currency: the prices of the purchases that it settles,
    closes or ends, and each charge that it gives back. What is only handed to a person does not count.

    `with_applied`: together with what it has moved already. `added_by`: only the charges that other files, uploaded
    by this person, list beside those of the report.
    """
    rows = await tx.fetch(
        """SELECT r.expected_currency AS currency, sum(r.expected_minor * weight.prices)::bigint AS minor
           FROM settlement_rows r
           CROSS JOIN LATERAL (
               -- Every file counts as evidence, so every file's charges may be given back by this one.
               SELECT count(*) AS charges FROM (
                   SELECT FROM settlement_rows one
                   JOIN settlement_files f ON f.operator_id = one.operator_id AND f.file_id = one.file_id
                   WHERE r.line IS NOT NULL AND one.operator_id = $1 AND one.reference = r.reference
                     AND one.line IS NOT NULL AND one.kind = 'charge' AND one.transaction_id IS NOT NULL
                     AND f.provision_id = $6 AND (one.file_id = $2 OR f.state IN ('ready', 'applying', 'applied'))
                   GROUP BY one.transaction_id
                   HAVING $7::uuid IS NULL OR bool_or(f.uploaded_by_id = $7) AND NOT bool_or(one.file_id = $2)
               ) AS charge
           ) AS listed
           CROSS JOIN LATERAL (
               SELECT CASE WHEN $7::uuid IS NOT NULL THEN listed.charges ELSE greatest(1, listed.charges
                          - (r.effect = 'reverse_duplicates' AND r.found_state = 'GRANTED')::integer)
                      END AS prices
           ) AS weight
           WHERE r.operator_id = $1 AND r.file_id = $2 AND r.effect IS NOT NULL AND r.effect <> 'review'
             AND (r.effect_done IS NULL AND r.resolution IS NULL AND ($3 OR r.effect <> ALL ($4::text[]))
                  OR $5 AND r.effect_done = 'applied')
             AND r.expected_minor > 0 AND weight.prices > 0
           GROUP BY r.expected_currency""",
        file.operator_id, file.file_id, is_complete, sorted(OF_ABSENCE), with_applied, file.provision_id,
        added_by,
    )  # fmt: skip
    return [Money(row["minor"], row["currency"]) for row in rows]


async def outside_period(tx: Transaction, *, operator_id: UUID, file_id: UUID) -> int:
    """Return how many rows name a time outside of the period that the file covers."""
    count: int = await tx.fetchval(
        """SELECT count(*) FROM settlement_rows r
           JOIN settlement_files f ON f.operator_id = r.operator_id AND f.file_id = r.file_id
           WHERE r.operator_id = $1 AND r.file_id = $2
             AND (r.charged_at < f.covers_from OR r.charged_at >= f.covers_until)""",
        operator_id, file_id,
    )  # fmt: skip
    return count


async def unreadable_count(tx: Transaction, *, operator_id: UUID, file_id: UUID) -> int:
    """Return how many rows could not be read and were not settled by a person."""
    count: int = await tx.fetchval(
        """SELECT count(*) FROM settlement_rows
           WHERE operator_id = $1 AND file_id = $2 AND verdict = 'unreadable' AND resolution IS NULL""",
        operator_id, file_id,
    )  # fmt: skip
    return count


async def names_a_purchase(tx: Transaction, *, operator_id: UUID, file_id: UUID) -> bool:
    """Say whether any row of the file names a purchase of ours, as a true list of a period with sales does."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM settlement_rows WHERE operator_id = $1 AND file_id = $2
                                                        AND line IS NOT NULL AND purchase_id IS NOT NULL)""",
        operator_id, file_id,
    )  # fmt: skip
    return found


def _row(row: Record) -> ReportRow:
    return msgspec.convert({name: row[name] for name in ReportRow.__struct_fields__}, ReportRow)


async def has_effects(tx: Transaction, *, file: SettlementFile) -> bool:
    """Say whether applying has begun once, or a person has settled a row."""
    if file.applied_by is not None:
        return True
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM settlement_rows
                          WHERE operator_id = $1 AND file_id = $2 AND resolution IS NOT NULL)""",
        file.operator_id, file.file_id,
    )  # fmt: skip
    return found
