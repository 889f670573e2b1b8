"""The report on a settlement file: how far it is, what it adds up to, its rows, and all of it as CSV."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from matinee.console.access import allow
from matinee.console.crm.reconciliation.words import EFFECT, PATH, RESOLUTION, STATE, VERDICT, promises
from matinee.console.crm.words import PURCHASE
from matinee.console.rendering import is_part_asked, redirect, render, render_fragment
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator
from matinee.console.tables import CSV_PAGE_SIZE, Column, Filter, ListSpec, Table, csv_response, list_query
from matinee.kernel.ids import parse_id
from matinee.kernel.money import Money
from matinee.platform.audit import entries_about
from matinee.provisions.queries import get_provision
from matinee.reconciliation.operations.files import WAITING
from matinee.reconciliation.queries.files import get_file
from matinee.reconciliation.queries.report import (
    effect_tallies,
    has_effects,
    outside_period,
    report_rows,
    rows_after,
    tallies,
    unreadable_count,
)
from matinee.reconciliation.types import FileState, ReportRow, SettlementFile, Tally, Verdict
from matinee.staff.types import Role

_MAY: Final = allow(Role.FINANCE, Role.INTEGRATION)
_ORDER: Final = (
    Verdict.THEIRS_ONLY, Verdict.OURS_ONLY, Verdict.DIFFERS, Verdict.DUPLICATE, Verdict.REFUND_MISSING,
    Verdict.UNREADABLE, Verdict.MATCHED, Verdict.REFUND_MATCHED,
)  # fmt: skip


class Sum(msgspec.Struct, frozen=True):
    """One card of the overview: a verdict with its count, its sums and how many rows are still to be looked at."""

    verdict: Verdict
    count: int
    open_count: int
    sums: list[tuple[int, str]]


@get("/crm/reconciliation/{file_id:str}/report", guards=[_MAY])
async def report(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, file_id: FromPath[str]
) -> Response[Any]:
    """Show the report, or how far it is."""
    key = {"operator_id": operator.operator_id, "file_id": parse_id(file_id)}
    async with database.transaction(operator.operator_id) as tx:
        file = await get_file(tx, **key)
        if file.state is FileState.UPLOADED:
            return redirect(request, f"{PATH}/{file.file_id}/columns")
        spec = _spec(file)
        page = await report_rows(tx, **key, query=list_query(request, spec))
        effects = await effect_tallies(tx, **key)
        context: dict[str, Any] = {
            "provision": await get_provision(
                tx, operator_id=operator.operator_id, provision_id=file.provision_id
            ),
            "sums": _sums(await tallies(tx, **key)) if file.has_report else [],
            "effects": effects,
            "outside": await outside_period(tx, **key),
            "may_give_up": file.state is FileState.READY and not await has_effects(tx, file=file),
            "unreadable": await unreadable_count(tx, **key),
            "entries": await entries_about(
                tx, operator_id=operator.operator_id, subject_kind="settlement_file", subject_id=file.file_id
            ),
        }
    return render(
        request, "crm/reconciliation/report.html", file=file, table=Table(spec, page), path=f"{PATH}/{file.file_id}",
        promises=promises(effects), verdicts=VERDICT, effect_words=EFFECT, resolutions=RESOLUTION,
        states=STATE, purchase_words=PURCHASE, waiting=WAITING, **context,
    )  # fmt: skip


@get("/crm/reconciliation/{file_id:str}/progress", guards=[_MAY])
async def progress(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, file_id: FromPath[str]
) -> Response[Any]:
    """Show how far a job is; when it has ended, the whole page is opened anew."""
    async with database.transaction(operator.operator_id) as tx:
        file = await get_file(tx, operator_id=operator.operator_id, file_id=parse_id(file_id))
    path = f"{PATH}/{file.file_id}"
    if not is_part_asked(request):
        return redirect(request, f"{path}/report")
    if not file.is_working:
        return Response(
            b"", status_code=204, headers={"HX-Redirect": f"{path}/report"}, media_type="text/plain"
        )
    return render_fragment(request, "crm/reconciliation/progress.html", file=file, path=path, waiting=WAITING)


@get("/crm/reconciliation/{file_id:str}/report.csv", guards=[_MAY])
async def report_csv(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, file_id: FromPath[str]
) -> Response[Any]:
    """Download every row that the report finds."""
    key = {"operator_id": operator.operator_id, "file_id": parse_id(file_id)}
    async with database.transaction(operator.operator_id) as tx:
        file = await get_file(tx, **key)
    query = list_query(request, _spec(file))

    async def rows() -> AsyncIterator[Sequence[str | int | None]]:
        last: ReportRow | None = None
        while True:
            async with database.transaction(operator.operator_id) as tx:
                found = await rows_after(tx, **key, query=query, after=last, limit=CSV_PAGE_SIZE)
            for row in found:
                yield _csv_row(row)
            if len(found) < CSV_PAGE_SIZE:
                return
            last = found[-1]

    header = (
        "Row", "Verdict", "Kind", "Reference", "Amount", "Currency", "Transaction id", "Charged at", "Title",
        "Our amount", "Our currency", "State when compared", "State now", "Effect", "Effect done", "Note",
        "Resolution", "Reason", "Resolved by",
    )  # fmt: skip
    return csv_response(
        f"reconciliation-{file.covers_from.astimezone(operator.zone):%Y-%m-%d}", header, rows()
    )


def _csv_row(row: ReportRow) -> Sequence[str | int | None]:
    return (
        row.line, VERDICT[row.verdict].label, row.kind, row.reference, _plain(row.amount_minor, row.currency),
        row.currency, row.transaction_id, row.charged_at.isoformat() if row.charged_at else None, row.item_title,
        _plain(row.expected_minor, row.expected_currency), row.expected_currency, row.found_state, row.state,
        row.effect and EFFECT[row.effect].label, row.effect_done, row.note,
        row.resolution and RESOLUTION[row.resolution].label, row.resolution_reason, row.resolved_by,
    )  # fmt: skip


def _plain(minor: int | None, currency: str | None) -> str | None:
    return None if minor is None or currency is None else Money(minor, currency).plain()


def _spec(file: SettlementFile) -> ListSpec:
    return ListSpec(
        path=f"{PATH}/{file.file_id}/report",
        noun=("row", "rows"),
        columns=(
            Column("Row", kind="number"), Column("Verdict"), Column("Reference"),
            Column("Billing", kind="number"), Column("Matinee", kind="number"), Column("Purchase"),
            Column("On applying"), Column("Settle", kind="actions"),
        ),
        filters=(
            Filter("verdict", "Verdict", [(verdict, VERDICT[verdict].label) for verdict in _ORDER]),
            Filter("effect", "On applying", [(effect, word.label) for effect, word in EFFECT.items()]),
            Filter("resolved", "Settled", [("open", "To be looked at"), ("yes", "Settled by a person")]),
        ),
        search_label="Search reference or transaction id",
        has_csv=True,
    )  # fmt: skip


def _sums(found: Sequence[Tally]) -> list[Sum]:
    """Return the cards of the overview: what needs a look first."""
    return [
        Sum(
            verdict,
            sum(one.count for one in found if one.verdict is verdict),
            sum(one.open_count for one in found if one.verdict is verdict),
            [
                (one.amount_minor, one.currency)
                for one in found
                if one.verdict is verdict and one.currency is not None and one.amount_minor
            ],
        )
        for verdict in _ORDER
        if any(one.verdict is verdict for one in found)
    ]


ROUTES = [report, progress, report_csv]
