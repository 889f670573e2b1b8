"""Staff: who works here, what each may do, and whose account is shut."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField, PasswordField, SelectMultipleField, StringField
from wtforms.widgets import PasswordInput

from matinee.console.access import allow
from matinee.console.editing import show_both, version_sent
from matinee.console.forms import ConsoleForm, choices, read_form, show_errors, stripped
from matinee.console.reasons import ReasonForm, asking_again
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.tables import Column, Filter, ListSpec, Table, list_query
from matinee.kernel.errors import Conflict, Invalid, Refused
from matinee.kernel.ids import parse_id
from matinee.kernel.paging import ListQuery, Page
from matinee.kernel.reasons import checked_reason
from matinee.platform.audit import entries_about
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.passwords import hash_password
from matinee.staff.operations import (
    create_staff,
    disable_staff,
    enable_staff,
    set_staff_password,
    update_staff,
)
from matinee.staff.queries import get_staff_row, list_staff
from matinee.staff.rules import check_new_staff
from matinee.staff.types import Role, StaffRow

PATH = "/console/staff"

ROLES = {
    Role.ADMIN: "Admin: everything, also staff and settings",
    Role.CATALOGUE: "Catalogue: titles, rules, Cloud Sync",
    Role.CARE: "Care: customers, grants, refunds up to the limit",
    Role.FINANCE: "Finance: refunds, approvals, the wallet",
    Role.INTEGRATION: "Integration: API provisions",
}

SPEC = ListSpec(
    path=PATH,
    noun=("account", "accounts"),
    columns=(
        Column("Name", sort="name"),
        Column("E-mail", sort="email"),
        Column("Roles"),
        Column("Last seen"),
        Column("State"),
    ),
    filters=(Filter("state", "State", [("active", "Can sign in"), ("disabled", "Disabled")]),),
    search_label="Search name and e-mail",
    default_sort="name",
)


class PersonForm(ConsoleForm):
    name = StringField("Name", filters=[stripped])
    roles = SelectMultipleField(
        "Roles", choices=choices((role.value, text) for role, text in ROLES.items()), validate_choice=False
    )
    version = HiddenField()


class NewPersonForm(PersonForm):
    email = StringField("E-mail address", filters=[stripped])
    password = PasswordField("Password", widget=PasswordInput(hide_value=False))


class PasswordForm(ConsoleForm):
    password = PasswordField("New password", widget=PasswordInput(hide_value=False))


@get("/staff")
async def people(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """List the accounts."""
    async with database.transaction(operator.operator_id) as tx:
        rows = await list_staff(tx, operator_id=operator.operator_id)
        now = await tx.now()
    return render(
        request, "service/staff.html", table=Table(SPEC, _page_of(rows, list_query(request, SPEC))), now=now
    )


def _page_of(rows: list[StaffRow], query: ListQuery) -> Page[StaffRow]:
    words, state = query.search.lower().split(), query.filters.get("state")
    found = [
        row
        for row in rows
        if all(word in f"{row.staff.name} {row.staff.email}".lower() for word in words)
        and (not state or (row.disabled_at is None) == (state == "active"))
    ]
    if query.sort.removeprefix("-") in ("name", "email"):
        column = query.sort.removeprefix("-")
        found.sort(key=lambda row: getattr(row.staff, column).lower(), reverse=query.sort.startswith("-"))
    shown = found[query.offset : query.offset + query.page_size]
    return Page(rows=shown, total=len(found), query=query)


@get("/staff/new", guards=[allow(Role.ADMIN)])
async def new_person(request: ConsoleRequest) -> Response[Any]:
    """Show the form for a new account."""
    return render(request, "service/staff_new.html", form=NewPersonForm())


@post("/staff/new", guards=[allow(Role.ADMIN)], status_code=303)
async def add_person(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, staff: CurrentStaff
) -> Response[Any]:
    """Add an account."""
    form = await read_form(request, NewPersonForm)
    email, name, roles = form.email.data or "", form.name.data or "", form.roles.data or []
    try:
        errors: dict[str, str] = {}
        try:
            check_new_staff(email=email.lower(), name=name, roles=roles)
        except Invalid as error:
            errors |= error.fields
        try:
            password_hash = await hash_password(form.password.data or "")
        except Invalid as error:
            errors |= error.fields
        if errors:
            raise Invalid(errors)
        async with database.transaction(operator.operator_id) as tx:
            made = await create_staff(
                tx, operator_id=operator.operator_id, email=email, name=name, password_hash=password_hash,
                roles=roles, now=await tx.now(), actor=staff.actor,
            )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        return render(request, "service/staff_new.html", status=422, form=form)
    return redirect(request, PATH, toast=f"Added {made.name}. Tell them the password in person.")


@get("/staff/{key:str}")
async def person(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show one account."""
    return await _person_page(request, database, operator, parse_id(key))


async def _person_page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    staff_id: UUID,
    *,
    form: PersonForm | None = None,
    password_form: PasswordForm | None = None,
    status: int = 200,
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        row = await get_staff_row(tx, operator_id=operator.operator_id, staff_id=staff_id)
        activity = await entries_about(
            tx, operator_id=operator.operator_id, subject_kind="staff", subject_id=staff_id
        )
    return render(
        request, "service/staff_person.html", status=status, row=row, activity=activity,
        form=form or _form_of(row), password_form=password_form or PasswordForm(),
    )  # fmt: skip


def _form_of(row: StaffRow) -> PersonForm:
    return PersonForm(
        data={
            "name": row.staff.name,
            "roles": sorted(role.value for role in row.staff.roles),
            "version": str(row.version),
        }
    )


@post("/staff/{key:str}", guards=[allow(Role.ADMIN)], status_code=303)
async def save_person(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Save name and roles."""
    form, staff_id = await read_form(request, PersonForm), parse_id(key)
    try:
        async with database.transaction(operator.operator_id) as tx:
            await update_staff(
                tx, operator_id=operator.operator_id, staff_id=staff_id, name=form.name.data or "",
                roles=form.roles.data or [], expected_version=version_sent(form), actor=staff.actor,
                now=await tx.now(),
            )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        return await _person_page(request, database, operator, staff_id, form=form, status=422)
    except Refused as error:
        form.general_problems.append(error.message)
        return await _person_page(request, database, operator, staff_id, form=form, status=422)
    except Conflict as error:
        async with database.transaction(operator.operator_id) as tx:
            saved = _form_of(await get_staff_row(tx, operator_id=operator.operator_id, staff_id=staff_id))
        show_both(form, error, saved=saved)
        return await _person_page(request, database, operator, staff_id, form=form, status=409)
    return redirect(request, f"{PATH}/{staff_id}", toast="Saved. It counts from their next click on.")


@post("/staff/{key:str}/password", guards=[allow(Role.ADMIN)], status_code=303)
async def reset_password(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Give an account a new password."""
    form, staff_id = await read_form(request, PasswordForm), parse_id(key)
    try:
        password_hash = await hash_password(form.password.data or "")
    except Invalid as error:
        show_errors(form, error)
        return await _person_page(request, database, operator, staff_id, password_form=form, status=422)
    async with database.transaction(operator.operator_id) as tx:
        await set_staff_password(
            tx, operator_id=operator.operator_id, staff_id=staff_id, password_hash=password_hash,
            actor=staff.actor, now=await tx.now(),
        )  # fmt: skip
    return redirect(request, PATH, toast="New password set. Every session of that account has ended.")


@post("/staff/{key:str}/disable", guards=[allow(Role.ADMIN)], status_code=303)
async def disable(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Shut an account."""
    form, staff_id = await read_form(request, ReasonForm), parse_id(key)
    back = f"{PATH}/{staff_id}"
    with asking_again(form, title="Disable this account", button="Disable", back=back):
        reason = checked_reason(form.reason.data or "")
    async with database.transaction(operator.operator_id) as tx:
        await disable_staff(
            tx, operator_id=operator.operator_id, staff_id=staff_id, actor=staff.actor, now=await tx.now(),
            reason=reason,
        )  # fmt: skip
    return redirect(request, PATH, toast="Disabled. Every session of that account has ended.")


@post("/staff/{key:str}/enable", guards=[allow(Role.ADMIN)], status_code=303)
async def enable(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Open an account again."""
    form, staff_id = await read_form(request, ReasonForm), parse_id(key)
    back = f"{PATH}/{staff_id}"
    with asking_again(form, title="Enable this account", button="Enable", back=back):
        reason = checked_reason(form.reason.data or "")
    async with database.transaction(operator.operator_id) as tx:
        await enable_staff(
            tx, operator_id=operator.operator_id, staff_id=staff_id, actor=staff.actor, now=await tx.now(),
            reason=reason,
        )  # fmt: skip
    return redirect(request, back, toast="Enabled. They sign in with the password they had.")


ROUTES = [people, new_person, add_person, person, save_person, reset_password, disable, enable]
