"""The log: every event on its way to every endpoint, its tries, and sending it again."""

from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from matinee.console.access import allow
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.tables import Column, Filter, ListSpec, Table, list_query
from matinee.console.webhooks.words import CAUSES, STATES
from matinee.kernel.ids import parse_id
from matinee.platform.operators import Operator
from matinee.staff.types import Role
from matinee.webhooks.operations import send_again
from matinee.webhooks.queries import get_delivery, list_deliveries, list_endpoints, payload_of, tries_of
from matinee.webhooks.types import DeliveryKey, EventKind

PATH: Final = "/console/webhooks/log"
MAY: Final = allow(Role.INTEGRATION)

SPEC: Final = ListSpec(
    path=PATH,
    noun=("delivery", "deliveries"),
    columns=(
        Column("Happened"),
        Column("Event"),
        Column("To"),
        Column("State"),
        Column("Tries", kind="number"),
        Column("Last answer"),
    ),
    filters=(
        Filter("state", "State", [(state.value, word.label) for state, word in STATES.items()]),
        Filter("kind", "Event", [(kind.value, kind.value) for kind in EventKind]),
    ),
    search_label="Search by the id of an event, purchase or customer",
)


@get("/webhooks/log", guards=[MAY])
async def log(request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator) -> Response[str]:
    """List deliveries, newest first."""
    async with database.transaction(operator.operator_id) as tx:
        targets = await list_endpoints(tx, operator_id=operator.operator_id)
        to = Filter(
            "endpoint", "To", [(str(one.endpoint_id), one.draft.description or one.draft.url) for one in targets]
        )  # fmt: skip
        spec = msgspec.structs.replace(SPEC, filters=(*SPEC.filters, to))
        page = await list_deliveries(tx, operator_id=operator.operator_id, query=list_query(request, spec))
    return render(
        request, "webhooks/log.html", table=Table(spec, page), states=STATES, causes=CAUSES, path=PATH
    )


@get("/webhooks/log/{customer:str}/{event:str}/{endpoint:str}", guards=[MAY])
async def delivery(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    customer: FromPath[str],
    event: FromPath[str],
    endpoint: FromPath[str],
) -> Response[str]:
    """Show what is told, and every try."""
    key = _key(operator, customer, event, endpoint)
    async with database.transaction(operator.operator_id) as tx:
        found = await get_delivery(tx, key=key)
        payload = await payload_of(tx, key=key)
        tries = await tries_of(tx, key=key)
    return render(
        request, "webhooks/delivery.html", delivery=found, payload=payload, tries=tries, states=STATES,
        causes=CAUSES, path=PATH,
    )  # fmt: skip


@post("/webhooks/log/{customer:str}/{event:str}/{endpoint:str}/again", guards=[MAY], status_code=303)
async def again(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    customer: FromPath[str],
    event: FromPath[str],
    endpoint: FromPath[str],
) -> Response[Any]:
    """Send it again at once."""
    key = _key(operator, customer, event, endpoint)
    async with database.transaction(operator.operator_id) as tx:
        await send_again(tx, key=key, actor=staff.actor, now=await tx.now())
    return redirect(
        request, f"{PATH}/{customer}/{event}/{endpoint}", toast="It is sent again now, with the same id."
    )


def _key(operator: Operator, customer: str, event: str, endpoint: str) -> DeliveryKey:
    return DeliveryKey(
        operator_id=operator.operator_id,
        customer_id=parse_id(customer),
        event_id=parse_id(event),
        endpoint_id=parse_id(endpoint),
    )


ROUTES: Final[list[Any]] = [log, delivery, again]
