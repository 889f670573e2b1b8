"""CMS > Packages: sets of what subscriptions cover."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import StringField

from matinee.catalog.operations import create_package, delete_package, rename_package
from matinee.catalog.queries import count_items_by_package, get_package, list_packages
from matinee.console.access import allow
from matinee.console.cms.shelves import SHELVES
from matinee.console.forms import ConsoleForm, read_form, show_errors, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.tables import Column, ListSpec, Table, list_query
from matinee.kernel.errors import Invalid, Refused
from matinee.kernel.ids import parse_id
from matinee.staff.types import Role

PATH = "/console/cms/packages"
_MAY_CHANGE = [allow(Role.CATALOGUE)]

SPEC = ListSpec(
    path=PATH,
    noun=("package", "packages"),
    columns=(
        Column("Name", "name"),
        Column("Titles", "items", kind="number"),
        Column("Added", "created"),
        Column("Actions", kind="actions"),
    ),
    search_label="Search packages by name",
    default_sort="name",
)


class PackageForm(ConsoleForm):
    name = StringField("Name", filters=[stripped])


@get("/cms/packages")
async def packages(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """List the packages, with a form to add one."""
    return await _list_page(request, database, operator.operator_id, PackageForm())


@post("/cms/packages", guards=_MAY_CHANGE, status_code=303)
async def add_package(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, staff: CurrentStaff
) -> Response[Any]:
    """Add a package."""
    form = await read_form(request, PackageForm)
    try:
        async with database.transaction(operator.operator_id) as tx:
            package = await create_package(
                tx, operator_id=operator.operator_id, name=form.name.data or "", actor=staff.actor,
                now=await tx.now(),
            )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        return await _list_page(request, database, operator.operator_id, form, status=422)
    toast = f"Added “{package.name}”. Put titles into it on their pages, and the package into a product."
    return redirect(request, PATH, toast=toast)


@get("/cms/packages/{package_id:str}", guards=_MAY_CHANGE)
async def edit_package(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, package_id: FromPath[str]
) -> Response[str]:
    """Show the form to rename a package."""
    async with database.transaction(operator.operator_id) as tx:
        package = await get_package(tx, operator_id=operator.operator_id, package_id=parse_id(package_id))
    form = PackageForm(name=package.name)
    return render(request, "cms/package_form.html", form=form, package=package, path=PATH)


@post("/cms/packages/{package_id:str}", guards=_MAY_CHANGE, status_code=303)
async def save_package(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    package_id: FromPath[str],
) -> Response[Any]:
    """Rename a package."""
    form, found_id = await read_form(request, PackageForm), parse_id(package_id)
    try:
        async with database.transaction(operator.operator_id) as tx:
            package = await rename_package(
                tx, operator_id=operator.operator_id, package_id=found_id, name=form.name.data or "",
                actor=staff.actor, now=await tx.now(),
            )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        async with database.transaction(operator.operator_id) as tx:
            package = await get_package(tx, operator_id=operator.operator_id, package_id=found_id)
        return render(request, "cms/package_form.html", status=422, form=form, package=package, path=PATH)
    return redirect(request, PATH, toast=f"Saved “{package.name}”.")


@post("/cms/packages/{package_id:str}/remove", guards=_MAY_CHANGE, status_code=303)
async def remove_package(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    package_id: FromPath[str],
) -> Response[Any]:
    """Remove a package; one that a product contains stays."""
    try:
        async with database.transaction(operator.operator_id) as tx:
            package = await delete_package(
                tx, operator_id=operator.operator_id, package_id=parse_id(package_id), actor=staff.actor,
                now=await tx.now(),
            )  # fmt: skip
    except Refused as error:
        return redirect(request, PATH, toast=error.message, tone="error")
    return redirect(request, PATH, toast=f"Removed “{package.name}”. What was in it is still there.")


async def _list_page(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator_id: UUID,
    form: PackageForm,
    status: int = 200,
) -> Response[str]:
    async with database.transaction(operator_id) as tx:
        page = await list_packages(tx, operator_id=operator_id, query=list_query(request, SPEC))
        used = await count_items_by_package(
            tx, operator_id=operator_id, package_ids=[row.package_id for row in page.rows]
        )
    return render(
        request, "cms/packages.html", status=status, table=Table(SPEC, page), form=form, path=PATH, used=used,
        shelves=SHELVES,
    )  # fmt: skip


ROUTES = [packages, add_package, edit_package, save_package, remove_package]
