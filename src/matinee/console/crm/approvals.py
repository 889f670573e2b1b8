"""What waits for people: requests for a second opinion, and purchases that only a person can settle."""

from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from matinee.console.access import allow
from matinee.console.crm.deciding import case_of, person_of
from matinee.console.crm.words import EXTRA_CHARGE, KINDS, OUTCOMES, PURCHASE
from matinee.console.forms import read_form
from matinee.console.reasons import ReasonForm, asking_again
from matinee.console.rendering import redirect, render, render_fragment
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Purchases
from matinee.console.tables import Column, Filter, ListSpec, Table, csv_response, every_row, list_query
from matinee.kernel.errors import Forbidden
from matinee.kernel.ids import parse_id
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery, Page
from matinee.purchases.jobs.deciding import approve_or_lapse
from matinee.purchases.operations.four_eyes import reject
from matinee.purchases.queries import waiting_for_staff
from matinee.purchases.queries.decisions import ListedDecision, get_decision, list_decisions, waiting_counts
from matinee.purchases.types import DecisionOutcome
from matinee.staff.rules import may
from matinee.staff.types import Role

PATH = "/console/crm/approvals"
_TASKS = {state: PURCHASE[state] for state in ("UNKNOWN", "REVIEW", "REVERSING", "REFUND_OPEN")}
MOST_TASKS: Final = 200
"""How many a page shows; what has waited longest comes first, and the others move up."""

SPEC = ListSpec(
    path=PATH,
    noun=("request", "requests"),
    columns=(
        Column("What"),
        Column("Customer"),
        Column("Amount", kind="number"),
        Column("Asked by"),
        Column("Reason"),
        Column("Decision", kind="actions"),
    ),
    filters=(Filter("state", "State", [("decided", "Decided")], without="Open"),),
    search_label="Search customer, title, person or reason",
    has_csv=True,
)


@get("/crm/approvals")
async def approvals(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """List what somebody asked for and another person decides, longest waiting first."""
    query = list_query(request, SPEC)
    async with database.transaction(operator.operator_id) as tx:
        page = await list_decisions(tx, operator_id=operator.operator_id, query=query)
        now = await tx.now()
    return render(
        request, "crm/approvals.html", table=Table(SPEC, page), kinds=KINDS, outcomes=OUTCOMES, now=now
    )


@get("/crm/approvals.csv")
async def approvals_csv(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Stream:
    """Download the requests that the list shows."""

    async def fetch(query: ListQuery) -> Page[ListedDecision]:
        async with database.transaction(operator.operator_id) as tx:
            return await list_decisions(tx, operator_id=operator.operator_id, query=query)

    async def rows() -> AsyncIterator[list[str | int | None]]:
        async for row in every_row(fetch, list_query(request, SPEC)):
            asked = row.decision
            yield [
                str(asked.decision_id), KINDS[asked.kind], asked.item_title, str(asked.customer_id),
                row.customer_name, Money(asked.amount_minor, asked.currency).plain(), asked.currency,
                asked.requester_name, asked.requested_at.isoformat(), asked.reason,
                OUTCOMES[asked.outcome].label if asked.outcome else "Open", asked.decider_name,
                asked.decided_at.isoformat() if asked.decided_at else None, asked.decision_reason,
            ]  # fmt: skip

    header = [
        "Id", "What", "Title", "Customer id", "Customer", "Amount", "Currency", "Asked by", "Asked at", "Reason",
        "Outcome", "Decided by", "Decided at", "Reason of the decision",
    ]  # fmt: skip
    return csv_response("approvals", header, rows())


@post("/crm/approvals/{key:str}/{decision:str}/approve", guards=[allow(Role.FINANCE)], status_code=303)
async def approve_request(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
    decision: FromPath[str],
) -> Response[Any]:
    """Agree to a request; it is done now, if the world still allows it."""
    form = await read_form(request, ReasonForm)
    with asking_again(form, title="Approve this request", button="Approve", back=PATH):
        decided = await approve_or_lapse(
            database, case=case_of(operator, purchases, parse_id(key)), decision_id=parse_id(decision),
            reason=form.reason.data or "", person=person_of(staff),
        )  # fmt: skip
    if decided.outcome is DecisionOutcome.LAPSED:
        toast = f"It could not be done any more: {decided.decision_reason}"
        return redirect(request, PATH, toast=toast, tone="error")
    return redirect(request, PATH, toast="Approved and done.")


@post(
    "/crm/approvals/{key:str}/{decision:str}/reject",
    guards=[allow(Role.CARE, Role.FINANCE)],
    status_code=303,
)
async def reject_request(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
    decision: FromPath[str],
) -> Response[Any]:
    """Refuse a request (finance), or withdraw one's own."""
    form = await read_form(request, ReasonForm)
    ids = {"customer_id": parse_id(key), "decision_id": parse_id(decision)}
    with asking_again(form, title="Close this request", button="Close it", back=PATH):
        async with database.transaction(operator.operator_id) as tx:
            found = await get_decision(tx, operator_id=operator.operator_id, **ids)
            if found.requested_by != staff.staff_id and not may(staff, Role.FINANCE):
                raise Forbidden("This needs the role finance. Ask an administrator of your service.")
            decided = await reject(
                tx, case=case_of(operator, purchases, ids["customer_id"]), decision_id=ids["decision_id"],
                reason=form.reason.data or "", person=person_of(staff),
            )  # fmt: skip
    own = decided.outcome is DecisionOutcome.WITHDRAWN
    return redirect(request, PATH, toast="Withdrawn." if own else "Rejected. Nothing was changed.")


@get("/crm/tasks")
async def tasks(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """List the purchases that only a person can settle, longest waiting first."""
    async with database.transaction(operator.operator_id) as tx:
        waiting = await waiting_for_staff(tx, operator_id=operator.operator_id, limit=MOST_TASKS + 1)
        now = await tx.now()
    return render(
        request, "crm/tasks.html", waiting=waiting[:MOST_TASKS], more=len(waiting) > MOST_TASKS,
        words=_TASKS, extra=EXTRA_CHARGE, now=now,
    )  # fmt: skip


@get("/crm/waiting")
async def waiting(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show how much waits for people: part of the left column of every page."""
    async with database.transaction(operator.operator_id) as tx:
        counts = await waiting_counts(tx, operator_id=operator.operator_id)
    return render_fragment(request, "fragments/waiting.html", counts=counts)


ROUTES = [approvals, approvals_csv, approve_request, reject_request, tasks, waiting]
