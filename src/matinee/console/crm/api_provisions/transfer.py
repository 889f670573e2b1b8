"""Settings of a provision as a file: out, and in through the same checks as the form. Secrets are never inside."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from wtforms import StringField, TextAreaField

from matinee.console.access import allow
from matinee.console.crm.api_provisions.head import PATH, read_head
from matinee.console.forms import ConsoleForm, read_form, sent_file, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import parse_id
from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.operations import create_provision
from matinee.provisions.rules import secret_names
from matinee.provisions.types import ProvisionConfig
from matinee.staff.types import Role

Egress = NamedDependency[SkipValidation[EgressPolicy]]

LARGEST_BYTES: Final = 100_000
_MOST_SHOWN: Final = 30


class ImportForm(ConsoleForm):
    name = StringField("Name", filters=[stripped])
    base_url = StringField("Base URL", filters=[stripped])
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
async def import_page(request: ConsoleRequest) -> Response[Any]:
    """Show where the file goes."""
    return render(request, "crm/api_provisions/import.html", form=ImportForm(), path=PATH)


@post("/crm/products/api-provisions/import", guards=[allow(Role.INTEGRATION)], status_code=303)
async def import_settings(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    egress: Egress,
) -> Response[Any]:
    """Add a provision with the settings of a file, or of the text that was pasted."""
    form = await read_form(request, ImportForm, besides=("file",))
    try:
        sent = await sent_file(request, "file", limit_bytes=LARGEST_BYTES)
        config = settings_from(sent if sent is not None else (form.settings.data or "").encode())
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
        return render(request, "crm/api_provisions/import.html", status=422, form=form, path=PATH)
    missing = sorted(secret_names(added.config))
    wanted = f" Set its secrets now: {', '.join(missing)}." if missing else ""
    toast = f"Added from the file.{wanted} Then run the go-live probe."
    return redirect(request, f"{PATH}/{added.provision_id}", toast=toast)


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
