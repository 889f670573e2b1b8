"""The endpoints: list, add, edit, a new secret, off and on."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField, SelectMultipleField, StringField

from matinee.console.access import allow
from matinee.console.editing import show_both, version_sent
from matinee.console.forms import ConsoleForm, choices, read_form, show_errors, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import (
    Box,
    ConsoleDatabase,
    ConsoleRequest,
    CurrentOperator,
    CurrentStaff,
    Egress,
)
from matinee.console.webhooks.words import KINDS
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import parse_id
from matinee.platform.audit import AuditEntry, entries_about
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.staff.types import Role
from matinee.webhooks.operations import (
    create_endpoint,
    new_secret,
    replace_secret,
    switch_endpoint,
    update_endpoint,
)
from matinee.webhooks.queries import get_endpoint, list_endpoints
from matinee.webhooks.types import EVERY_KIND, Endpoint, EndpointDraft, EventKind

PATH: Final = "/console/webhooks"
MAY: Final = allow(Role.INTEGRATION)


class EndpointForm(ConsoleForm):
    url = StringField("Address", filters=[stripped])
    description = StringField("What it is for", filters=[stripped])
    kinds = SelectMultipleField(
        "Told of", choices=choices([(kind.value, f"{kind.value}: {text}") for kind, text in KINDS.items()]),
        validate_choice=False,
    )  # fmt: skip
    version = HiddenField()

    @classmethod
    def of(cls, draft: EndpointDraft, *, version: int = 0) -> "EndpointForm":
        """Return the form as an endpoint stands."""
        return cls(
            url=draft.url, description=draft.description, kinds=sorted(draft.kinds), version=str(version)
        )

    def draft(self) -> EndpointDraft:
        """Return what was typed, unchecked."""
        known = set(EventKind)
        return EndpointDraft(
            url=self.url.data or "",
            description=self.description.data or "",
            kinds=frozenset(EventKind(kind) for kind in self.kinds.data or [] if kind in known),
        )


@get("/webhooks", guards=[MAY])
async def endpoints(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """List the endpoints."""
    async with database.transaction(operator.operator_id) as tx:
        found = await list_endpoints(tx, operator_id=operator.operator_id)
    return render(
        request, "webhooks/endpoints.html", endpoints=found, path=PATH, kinds=KINDS, every_kind=EVERY_KIND
    )


@get("/webhooks/new", guards=[MAY])
async def new_endpoint(request: ConsoleRequest) -> Response[str]:
    """Show the form for a new endpoint."""
    return _page(request, EndpointForm.of(EndpointDraft(url="")))


@post("/webhooks/new", guards=[MAY], status_code=200)
async def add_endpoint(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    secret_box: Box,
    egress: Egress,
) -> Response[Any]:
    """Add an endpoint and show its secret, this once."""
    form, secret = await read_form(request, EndpointForm), new_secret()
    try:
        async with database.transaction(operator.operator_id) as tx:
            endpoint = await create_endpoint(
                tx, operator_id=operator.operator_id, draft=form.draft(), secret=secret, box=secret_box,
                policy=egress, actor=staff.actor, now=await tx.now(),
            )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        return _page(request, form, status=422)
    except Conflict as error:
        form.general_problems.append(error.message)
        return _page(request, form, status=409)
    return _secret_page(request, endpoint, secret)


@get("/webhooks/{key:str}", guards=[MAY])
async def edit_endpoint(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[str]:
    """Show an endpoint."""
    return await _edit_page(request, database, operator, parse_id(key))


@post("/webhooks/{key:str}", guards=[MAY], status_code=303)
async def save_endpoint(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    egress: Egress,
    key: FromPath[str],
) -> Response[Any]:
    """Save an edited endpoint; when somebody else was faster, show both."""
    endpoint_id, form = parse_id(key), await read_form(request, EndpointForm)
    try:
        async with database.transaction(operator.operator_id) as tx:
            await update_endpoint(
                tx, operator_id=operator.operator_id, endpoint_id=endpoint_id, draft=form.draft(),
                expected_version=version_sent(form) or 0,
                policy=egress, actor=staff.actor, now=await tx.now(),
            )  # fmt: skip
        return redirect(request, PATH, toast="Saved. What is on its way goes to the new address.")
    except Invalid as error:
        show_errors(form, error)
    except Conflict as error:
        return await _edit_page(request, database, operator, endpoint_id, form, stale=error)
    return await _edit_page(request, database, operator, endpoint_id, form)


@post("/webhooks/{key:str}/secret", guards=[MAY], status_code=200)
async def new_endpoint_secret(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    secret_box: Box,
    key: FromPath[str],
) -> Response[str]:
    """Replace the secret and show the new one, this once."""
    endpoint_id, secret = parse_id(key), new_secret()
    async with database.transaction(operator.operator_id) as tx:
        await replace_secret(
            tx, operator_id=operator.operator_id, endpoint_id=endpoint_id, secret=secret, box=secret_box,
            actor=staff.actor, now=await tx.now(),
        )  # fmt: skip
        endpoint = await get_endpoint(tx, operator_id=operator.operator_id, endpoint_id=endpoint_id)
    return _secret_page(request, endpoint, secret)


@post("/webhooks/{key:str}/off", guards=[MAY], status_code=303)
async def switch_off(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Stop telling an endpoint."""
    async with database.transaction(operator.operator_id) as tx:
        await switch_endpoint(
            tx, operator_id=operator.operator_id, endpoint_id=parse_id(key), on=False, actor=staff.actor,
            now=await tx.now(),
        )  # fmt: skip
    toast = "Switched off. What happens meanwhile is kept and sent when you switch it on."
    return redirect(request, f"{PATH}/{key}", toast=toast, undo=f"{PATH}/{key}/on")


@post("/webhooks/{key:str}/on", guards=[MAY], status_code=303)
async def switch_on(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Tell an endpoint again."""
    async with database.transaction(operator.operator_id) as tx:
        await switch_endpoint(
            tx, operator_id=operator.operator_id, endpoint_id=parse_id(key), on=True, actor=staff.actor,
            now=await tx.now(),
        )  # fmt: skip
    return redirect(request, f"{PATH}/{key}", toast="Switched on. What was waiting is sent within the hour.")


async def _edit_page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    endpoint_id: UUID,
    form: EndpointForm | None = None,
    *,
    stale: Conflict | None = None,
) -> Response[str]:
    """Return the page of one endpoint; with `form`, which was refused, what was typed stays."""
    async with database.transaction(operator.operator_id) as tx:
        endpoint = await get_endpoint(tx, operator_id=operator.operator_id, endpoint_id=endpoint_id)
        activity = await entries_about(
            tx, operator_id=operator.operator_id, subject_kind="event_endpoint",
            subject_id=endpoint_id, limit=10,
        )  # fmt: skip
    if form is None:
        form, status = EndpointForm.of(endpoint.draft, version=endpoint.version), 200
    elif stale is None:
        status = 422
    else:
        status = 409
        show_both(form, stale, saved=EndpointForm.of(endpoint.draft, version=endpoint.version))
    return _page(request, form, endpoint=endpoint, activity=activity, status=status)


def _page(
    request: ConsoleRequest,
    form: EndpointForm,
    *,
    endpoint: Endpoint | None = None,
    activity: list[AuditEntry] | None = None,
    status: int = 200,
) -> Response[str]:
    return render(
        request, "webhooks/endpoint.html", status=status, form=form, endpoint=endpoint,
        activity=activity or [], path=PATH,
    )  # fmt: skip


def _secret_page(request: ConsoleRequest, endpoint: Endpoint, secret: str) -> Response[str]:
    return render(request, "webhooks/secret.html", endpoint=endpoint, secret=secret, path=PATH)


ROUTES: Final[list[Any]] = [
    endpoints, new_endpoint, add_endpoint, edit_endpoint, save_endpoint, new_endpoint_secret, switch_off, switch_on,
]  # fmt: skip
