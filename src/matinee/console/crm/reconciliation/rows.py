"""One row of the report: billing's side, ours, and how a person settles it."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField, RadioField

from matinee.console.access import allow
from matinee.console.crm.deciding import ASKED, once, person_of
from matinee.console.crm.reconciliation.words import EFFECT, PATH, RESOLUTION, VERDICT
from matinee.console.crm.words import PURCHASE
from matinee.console.forms import choices, read_form, show_errors
from matinee.console.reasons import ReasonForm
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Purchases
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import new_id, parse_id
from matinee.kernel.reasons import NO_REASON
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.purchases.types import Decision
from matinee.reconciliation.operations.resolving import RowDecision, resolutions_for, resolve
from matinee.reconciliation.queries.files import get_file
from matinee.reconciliation.queries.report import get_row
from matinee.reconciliation.types import Resolution
from matinee.staff.types import Role

_MAY: Final = allow(Role.FINANCE, Role.INTEGRATION)


class ResolveForm(ReasonForm):
    resolution = RadioField("How is it settled?", validate_choice=False)
    action_id = HiddenField()


@get("/crm/reconciliation/{file_id:str}/rows/{row_id:str}", guards=[_MAY])
async def one_row(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    file_id: FromPath[str],
    row_id: FromPath[str],
) -> Response[Any]:
    """Show a row with its purchase, and the ways to settle it."""
    return await _page(
        request,
        database,
        operator,
        (parse_id(file_id), parse_id(row_id)),
        ResolveForm(action_id=str(new_id())),
    )


@post("/crm/reconciliation/{file_id:str}/rows/{row_id:str}", guards=[allow(Role.FINANCE)], status_code=303)
async def settle_row(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    file_id: FromPath[str],
    row_id: FromPath[str],
) -> Response[Any]:
    """Settle a row."""
    key = parse_id(file_id), parse_id(row_id)
    form = await read_form(request, ResolveForm)
    try:
        if form.resolution.data not in set(Resolution):
            missing = {} if form.reason.data else {"reason": NO_REASON}
            raise Invalid({"resolution": "Choose one of these.", **missing})
        decision = RowDecision(
            file_id=key[0], row_id=key[1], resolution=Resolution(form.resolution.data),
            reason=form.reason.data or "", action_id=once(form.action_id.data),
        )  # fmt: skip
        async with database.transaction(operator.operator_id) as tx:
            row = await resolve(
                tx, operator=operator, reference_key=purchases.reference_key, decision=decision,
                person=person_of(staff), now=await tx.now(),
            )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        return await _page(request, database, operator, key, form, status=422)
    back = f"{PATH}/{key[0]}/report?resolved=open"
    if isinstance(row, Decision):
        return redirect(request, back, toast=ASKED, tone="info")
    settled = RESOLUTION[decision.resolution].label.lower()
    named = f"Row {row.line}" if row.line else "The purchase"
    return redirect(request, back, toast=f"{named}: {settled}.")


async def _page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    key: tuple[UUID, UUID],
    form: ResolveForm,
    *,
    status: int = 200,
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        file = await get_file(tx, operator_id=operator.operator_id, file_id=key[0])
        row = await get_row(tx, operator_id=operator.operator_id, file_id=key[0], row_id=key[1])
    ways = resolutions_for(row) if file.has_report else ()
    form.resolution.choices = choices([(way.value, RESOLUTION[way].label) for way in ways])
    return render(
        request, "crm/reconciliation/row.html", status=status, form=form, file=file, row=row, ways=ways,
        verdict=VERDICT[row.verdict], effects=EFFECT, purchase_words=PURCHASE, resolutions=RESOLUTION,
        meanings={way.value: RESOLUTION[way].meaning for way in ways}, path=f"{PATH}/{key[0]}",
    )  # fmt: skip


ROUTES = [one_row, settle_row]
