"""Settings of a provision as a file: out, and in through the same checks as the form. Secrets are never inside."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import BooleanField, SelectField, StringField, TextAreaField

from matinee.console.access import allow
from matinee.console.crm.api_provisions.differences import changes
from matinee.console.crm.api_provisions.form import form_of
from matinee.console.crm.api_provisions.head import PATH, read_head
from matinee.console.crm.api_provisions.settings import Draft, form_page, read_saved
from matinee.console.forms import ConsoleForm, choices, read_form, sent_file, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Egress
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import parse_id
from matinee.platform.db import Database
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator
from matinee.provisions.operations import create_provision
from matinee.provisions.queries import list_provisions
from matinee.provisions.rules import secret_names, validated_config
from matinee.provisions.types import ProvisionConfig
from matinee.staff.types import Role

LARGEST_BYTES: Final = 100_000
_MOST_SHOWN: Final = 30


class ImportForm(ConsoleForm):
    into = SelectField("Import as", choices=choices([]), validate_choice=False)
    name = StringField("Name", filters=[stripped])
    base_url = StringField("Base URL", filters=[stripped])
    keep_base_url = BooleanField("Keep the base URL that it has")
    settings = TextAreaField("Settings as JSON")


@get("/crm/products/api-provisions/{key:str}/export", guards=[allow(Role.INTEGRATION)])
async def export(database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]) -> Response[bytes]:
    """Hand out the settings of the current version."""
    async with database.transaction(operator.operator_id) as tx:
        head = await read_head(tx, operator, parse_id(key))
    body = msgspec.json.format(msgspec.json.encode(head.provision.config), indent=2) + b"\n"
    name = re.sub(r"[^a-z0-9]+", "-", head.provision.name.lower()).strip("-") or "provision"
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return Response(body, media_type="application/json", headers=headers)


@get("/crm/products/api-provisions/import", guards=[allow(Role.INTEGRATION)])
async def import_page(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show where the file goes; `into` in the address chooses the provision that it is for."""
    form = ImportForm(data={"into": request.query_params.get("into", ""), "keep_base_url": True})
    return await _import_page(request, database, operator, form)


@post("/crm/products/api-provisions/import", guards=[allow(Role.INTEGRATION)], status_code=303)
async def import_settings(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    egress: Egress,
) -> Response[Any]:
    """Add a provision with the settings of a file or of pasted text; or show them as a draft of one that is there."""
    form = await read_form(request, ImportForm, besides=("file",))
    try:
        sent = await sent_file(request, "file", limit_bytes=LARGEST_BYTES)
        config = settings_from(sent if sent is not None else (form.settings.data or "").encode())
        if form.into.data:
            return await _draft(request, database, operator, egress, form, config)
        instead = {name: text for name in ("name", "base_url") if (text := form[name].data)}
        config = msgspec.structs.replace(config, **instead)
        async with database.transaction(operator.operator_id) as tx:
            added = await create_provision(
                tx,
                operator_id=operator.operator_id,
                config=config,
                policy=egress,
                actor=staff.actor,
                now=await tx.now(),
            )
    except Invalid as error:
        for path, told in list(error.fields.items())[:_MOST_SHOWN]:
            if path in form:
                form[path].errors = [*form[path].errors, told]
            else:
                form.general_problems.append(f"{path}: {told}")
        return await _import_page(request, database, operator, form, status=422)
    missing = sorted(secret_names(added.config))
    wanted = f" Set its secrets now: {', '.join(missing)}." if missing else ""
    toast = f"Added from the file.{wanted} Then run the go-live probe."
    return redirect(request, f"{PATH}/{added.provision_id}", toast=toast)


async def _import_page(
    request: ConsoleRequest, database: Database, operator: Operator, form: ImportForm, *, status: int = 200
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        rows = await list_provisions(tx, operator_id=operator.operator_id)
    known = [(str(row.provision_id), f"{row.name}, as its next version") for row in rows]
    form.into.choices = choices([("", "A new provision"), *known])
    return render(
        request,
        "crm/api_provisions/import.html",
        status=status,
        form=form,
        path=PATH,
        known="|".join(key for key, _ in known),
    )


async def _draft(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    egress: EgressPolicy,
    form: ImportForm,
    config: ProvisionConfig,
) -> Response[Any]:
    """Show the settings in the editor of the chosen provision, with what they would change; nothing is saved.

    Raises Invalid: they are wrong, or of another API type.
    """
    saved = await read_saved(database, operator, parse_id(form.into.data or ""))
    now = saved.head.provision
    if config.api_type != now.api_type:
        raise Invalid({"into": "The file is for another API type than this provision."})
    base_url = form.base_url.data or (now.config.base_url if form.keep_base_url.data else config.base_url)
    # What it is called here is not part of how billing is called.
    config = msgspec.structs.replace(config, name=now.name, base_url=base_url)
    draft = form_of(validated_config(config, policy=egress), now.version)
    kept = {secret.name for secret in saved.secrets if secret.set_at}
    told = Draft(
        changes=changes(form_of(now.config, now.version), draft),
        missing=sorted(secret_names(config) - kept),
        from_file=True,
    )
    return await form_page(request, database, operator, draft, saved, draft=told)


def settings_from(text: bytes) -> ProvisionConfig:
    """Return the settings that a file holds, unchecked. Raises Invalid: unreadable, or with unknown fields."""
    if not text.strip():
        raise Invalid({"settings": "Choose a file, or paste the settings."})
    try:
        config = msgspec.json.decode(text, type=ProvisionConfig)
        unknown = list(_unknown(msgspec.json.decode(text), config, ""))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = str(error).partition(" - at ")
        where = message[2].strip("`$.") or "settings"
        raise Invalid({where: f"{message[0]}."}) from error
    if unknown:
        raise Invalid(dict.fromkeys(unknown[:_MOST_SHOWN], "There is no such setting."))
    return config


def _unknown(raw: Any, read: Any, path: str) -> Iterator[str]:
    """Yield the paths in `raw` that were not read into the settings: a misspelt one must not be lost."""
    if isinstance(read, msgspec.Struct) and isinstance(raw, dict):
        tag = read.__struct_config__.tag_field
        for name, value in raw.items():
            inside = f"{path}.{name}" if path else name
            if name not in read.__struct_fields__ and name != tag:
                yield inside
            elif name != tag:
                yield from _unknown(value, getattr(read, name), inside)
    elif isinstance(read, tuple) and isinstance(raw, list):
        for index, (value, each) in enumerate(zip(raw, read, strict=True)):
            yield from _unknown(value, each, f"{path}.{index}")


ROUTES = [export, import_page, import_settings]
