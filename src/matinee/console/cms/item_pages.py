"""CMS > Movies, Live events, Seasons: adding, editing, selling the other way too, and the preview of the invoice."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from matinee.catalog.operations import create_item, duplicate_item, update_item
from matinee.catalog.queries import get_item, list_episodes, package_choices
from matinee.catalog.rules import other_way
from matinee.catalog.types import Episode, Item, ItemKind, PaymentMethod
from matinee.console.access import allow
from matinee.console.cms import item_form
from matinee.console.cms.invoice import preview_invoice
from matinee.console.cms.item_form import ItemForm, ItemFormChoices
from matinee.console.cms.shelves import Shelf, on_every_shelf, shelf_of
from matinee.console.editing import version_sent
from matinee.console.forms import read_form, sent_file, show_conflict, show_errors
from matinee.console.rendering import redirect, render, render_fragment
from matinee.console.services import (
    ConsoleDatabase,
    ConsoleRequest,
    ConsoleStorage,
    CurrentOperator,
    CurrentStaff,
)
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import parse_id
from matinee.media.posters import MAX_UPLOAD_BYTES, save_poster
from matinee.media.queries import assets_by_id
from matinee.media.types import Asset
from matinee.offers.queries.ppv_rules import ppv_rule_choices
from matinee.platform.audit import AuditEntry, entries_about
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.platform.storage import ObjectStorage
from matinee.staff.types import Role, Staff

_MAY_CHANGE = [allow(Role.CATALOGUE)]
_PUBLISH = "Viewers see it after the next Cloud Sync."


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows besides the form. `source` is the item that a new one is made from.

    `assets`: the films that the page shows, of the form or of episodes, by id.
    """

    shelf: Shelf
    choices: Any
    item: Item[Any] | None = None
    source: Item[Any] | None = None
    episodes: list[Episode] = []
    assets: dict[UUID, Asset] = {}
    activity: list[AuditEntry] = []


@get(on_every_shelf("/new"), guards=_MAY_CHANGE)
async def new_item(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """Show the form for a new item, or with `?from=` for selling one the other way too."""
    shelf = shelf_of(request)
    async with database.transaction(operator.operator_id) as tx:
        around = await _around(tx, operator, shelf, source_id=_source(request))
        form = _first_form(around, operator)
        around = await _with_films(tx, operator, around, form)
    return _page(request, operator, form, around)


@post(on_every_shelf("/new"), guards=_MAY_CHANGE, status_code=303)
async def add_item(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    storage: ConsoleStorage,
    operator: CurrentOperator,
    staff: CurrentStaff,
) -> Response[Any]:
    """Add an item."""
    shelf = shelf_of(request)
    form, draft = await _read(request, storage, operator, shelf)
    source_id = _source(request)
    if draft is not None:
        try:
            item = await _add(database, operator, staff, draft, source_id)
            more = "Add its episodes now. " if shelf.kind is ItemKind.SEASON and not source_id else ""
            toast = f"Added “{item.title}”. {more}{_PUBLISH}"
            return redirect(request, f"{shelf.path}/{item.item_id}", toast=toast)
        except Invalid as error:
            show_errors(form, error)
    async with database.transaction(operator.operator_id) as tx:
        around = await _around(tx, operator, shelf, source_id=source_id)
        around = await _with_films(tx, operator, around, form)
    return _page(request, operator, form, around, status=422)


async def _add(
    database: ConsoleDatabase, operator: Operator, staff: Staff, draft: Any, source_id: UUID | None
) -> Item[Any]:
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        if source_id is None:
            return await create_item(
                tx, operator_id=operator.operator_id, draft=draft, actor=staff.actor, now=now
            )
        return await duplicate_item(
            tx, operator_id=operator.operator_id, item_id=source_id, draft=draft, actor=staff.actor, now=now
        )


@get(on_every_shelf("/{item_id:str}"))
async def edit_item(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, item_id: FromPath[str]
) -> Response[str]:
    """Show an item."""
    shelf = shelf_of(request)
    async with database.transaction(operator.operator_id) as tx:
        around = await _around(tx, operator, shelf, item_id=parse_id(item_id))
        item = around.item
        assert item is not None
        form = shelf.form(**shelf.fields(item.draft, operator, item.version))
        around = await _with_films(tx, operator, around, form)
    return _page(request, operator, form, around)


@post(on_every_shelf("/{item_id:str}"), guards=_MAY_CHANGE, status_code=303)
async def save_item(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    storage: ConsoleStorage,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
) -> Response[Any]:
    """Save an edited item; when somebody else was faster, show both values."""
    shelf, found_id = shelf_of(request), parse_id(item_id)
    form, draft = await _read(request, storage, operator, shelf)
    stale: Conflict | None = None
    if draft is not None:
        try:
            async with database.transaction(operator.operator_id) as tx:
                item: Item[Any] = await update_item(
                    tx, operator_id=operator.operator_id, item_id=found_id, version=version_sent(form) or 0,
                    draft=draft, actor=staff.actor, now=await tx.now(),
                )  # fmt: skip
            return redirect(request, f"{shelf.path}/{found_id}", toast=f"Saved “{item.title}”. {_PUBLISH}")
        except Invalid as error:
            show_errors(form, error)
        except Conflict as error:
            stale = error
    async with database.transaction(operator.operator_id) as tx:
        around = await _around(tx, operator, shelf, item_id=found_id)
        around = await _with_films(tx, operator, around, form)
    if stale is not None and draft is not None:
        _show_both(form, draft, around, operator, stale)
    return _page(request, operator, form, around, status=422 if stale is None else 409)


def _show_both(form: ItemForm, typed: Any, around: Around, operator: Operator, stale: Conflict) -> None:
    """Keep what was typed, set what is saved beside it, and let the next save count from there."""
    item = around.item
    assert item is not None
    texts = around.shelf.texts(item.draft, operator, around.choices)
    show_conflict(
        form, stale, saved=item_form.conflicts_between(item.draft, typed, texts), version=item.version
    )


@post(on_every_shelf("/preview"), status_code=200)
async def preview_item(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """Return the invoice as viewers will see it, from what is typed so far."""
    form = await read_form(request, shelf_of(request).form, besides=("poster",))
    async with database.transaction(operator.operator_id) as tx:
        rules = await ppv_rule_choices(tx, operator_id=operator.operator_id, with_archived=True)
    invoice = preview_invoice(form, operator, rules)
    return render_fragment(
        request, "cms/invoice_preview.html", invoice=invoice, poster=_poster_url(form, operator)
    )


async def _read(
    request: ConsoleRequest, storage: ObjectStorage, operator: Operator, shelf: Shelf
) -> tuple[ItemForm, Any]:
    """Return the form and its draft. A new poster is stored first, so that no error can lose it."""
    form = await read_form(request, shelf.form, besides=("poster",))
    problem: Invalid | None = None
    try:
        upload = await sent_file(request, "poster", limit_bytes=MAX_UPLOAD_BYTES)
        if upload is not None:
            form.poster_key.data = await save_poster(storage, operator_id=operator.operator_id, upload=upload)
    except Invalid as error:
        problem = error
    draft = shelf.read(form, operator)
    if problem is not None:
        show_errors(form, problem, names={"poster": "poster_key"})
    return form, None if problem else draft


async def _around(
    tx: Transaction,
    operator: Operator,
    shelf: Shelf,
    *,
    item_id: UUID | None = None,
    source_id: UUID | None = None,
) -> Around:
    found, kind = operator.operator_id, shelf.kind
    item = await get_item(tx, operator_id=found, kind=kind, item_id=item_id) if item_id else None
    source = await get_item(tx, operator_id=found, kind=kind, item_id=source_id) if source_id else None
    rules = await ppv_rule_choices(tx, operator_id=found, also=item.draft.rule_id if item else None)
    choices = ItemFormChoices(operator, rules, await package_choices(tx, operator_id=found))
    activity, episodes = [], []
    if item is not None:
        activity = await entries_about(
            tx, operator_id=found, subject_kind=kind.value, subject_id=item.item_id, limit=10
        )
        if kind is ItemKind.SEASON:
            episodes = await list_episodes(tx, operator_id=found, season_id=item.item_id)
    return Around(
        shelf=shelf, choices=choices, item=item, source=source, episodes=episodes, activity=activity
    )


async def _with_films(tx: Transaction, operator: Operator, around: Around, form: ItemForm) -> Around:
    typed = item_form.typed_asset(form)
    wanted = [typed, *(each.draft.asset_id for each in around.episodes)]
    ids = [asset_id for asset_id in wanted if asset_id is not None]
    if not ids:
        return around
    assets = await assets_by_id(tx, operator_id=operator.operator_id, asset_ids=ids)
    return msgspec.structs.replace(around, assets=assets)


def _first_form(around: Around, operator: Operator) -> ItemForm:
    shelf = around.shelf
    if around.source is not None:
        return shelf.form(**shelf.fields(other_way(around.source.draft), operator, None))
    method = PaymentMethod.PPV if around.choices.rules else PaymentMethod.SUBSCRIPTION
    only = list(around.choices.rules) if len(around.choices.rules) == 1 else [""]
    form = shelf.form(payment_method=method.value, rule_id=str(only[0]))
    if shelf.kind is ItemKind.LIVE_EVENT:
        form["stream_kind"].data = "url"
    return form


def _page(
    request: ConsoleRequest, operator: Operator, form: ItemForm, around: Around, *, status: int = 200
) -> Response[str]:
    choices: ItemFormChoices = around.choices
    shelf = around.shelf
    choices.offer(form)
    source = f"?from={around.source.item_id}" if around.source else ""
    action = f"{shelf.path}/{around.item.item_id}" if around.item else f"{shelf.path}/new{source}"
    typed = item_form.typed_asset(form)
    return render(
        request, "cms/item_form.html", status=status, form=form, action=action, path=shelf.path, shelf=shelf,
        item=around.item, source=around.source, asset=around.assets.get(typed) if typed else None,
        episodes=around.episodes, assets=around.assets, activity=around.activity,
        rules=choices.rules, blank_row=choices.blank_row(), poster=_poster_url(form, operator),
        invoice=preview_invoice(form, operator, list(choices.rules.values())),
    )  # fmt: skip


def _poster_url(form: ItemForm, operator: Operator) -> str:
    key = item_form.own_poster(form.poster_key.data, operator)
    return f"/{key}/handheld.webp" if key else ""


def _source(request: ConsoleRequest) -> UUID | None:
    text = request.query_params.get("from", "")
    return parse_id(text) if text else None


ROUTES = [new_item, add_item, edit_item, save_item, preview_item]
