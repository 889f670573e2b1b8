"""Switching a provision off and on, and accepting that nothing need be proved of it."""

from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from matinee.console.access import allow
from matinee.console.crm.api_provisions.head import PATH
from matinee.console.crm.provision_words import CLASS
from matinee.console.forms import read_form
from matinee.console.reasons import ReasonForm, asking_again
from matinee.console.rendering import redirect
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.ids import parse_id
from matinee.kernel.reasons import checked_reason
from matinee.provisions.operations import accept_class_d, switch_off, switch_on
from matinee.staff.types import Role


@post("/crm/products/api-provisions/{key:str}/switch-off", guards=[allow(Role.INTEGRATION)], status_code=303)
async def off(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Stop new purchases through the provision."""
    form, provision_id = await read_form(request, ReasonForm), parse_id(key)
    back = f"{PATH}/{provision_id}"
    with asking_again(form, title="Switch this provision off", button="Switch off", back=back):
        async with database.transaction(operator.operator_id) as tx:
            await switch_off(
                tx,
                operator_id=operator.operator_id,
                provision_id=provision_id,
                actor=staff.actor,
                now=await tx.now(),
                reason=checked_reason(form.reason.data or ""),
            )
    return redirect(request, back, toast="Switched off at once. Purchases under way still settle.")


@post("/crm/products/api-provisions/{key:str}/switch-on", guards=[allow(Role.INTEGRATION)], status_code=303)
async def on(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Allow purchases through the provision again."""
    form, provision_id = await read_form(request, ReasonForm), parse_id(key)
    back = f"{PATH}/{provision_id}"
    with asking_again(form, title="Switch this provision on", button="Switch on", back=back):
        async with database.transaction(operator.operator_id) as tx:
            await switch_on(
                tx,
                operator_id=operator.operator_id,
                provision_id=provision_id,
                actor=staff.actor,
                now=await tx.now(),
                reason=checked_reason(form.reason.data or ""),
            )
    return redirect(request, back, toast="Switched on. What it charges can be rented again.")


@post("/crm/products/api-provisions/{key:str}/accept-d", guards=[allow(Role.INTEGRATION)], status_code=303)
async def accept(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Let the provision sell without proof, because somebody says that they know what it means."""
    form, provision_id = await read_form(request, ReasonForm), parse_id(key)
    back = f"{PATH}/{provision_id}"
    with asking_again(form, title="Accept class D", meaning=CLASS["D"].meaning, button="Accept", back=back):
        async with database.transaction(operator.operator_id) as tx:
            await accept_class_d(
                tx,
                operator_id=operator.operator_id,
                provision_id=provision_id,
                actor=staff.actor,
                now=await tx.now(),
                words=checked_reason(form.reason.data or ""),
            )
    return redirect(request, back, toast="Noted with your name. Rentals can be sold now.")


ROUTES = [off, on, accept]
