"""The list of settlement files, and uploading one."""

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from wtforms import SelectField, StringField

from matinee.console.access import allow
from matinee.console.crm.reconciliation.words import PATH, STATE
from matinee.console.forms import ConsoleForm, choices, read_form, sent_file, show_errors, stripped
from matinee.console.local_time import from_local, to_local
from matinee.console.rendering import redirect, render
from matinee.console.services import (
    ConsoleDatabase,
    ConsoleRequest,
    ConsoleStorage,
    CurrentOperator,
    CurrentStaff,
)
from matinee.console.tables import Column, Filter, ListSpec, Table, list_query
from matinee.kernel.cards import mask_card_numbers
from matinee.kernel.errors import Invalid, NotFound
from matinee.kernel.ids import new_id, parse_id
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator
from matinee.platform.storage import ObjectStorage
from matinee.provisions.queries import list_provisions
from matinee.reconciliation.operations.files import (
    LONGEST_NAME,
    SameFile,
    Upload,
    check_period,
    register_file,
    storage_key,
)
from matinee.reconciliation.queries.files import find_same, get_file, list_files
from matinee.reconciliation.reading import LARGEST_FILE_BYTES, digest_of, examine
from matinee.reconciliation.types import FileState, SettlementFile
from matinee.staff.types import Role, Staff

MAY: Final = allow(Role.FINANCE, Role.INTEGRATION)
_BODY_BYTES: Final = LARGEST_FILE_BYTES + 1_000_000  # the fields around the file


class UploadForm(ConsoleForm):
    provision = SelectField("API provision", validate_choice=False)
    covers_from = StringField("From", filters=[stripped])
    covers_until = StringField("Until", filters=[stripped])
    file = StringField("File")


@get("/crm/reconciliation", guards=[MAY])
async def files(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """List settlement files, newest first."""
    async with database.transaction(operator.operator_id) as tx:
        provisions = await _provisions(tx, operator)
        spec = ListSpec(
            path=PATH,
            noun=("file", "files"),
            columns=(
                Column("File"), Column("API provision"), Column("Covers"), Column("Lines", kind="number"),
                Column("State"), Column("Uploaded"),
            ),
            filters=(
                Filter("provision", "API provision", provisions),
                Filter("state", "State", [(state, word.label) for state, word in STATE.items()]),
            ),
            search_label="Search file names",
        )  # fmt: skip
        page = await list_files(tx, operator_id=operator.operator_id, query=list_query(request, spec))
    return render(
        request, "crm/reconciliation/files.html", table=Table(spec, page), states=STATE,
        provisions=dict(provisions),
    )  # fmt: skip


@get("/crm/reconciliation/new", guards=[MAY])
async def new_file(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show the form for a file, for the last calendar month to begin with."""
    async with database.transaction(operator.operator_id) as tx:
        provisions = await _provisions(tx, operator)
        start, end = _last_month(await tx.now(), operator)
    form = UploadForm(covers_from=to_local(start, operator.zone), covers_until=to_local(end, operator.zone))
    return _form_page(request, form, provisions)


@post("/crm/reconciliation/new", guards=[MAY], status_code=303, request_max_body_size=_BODY_BYTES)
async def upload(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    storage: ConsoleStorage,
    operator: CurrentOperator,
    staff: CurrentStaff,
) -> Response[Any]:
    """Take a file: look through all of it, keep its bytes, and go on to its columns."""
    form = await read_form(request, UploadForm, besides=["file"])
    async with database.transaction(operator.operator_id) as tx:
        provisions = await _provisions(tx, operator)
    try:
        content = await sent_file(request, "file", limit_bytes=LARGEST_FILE_BYTES)
        name = _name((await request.form()).get("file"))
        terms = _terms(form, operator, dict(provisions))
        if content is None:
            raise Invalid({"file": "Choose a file."})
        file = await _take(database, storage, operator, staff, (name, content), terms)
    except Invalid as error:
        show_errors(form, error)
        return _form_page(request, form, provisions, status=422)
    except SameFile as same:
        return redirect(request, f"{PATH}/{same.file.file_id}", toast=same.message, tone="info")
    return redirect(request, f"{PATH}/{file.file_id}/columns")


@get("/crm/reconciliation/{file_id:str}", guards=[MAY])
async def one_file(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, file_id: FromPath[str]
) -> Response[Any]:
    """Go on with a file where it stands."""
    async with database.transaction(operator.operator_id) as tx:
        file = await get_file(tx, operator_id=operator.operator_id, file_id=parse_id(file_id))
    page = "columns" if file.state is FileState.UPLOADED else "report"
    return redirect(request, f"{PATH}/{file.file_id}/{page}")


def _form_page(
    request: ConsoleRequest, form: UploadForm, provisions: list[tuple[str, str]], *, status: int = 200
) -> Response[Any]:
    # A file laid beside the wrong billing looks like theft: with several to choose from, none is suggested.
    form.provision.choices = choices([("", "Choose…"), *provisions] if len(provisions) > 1 else provisions)
    return render(
        request, "crm/reconciliation/upload.html", status=status, form=form, provisions=provisions,
        megabytes=LARGEST_FILE_BYTES // 1_000_000,
    )  # fmt: skip


async def _provisions(tx: Transaction, operator: Operator) -> list[tuple[str, str]]:
    rows = await list_provisions(tx, operator_id=operator.operator_id)
    return [(str(row.provision_id), row.name) for row in rows]


def _last_month(now: datetime, operator: Operator) -> tuple[datetime, datetime]:
    """Return the last calendar month in the operator's time zone."""
    local = now.astimezone(operator.zone)
    end = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (end - timedelta(days=1)).replace(day=1), end


def _name(sent: object) -> str:
    name = sent.filename if isinstance(sent, UploadFile) else ""
    plain = "".join(sign for sign in Path(name.replace("\\", "/")).name if sign.isprintable())
    return mask_card_numbers(plain)[:LONGEST_NAME] or "file"


def _terms(
    form: UploadForm, operator: Operator, provisions: dict[str, str]
) -> tuple[UUID, datetime, datetime]:
    """Return the provision and the period. Raises Invalid naming each field that is wrong."""
    problems: dict[str, str] = {}
    if form.provision.data not in provisions:
        problems["provision"] = "Choose the provision whose billing wrote the file."
    moments: list[datetime] = []
    for name in ("covers_from", "covers_until"):
        try:
            moment = from_local(form[name].data or "", operator.zone, field=name)
            if moment is None:
                raise Invalid({name: "Write a date and time such as 2026-11-01 00:00."})
            moments.append(moment)
        except Invalid as error:
            problems |= error.fields
    if problems:
        raise Invalid(problems)
    return UUID(form.provision.data), moments[0], moments[1]


async def _take(
    database: Database,
    storage: ObjectStorage,
    operator: Operator,
    staff: Staff,
    sent: tuple[str, bytes],
    terms: tuple[UUID, datetime, datetime],
) -> SettlementFile:
    """Examine, store and register a file. Raises Invalid, NotFound and SameFile; nothing is kept then."""
    name, content = sent
    provision_id, covers_from, covers_until = terms
    operator_id, file_id = operator.operator_id, new_id()
    with tempfile.TemporaryDirectory(prefix="matinee-settlement-") as folder:
        path = Path(folder) / "file"
        await asyncio.to_thread(path.write_bytes, content)
        digest = await asyncio.to_thread(digest_of, path)
        async with database.transaction(operator_id) as tx:
            check_period(covers_from, covers_until, await tx.now())
            same = await find_same(tx, operator_id=operator_id, provision_id=provision_id, digest=digest)
        if same is not None:
            raise SameFile(same)
        layout = await asyncio.to_thread(examine, path)
    key = storage_key(operator_id, file_id)
    await storage.put(key, content)
    upload = Upload(
        file_id=file_id, provision_id=provision_id, name=name, storage_key=key, size_bytes=len(content),
        digest=digest, layout=layout, covers_from=covers_from, covers_until=covers_until,
    )  # fmt: skip
    try:
        async with database.transaction(operator_id) as tx:
            return await register_file(
                tx, operator_id=operator_id, upload=upload, actor=staff.actor, now=await tx.now()
            )
    except (Invalid, NotFound, SameFile):
        await storage.delete(key)
        raise


ROUTES = [files, new_file, upload, one_file]
