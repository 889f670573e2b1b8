"""Applying a report: the page that says what it will do, and the button."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import BooleanField

from matinee.console.access import allow
from matinee.console.crm.reconciliation.words import PATH, promises
from matinee.console.forms import read_form, show_errors
from matinee.console.reasons import ReasonForm
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.errors import Conflict, Invalid, Refused
from matinee.kernel.ids import parse_id
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.purchases.operations.alone import NEEDS_SECOND
from matinee.reconciliation.operations.files import may_apply, start_applying
from matinee.reconciliation.queries.files import get_file
from matinee.reconciliation.queries.report import effect_tallies, names_a_purchase, unreadable_count
from matinee.reconciliation.types import FileState
from matinee.staff.types import Role, Staff

_MAY: Final = allow(Role.FINANCE)


class ApplyForm(ReasonForm):
    is_complete = BooleanField("This file is complete")


@get("/crm/reconciliation/{file_id:str}/apply", guards=[_MAY])
async def preview(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    file_id: FromPath[str],
) -> Response[Any]:
    """Say what applying will do, and ask for the reason."""
    return await _page(request, database, operator, staff, parse_id(file_id), ApplyForm())


@post("/crm/reconciliation/{file_id:str}/apply", guards=[_MAY], status_code=303)
async def apply(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    file_id: FromPath[str],
) -> Response[Any]:
    """Have the report applied."""
    key = parse_id(file_id)
    form = await read_form(request, ApplyForm)
    try:
        async with database.transaction(operator.operator_id) as tx:
            await start_applying(
                tx, operator_id=operator.operator_id, file_id=key, is_complete=bool(form.is_complete.data),
                reason=form.reason.data or "", actor=staff.actor, now=await tx.now(),
            )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        return await _page(request, database, operator, staff, key, form, status=422)
    except Refused as error:
        if error.code != NEEDS_SECOND:
            raise
        return await _page(request, database, operator, staff, key, form, status=422)
    return redirect(request, f"{PATH}/{key}/report", toast="The report is being applied.", tone="info")


async def _page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    staff: Staff,
    file_id: UUID,
    form: ApplyForm,
    *,
    status: int = 200,
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        file = await get_file(tx, operator_id=operator.operator_id, file_id=file_id)
        found = await effect_tallies(tx, operator_id=operator.operator_id, file_id=file_id)
        unreadable = await unreadable_count(tx, operator_id=operator.operator_id, file_id=file_id)
        is_strange = not await names_a_purchase(tx, operator_id=operator.operator_id, file_id=file_id)
        now = await tx.now()
        alone = {
            complete: await may_apply(tx, file=file, actor=staff.actor, is_complete=complete, now=now)
            for complete in (False, True)
        }
    if file.state not in (FileState.READY, FileState.APPLIED):
        raise Conflict("There is no report to apply. Look at the file's present state.")
    every = promises(found)
    return render(
        request, "crm/reconciliation/apply.html", status=status, form=form, file=file, unreadable=unreadable,
        is_strange=is_strange, path=f"{PATH}/{file_id}", may_rows=alone[False], may_all=alone[True],
        by_rows=[one for one in every if not one.needs_complete],
        by_absence=[one for one in every if one.needs_complete],
    )  # fmt: skip


ROUTES = [preview, apply]
