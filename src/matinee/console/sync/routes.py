"""The Cloud Sync page, its live parts, and its buttons."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField

from matinee.catalog.queries import kinds_of_items
from matinee.console.access import allow
from matinee.console.forms import ConsoleForm, read_form
from matinee.console.rendering import is_part_asked, redirect, render, render_fragment
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.sync.views import (
    TITLES,
    RunView,
    SectionView,
    change_address,
    run_view,
    section_view,
)
from matinee.customers.queries import products_for_publishing
from matinee.kernel.errors import NotFound
from matinee.kernel.ids import parse_id
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.provisions.queries import list_provisions
from matinee.provisions.types import ProvisionRow
from matinee.publishing.operations.runs import cancel_run, request_put_back, request_sync
from matinee.publishing.queries.runs import (
    get_run,
    pending_changes,
    published_snapshots,
    recent_runs,
    section_status,
)
from matinee.publishing.queries.source import MOST_CHANGES_LISTED, changes_since, count_changes
from matinee.publishing.types import Section
from matinee.staff.types import Role

PATH: Final = "/console/cloud-sync"
_MAY_SYNC: Final = allow(Role.CATALOGUE, Role.INTEGRATION)


class PutBackForm(ConsoleForm):
    """Which snapshot to publish again."""

    snapshot_id = HiddenField()


@get("/cloud-sync")
async def cloud_sync(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show what is published, what waits, and what was done."""
    return await _page(request, database, operator)


async def _page(request: ConsoleRequest, database: Database, operator: Operator) -> Response[Any]:
    return render(
        request,
        "sync/cloud_sync.html",
        rows=await _rows(database, operator),
        history=await _history(database, operator),
        unsold=await _unsold(database, operator),
    )


@get("/cloud-sync/pending")
async def pending(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show the count of changes that viewers do not see yet: part of every page."""
    async with database.transaction(operator.operator_id) as tx:
        count = await pending_changes(tx, operator_id=operator.operator_id, now=await tx.now())
    return render_fragment(request, "fragments/sync_status.html", count=count)


@get("/cloud-sync/rows")
async def rows(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show the three rows anew; opened as an address of its own, the page that they belong to."""
    if not is_part_asked(request):
        return await _page(request, database, operator)
    return render_fragment(request, "sync/rows.html", rows=await _rows(database, operator))


@get("/cloud-sync/history")
async def history(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show the history anew; opened as an address of its own, the page that it belongs to."""
    if not is_part_asked(request):
        return await _page(request, database, operator)
    return render_fragment(request, "sync/history.html", history=await _history(database, operator))


@get("/cloud-sync/runs/{run_id:str}")
async def run_progress(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, run_id: FromPath[str]
) -> Response[Any]:
    """Show how far a run is; when it has ended, tell the other parts of the page."""
    async with database.transaction(operator.operator_id) as tx:
        run = await get_run(tx, operator_id=operator.operator_id, run_id=parse_id(run_id))
        now = await tx.now()
    if not is_part_asked(request):
        return await _page(request, database, operator)
    answer = render_fragment(request, "sync/progress.html", view_of_run=run_view(run, {}, now))
    if not run.is_open:
        answer.headers["HX-Trigger"] = "sync-changed"
    return answer


@get("/cloud-sync/{section:str}/changes")
async def changes(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, section: FromPath[str]
) -> Response[Any]:
    """List what differs between the CMS and what viewers see."""
    chosen = _section(section)
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        found = await changes_since(tx, operator_id=operator.operator_id, section=chosen, now=now)
        total = len(found)
        if total == MOST_CHANGES_LISTED:
            total = await count_changes(tx, operator_id=operator.operator_id, section=chosen, now=now)
        ids = [change.item_id for change in found]
        kinds = await kinds_of_items(tx, operator_id=operator.operator_id, item_ids=ids)
    draw, template = (
        (render_fragment, "sync/changes.html")
        if is_part_asked(request)
        else (render, "sync/changes_page.html")
    )
    return draw(
        request,
        template,
        title=TITLES[chosen],
        changes=[(one, change_address(chosen, one.item_id, kinds.get(one.item_id))) for one in found],
        more=total - len(found),
    )


@post("/cloud-sync/run-all", guards=[_MAY_SYNC], status_code=303)
async def run_all(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, staff: CurrentStaff
) -> Response[Any]:
    """Ask for a sync of every section, in one transaction."""
    await read_form(request, ConsoleForm)
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        for section in Section:
            await request_sync(
                tx, operator_id=operator.operator_id, section=section, actor=staff.actor, now=now
            )
    return redirect(request, PATH, toast="All three sections are being synced.", tone="info")


@post("/cloud-sync/{section:str}/run", guards=[_MAY_SYNC], status_code=303)
async def run_section(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    section: FromPath[str],
) -> Response[Any]:
    """Ask for a sync of one section; while one is open, that one goes on."""
    await read_form(request, ConsoleForm)
    async with database.transaction(operator.operator_id) as tx:
        await request_sync(
            tx,
            operator_id=operator.operator_id,
            section=_section(section),
            actor=staff.actor,
            now=await tx.now(),
        )
    return redirect(request, PATH)


@post("/cloud-sync/runs/{run_id:str}/cancel", guards=[_MAY_SYNC], status_code=303)
async def cancel(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    run_id: FromPath[str],
) -> Response[Any]:
    """Cancel a run that waits or is under way."""
    await read_form(request, ConsoleForm)
    async with database.transaction(operator.operator_id) as tx:
        run = await cancel_run(
            tx,
            operator_id=operator.operator_id,
            run_id=parse_id(run_id),
            actor=staff.actor,
            now=await tx.now(),
        )
    text = f"{TITLES[run.section]}: cancelled. Viewers keep seeing what was published before."
    return redirect(request, PATH, toast=text, tone="info")


@post("/cloud-sync/{section:str}/put-back", guards=[_MAY_SYNC], status_code=303)
async def put_back(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    section: FromPath[str],
) -> Response[Any]:
    """Ask to publish an earlier snapshot again."""
    form = await read_form(request, PutBackForm)
    chosen = _section(section)
    async with database.transaction(operator.operator_id) as tx:
        await request_put_back(
            tx,
            operator_id=operator.operator_id,
            section=chosen,
            snapshot_id=parse_id(form.snapshot_id.data or ""),
            actor=staff.actor,
            now=await tx.now(),
        )
    return redirect(
        request, PATH, toast=f"{TITLES[chosen]}: the earlier state is being put back.", tone="info"
    )


def _section(text: str) -> Section:
    try:
        return Section(text)
    except ValueError:
        raise NotFound("There is no such section.") from None


async def _rows(database: Database, operator: Operator) -> list[SectionView]:
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        return [
            section_view(
                await section_status(tx, operator_id=operator.operator_id, section=section, now=now), now
            )
            for section in Section
        ]


async def _unsold(database: Database, operator: Operator) -> list[ProvisionRow]:
    """Return the provisions that products name and through which nothing is sold before somebody accepts class D."""
    async with database.transaction(operator.operator_id) as tx:
        rows = await list_provisions(tx, operator_id=operator.operator_id)
        waiting = [row for row in rows if row.needs_acceptance]
        if not waiting:
            return []
        products = await products_for_publishing(tx, operator_id=operator.operator_id)
    named = {provision_id for product in products for provision_id in product.provisions.values()}
    return [row for row in waiting if row.provision_id in named]


async def _history(database: Database, operator: Operator) -> list[RunView]:
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        runs = await recent_runs(tx, operator_id=operator.operator_id)
        published: dict[Section, UUID] = await published_snapshots(tx, operator_id=operator.operator_id)
    return [run_view(run, published, now) for run in runs]


ROUTES: Final[list[Any]] = [
    cloud_sync,
    pending,
    rows,
    history,
    run_progress,
    changes,
    run_all,
    run_section,
    cancel,
    put_back,
]
