"""The versions of a provision: who saved which when, what differs, how an old one looks, and using it again."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from matinee.console.access import allow
from matinee.console.crm.api_provisions.form import form_of
from matinee.console.crm.api_provisions.head import PATH, read_head, show
from matinee.console.crm.api_provisions.settings import form_context
from matinee.console.crm.provision_words import setting_words
from matinee.console.forms import ConsoleForm, read_form
from matinee.console.rendering import redirect
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Egress
from matinee.kernel.errors import Invalid, NotFound
from matinee.kernel.ids import parse_id
from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.operations import update_provision
from matinee.provisions.queries import get_provision, get_version, version_history
from matinee.staff.types import Role


@get("/crm/products/api-provisions/{key:str}/versions", guards=[allow(Role.INTEGRATION)])
async def versions(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """List the versions, newest first."""
    provision_id = parse_id(key)
    async with database.transaction(operator.operator_id) as tx:
        head = await read_head(tx, operator, provision_id)
        history = await version_history(tx, operator_id=operator.operator_id, provision_id=provision_id)
    return show(
        request,
        "versions",
        head,
        path=PATH,
        history=[(note, [setting_words(path) for path in note.changed]) for note in history],
    )


@get("/crm/products/api-provisions/{key:str}/versions/{number:int}", guards=[allow(Role.INTEGRATION)])
async def version(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    key: FromPath[str],
    number: FromPath[int],
) -> Response[Any]:
    """Show one version as its form looked; nothing in it can be changed."""
    provision_id = parse_id(key)
    async with database.transaction(operator.operator_id) as tx:
        head = await read_head(tx, operator, provision_id)
        config = await get_version(
            tx, operator_id=operator.operator_id, provision_id=provision_id, version=_number(number)
        )
    form = form_of(config, number)
    context = await form_context(request, database, operator, form, provision_id)
    return show(
        request,
        "versions",
        head,
        template="version",
        number=number,
        locked=f"Version {number}, as it was saved. Use it again to change it.",
        **context,
    )


@post(
    "/crm/products/api-provisions/{key:str}/versions/{number:int}/use",
    guards=[allow(Role.INTEGRATION)],
    status_code=303,
)
async def use_again(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    egress: Egress,
    key: FromPath[str],
    number: FromPath[int],
) -> Response[Any]:
    """Save an old version as the newest; what was proved of the same calls counts again."""
    await read_form(request, ConsoleForm)
    provision_id = parse_id(key)
    back = f"{PATH}/{provision_id}/versions"
    try:
        saved = await _use(database, operator.operator_id, provision_id, _number(number), egress, staff)
    except Invalid as error:
        path, message = next(iter(error.fields.items()))
        toast = f"Version {number} cannot be used as it is. {setting_words(path)}: {message}"
        return redirect(request, back, toast=toast, tone="error")
    toast = (
        f"Version {number} is used again, as version {saved}. New rentals use it after the next Cloud Sync."
    )
    return redirect(request, back, toast=toast)


async def _use(
    database: ConsoleDatabase,
    operator_id: UUID,
    provision_id: UUID,
    number: int,
    egress: EgressPolicy,
    staff: CurrentStaff,
) -> int:
    async with database.transaction(operator_id) as tx:
        now_called = (await get_provision(tx, operator_id=operator_id, provision_id=provision_id)).name
        config = await get_version(tx, operator_id=operator_id, provision_id=provision_id, version=number)
        saved = await update_provision(
            tx,
            operator_id=operator_id,
            provision_id=provision_id,
            # The name is not part of how billing is called; another provision may have the old one now.
            config=msgspec.structs.replace(config, name=now_called),
            policy=egress,
            actor=staff.actor,
            now=await tx.now(),
        )
    return saved.version


def _number(number: int) -> int:
    if not 1 <= number < 2**31:
        raise NotFound("There is no such version.")
    return number


ROUTES = [versions, version, use_again]
