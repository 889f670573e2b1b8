"""Devices and activity of one customer, and disabling it."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField

from matinee.console.access import allow
from matinee.console.crm.customer_page import customer_page, show_tab
from matinee.console.crm.customers import PATH
from matinee.console.crm.words import action_words, changes_words
from matinee.console.forms import read_form
from matinee.console.reasons import ReasonForm, asking_again
from matinee.console.rendering import redirect
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.customers.operations import (
    disable_customer,
    enable_customer,
    remove_device,
)
from matinee.customers.queries import list_devices
from matinee.kernel.ids import parse_id
from matinee.platform.audit import entries_about
from matinee.purchases.operations.erasing import erase_customer
from matinee.staff.types import Role


class DeviceForm(ReasonForm):
    device_id = HiddenField()


@post("/crm/customers/{key:str}/disable", guards=[allow(Role.CARE)], status_code=303)
async def disable(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Disable the customer."""
    form, customer_id = await read_form(request, ReasonForm), parse_id(key)
    back = f"{PATH}/{customer_id}"
    with asking_again(form, title="Disable this customer", button="Disable", back=back):
        async with database.transaction(operator.operator_id) as tx:
            await disable_customer(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                reason=form.reason.data or "",
                now=await tx.now(),
            )
    toast = "Disabled. Every device is signed out; what plays now stops within a minute."
    return redirect(request, back, toast=toast)


@post("/crm/customers/{key:str}/enable", guards=[allow(Role.CARE)], status_code=303)
async def enable(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Enable the customer again."""
    form, customer_id = await read_form(request, ReasonForm), parse_id(key)
    back = f"{PATH}/{customer_id}"
    with asking_again(form, title="Enable this customer", button="Enable", back=back):
        async with database.transaction(operator.operator_id) as tx:
            await enable_customer(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                reason=form.reason.data or "",
                now=await tx.now(),
            )
    return redirect(request, back, toast="Enabled. The customer can sign in again.")


@post("/crm/customers/{key:str}/erase", guards=[allow(Role.CARE)], status_code=303)
async def erase(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Erase the customer's personal data."""
    form, customer_id = await read_form(request, ReasonForm), parse_id(key)
    back = f"{PATH}/{customer_id}"
    with asking_again(form, title="Erase this customer's personal data", button="Erase for good", back=back):
        async with database.transaction(operator.operator_id) as tx:
            customer = await erase_customer(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                reason=form.reason.data or "",
            )
    toast = "The personal data is erased."
    if customer.erased_at is None:
        toast = "Erased, but for what billing needs of open purchases: that goes as soon as they are settled."
    return redirect(request, back, toast=toast)


@get("/crm/customers/{key:str}/devices")
async def devices(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show the customer's devices."""
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, parse_id(key))
        found = await list_devices(
            tx, operator_id=operator.operator_id, customer_id=page.customer.customer_id
        )
    used = sum(device.is_registered for device in found)
    return show_tab(request, "devices", page, devices=found, used=used)


@post("/crm/customers/{key:str}/devices/remove", guards=[allow(Role.CARE)], status_code=303)
async def remove(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Remove one device."""
    form, customer_id = await read_form(request, DeviceForm), parse_id(key)
    back = f"{PATH}/{customer_id}/devices"
    with asking_again(form, title="Remove this device", button="Remove the device", back=back):
        async with database.transaction(operator.operator_id) as tx:
            await remove_device(
                tx,
                operator_id=operator.operator_id,
                actor=staff.actor,
                customer_id=customer_id,
                device_id=parse_id(form.device_id.data or ""),
                reason=form.reason.data or "",
                now=await tx.now(),
            )
    return redirect(request, back, toast="Device removed. It is signed out and its place is free.")


@get("/crm/customers/{key:str}/activity")
async def activity(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show what staff did about the customer."""
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, parse_id(key))
        entries = await entries_about(
            tx,
            operator_id=operator.operator_id,
            subject_kind="customer",
            subject_id=page.customer.customer_id,
            limit=100,
        )
    lines = [(entry, action_words(entry.action), changes_words(entry.details)) for entry in entries]
    return show_tab(request, "activity", page, lines=lines)


ROUTES = [disable, enable, erase, devices, remove, activity]
