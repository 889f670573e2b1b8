"""CRM > Products > API Provisions: how the operator's billing is asked to charge."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from matinee.console.access import allow
from matinee.console.crm.api_provisions.call_tests import first_form, sends_mapping_id
from matinee.console.crm.api_provisions.differences import Change, changes
from matinee.console.crm.api_provisions.form import NEW, ProvisionForm, config_of, form_of
from matinee.console.crm.api_provisions.form import choices as offered
from matinee.console.crm.api_provisions.form.fields import ANSWER_FIELDS, AUTH_FIELDS, RULE_TITLES
from matinee.console.crm.api_provisions.form.rows import empty_row
from matinee.console.crm.api_provisions.head import PATH, Head, read_head, show
from matinee.console.crm.api_provisions.preview import chosen_values, previewable_items, previews
from matinee.console.crm.api_provisions.secrets import (
    SecretState,
    callback_address,
    secret_states,
)
from matinee.console.crm.provision_words import CLASS, setting_words
from matinee.console.crm.words import action_words, changes_words
from matinee.console.editing import show_both, version_sent
from matinee.console.forms import read_form
from matinee.console.rendering import redirect, render, render_fragment
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Egress
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import parse_id
from matinee.platform.audit import AuditEntry, entries_about
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.provisions.operations import create_provision, update_provision
from matinee.provisions.queries import latest_call_tests, list_provisions
from matinee.provisions.rules import secret_names
from matinee.provisions.rules.judging import RULES
from matinee.provisions.types import API_TYPES
from matinee.staff.types import Role


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings show of a provision that is there already."""

    head: Head
    entries: list[AuditEntry]
    secrets: list[SecretState]
    references: list[str]
    """Of the newest test calls."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Settings in the form that nobody saved yet: what they would change, and the secrets not set so far."""

    changes: list[Change]
    missing: list[str] = []
    from_file: bool = False


@get("/crm/products/api-provisions")
async def provisions(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """List provisions; there are few of them."""
    async with database.transaction(operator.operator_id) as tx:
        rows = await list_provisions(tx, operator_id=operator.operator_id)
    return render(request, "crm/api_provisions/list.html", rows=rows, classes=CLASS, api_types=API_TYPES)


@get("/crm/products/api-provisions/new", guards=[allow(Role.INTEGRATION)])
async def new_provision(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show a form with the usual key table."""
    return await form_page(request, database, operator, form_of(NEW, None), None)


@post("/crm/products/api-provisions/new", guards=[allow(Role.INTEGRATION)], status_code=303)
async def add_provision(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    egress: Egress,
) -> Response[Any]:
    """Add the provision."""
    form = await read_form(request, ProvisionForm)
    if form.change_rows():
        return await form_page(request, database, operator, form, None)
    form.drop_empty_rows()
    try:
        async with database.transaction(operator.operator_id) as tx:
            added = await create_provision(
                tx,
                operator_id=operator.operator_id,
                config=config_of(form),
                policy=egress,
                actor=staff.actor,
                now=await tx.now(),
            )
    except Invalid as error:
        form.show(error)
        return await form_page(request, database, operator, form, None, status=422)
    missing = sorted(secret_names(added.config))
    toast = (
        f"Provision added. Now set its secret{'s' if len(missing) > 1 else ''}: {', '.join(missing)}."
        if missing
        else "Provision added. Now run the go-live probe, and name it in a product."
    )
    return redirect(request, f"{PATH}/{added.provision_id}", toast=toast)


@post("/crm/products/api-provisions/preview", guards=[allow(Role.INTEGRATION)], status_code=200)
async def preview(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show the requests that the form's provision would send; nothing is saved or sent."""
    form = await read_form(request, ProvisionForm, besides=("preview_customer", "preview_item"))
    sent = await request.form()
    form.drop_empty_rows()
    context = await _previewed(
        database,
        operator,
        form,
        username=str(sent.get("preview_customer", "")),
        item_id=str(sent.get("preview_item", "")),
    )
    return render_fragment(request, "crm/api_provisions/_preview.html", **context)


@get("/crm/products/api-provisions/{key:str}", guards=[allow(Role.INTEGRATION)])
async def provision(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show one provision."""
    saved = await read_saved(database, operator, parse_id(key))
    form = form_of(saved.head.provision.config, saved.head.provision.version)
    return await form_page(request, database, operator, form, saved)


@post("/crm/products/api-provisions/{key:str}", guards=[allow(Role.INTEGRATION)], status_code=303)
async def save_provision(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    egress: Egress,
    key: FromPath[str],
) -> Response[Any]:
    """Save a new version."""
    form, provision_id = await read_form(request, ProvisionForm), parse_id(key)
    if form.change_rows():
        return await form_page(
            request, database, operator, form, await read_saved(database, operator, provision_id)
        )
    form.drop_empty_rows()
    try:
        async with database.transaction(operator.operator_id) as tx:
            saved = await update_provision(
                tx,
                operator_id=operator.operator_id,
                provision_id=provision_id,
                config=config_of(form),
                policy=egress,
                actor=staff.actor,
                now=await tx.now(),
                expected_version=version_sent(form),
            )
    except Invalid as error:
        form.show(error)
        now = await read_saved(database, operator, provision_id)
        return await form_page(request, database, operator, form, now, status=422)
    except Conflict as error:
        now = await read_saved(database, operator, provision_id)
        theirs = form_of(now.head.provision.config, now.head.provision.version)
        show_both(form, error, saved=theirs)
        # Rows of tables have no place beside them: what differs is listed above the form.
        draft = Draft(changes=changes(theirs, form))
        return await form_page(request, database, operator, form, now, draft=draft, status=409)
    toast = f"Saved as version {saved.version}. New rentals use it after the next Cloud Sync of Products."
    return redirect(request, f"{PATH}/{provision_id}", toast=toast)


async def read_saved(database: Database, operator: Operator, provision_id: UUID) -> Saved:
    """Return a provision with what was done to it. Raises NotFound."""
    async with database.transaction(operator.operator_id) as tx:
        head = await read_head(tx, operator, provision_id)
        made = await latest_call_tests(tx, operator_id=operator.operator_id, provision_id=provision_id)
        return Saved(
            head=head,
            references=list(dict.fromkeys(test.reference for test in made)),
            secrets=await secret_states(tx, operator=operator, provision=head.provision),
            entries=await entries_about(
                tx, operator_id=operator.operator_id, subject_kind="provision", subject_id=provision_id
            ),
        )


async def _previewed(
    database: Database, operator: Operator, form: ProvisionForm, *, username: str = "", item_id: str = ""
) -> dict[str, Any]:
    """Return what the preview's template needs."""
    config = config_of(form)
    async with database.transaction(operator.operator_id) as tx:
        items = await previewable_items(tx, operator=operator, api_type=config.api_type)
        chosen = await chosen_values(
            tx, operator=operator, username=username[:100].strip(), items=items, item_id=item_id
        )
    return {
        "items": items,
        "notes": chosen.notes,
        "previews": previews(config, chosen.values),
        "preview_customer": username,
        "preview_item": item_id,
    }


async def form_page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    form: ProvisionForm,
    saved: Saved | None,
    *,
    draft: Draft | None = None,
    status: int = 200,
) -> Response[Any]:
    """Return the page of a form: of a new provision, or of one that is there, perhaps with a draft in it."""
    provision_id = None if saved is None else saved.head.provision.provision_id
    context = await form_context(request, database, operator, form, provision_id)
    if saved is None:
        return render(request, "crm/api_provisions/new.html", status=status, **context)
    lines = [
        (entry, action_words(entry.action), changes_words(entry.details, name_words=setting_words))
        for entry in saved.entries
    ]
    return show(
        request,
        "settings",
        saved.head,
        status=status,
        secrets=saved.secrets,
        lines=lines,
        draft=draft,
        test_form=first_form(operator),
        known=saved.references,
        sends_mapping_id=sends_mapping_id(saved.head.provision.config),
        **context,
    )


async def form_context(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    form: ProvisionForm,
    provision_id: UUID | None,
) -> dict[str, Any]:
    """Return what the form's template needs."""
    asked = request.query_params if request.method == "GET" else {}
    previewed = await _previewed(
        database,
        operator,
        form,
        username=asked.get("preview_customer", ""),
        item_id=asked.get("preview_item", ""),
    )
    return previewed | {
        "form": form,
        "path": PATH,
        "rules": {call: [f"{call}__{rule}" for rule in rules] for call, rules in RULES.items()},
        "rule_titles": RULE_TITLES,
        "answer_fields": list(ANSWER_FIELDS),
        "auth_fields": AUTH_FIELDS,
        "offered": offered,
        "empty_row": empty_row,
        "callback_url": callback_address(operator, provision_id) if provision_id else "",
    }


ROUTES = [provisions, new_provision, add_provision, preview, provision, save_provision]
