"""CMS > Movies: adding, editing, selling the other way too, and the preview of the invoice."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from matinee.catalog.operations import create_item, duplicate_item, update_item
from matinee.catalog.queries import get_movie, package_choices
from matinee.catalog.rules import other_way
from matinee.catalog.types import Movie, MovieDraft, PaymentMethod
from matinee.console.access import allow
from matinee.console.cms import movie_form
from matinee.console.cms.invoice import preview_invoice
from matinee.console.cms.movie_form import MovieForm, MovieFormChoices
from matinee.console.cms.movies import PATH
from matinee.console.forms import read_form, sent_file, show_errors
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
    """What the page shows besides the form. `source` is the movie that a new one is made from."""

    choices: Any
    movie: Movie | None = None
    source: Movie | None = None
    asset: Asset | None = None
    activity: list[AuditEntry] = []


@get("/cms/movies/new", guards=_MAY_CHANGE)
async def new_movie(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """Show the form for a new movie, or with `?from=` for selling one the other way too."""
    async with database.transaction(operator.operator_id) as tx:
        around = await _around(tx, operator, source_id=_source(request))
        draft = _first_draft(around)
        around = await _with_asset(tx, operator, around, draft.asset_id)
    return _page(request, operator, movie_form.form_of(draft, operator), around)


@post("/cms/movies/new", guards=_MAY_CHANGE, status_code=303)
async def add_movie(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    storage: ConsoleStorage,
    operator: CurrentOperator,
    staff: CurrentStaff,
) -> Response[Any]:
    """Add a movie."""
    form, draft = await _read(request, storage, operator)
    source_id = _source(request)
    if draft is not None:
        try:
            movie = await _add(database, operator, staff, draft, source_id)
            toast = f"Added “{movie.draft.title}”. {_PUBLISH}"
            return redirect(request, f"{PATH}/{movie.item_id}", toast=toast)
        except Invalid as error:
            show_errors(form, error)
    async with database.transaction(operator.operator_id) as tx:
        around = await _around(tx, operator, source_id=source_id)
        around = await _with_asset(tx, operator, around, movie_form.typed_asset(form))
    return _page(request, operator, form, around, status=422)


async def _add(
    database: ConsoleDatabase, operator: Operator, staff: Staff, draft: MovieDraft, source_id: UUID | None
) -> Movie:
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        if source_id is None:
            return await create_item(
                tx, operator_id=operator.operator_id, draft=draft, actor=staff.actor, now=now
            )
        return await duplicate_item(
            tx, operator_id=operator.operator_id, item_id=source_id, draft=draft, actor=staff.actor, now=now
        )


@get("/cms/movies/{movie_id:str}")
async def edit_movie(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, movie_id: FromPath[str]
) -> Response[str]:
    """Show a movie."""
    async with database.transaction(operator.operator_id) as tx:
        around = await _around(tx, operator, movie_id=parse_id(movie_id))
        movie = around.movie
        assert movie is not None
        around = await _with_asset(tx, operator, around, movie.draft.asset_id)
    form = movie_form.form_of(movie.draft, operator, version=movie.version)
    return _page(request, operator, form, around)


@post("/cms/movies/{movie_id:str}", guards=_MAY_CHANGE, status_code=303)
async def save_movie(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    storage: ConsoleStorage,
    operator: CurrentOperator,
    staff: CurrentStaff,
    movie_id: FromPath[str],
) -> Response[Any]:
    """Save an edited movie; when somebody else was faster, show both values."""
    found_id = parse_id(movie_id)
    form, draft = await _read(request, storage, operator)
    stale: Conflict | None = None
    if draft is not None:
        try:
            async with database.transaction(operator.operator_id) as tx:
                movie = await update_item(
                    tx, operator_id=operator.operator_id, item_id=found_id, version=_version(form),
                    draft=draft, actor=staff.actor, now=await tx.now(),
                )  # fmt: skip
            toast = f"Saved “{movie.draft.title}”. {_PUBLISH}"
            return redirect(request, f"{PATH}/{found_id}", toast=toast)
        except Invalid as error:
            show_errors(form, error)
        except Conflict as error:
            stale = error
    async with database.transaction(operator.operator_id) as tx:
        around = await _around(tx, operator, movie_id=found_id)
        around = await _with_asset(tx, operator, around, movie_form.typed_asset(form))
    if stale is not None and draft is not None:
        _show_both(form, draft, around, operator, stale)
    return _page(request, operator, form, around, status=422 if stale is None else 409)


def _show_both(
    form: MovieForm, typed: MovieDraft, around: Around, operator: Operator, stale: Conflict
) -> None:
    """Keep what was typed, set what is saved beside it, and let the next save count from there."""
    assert around.movie is not None
    form.general_problems.append(stale.message)
    form.conflicts = movie_form.conflicts_between(
        around.movie, typed, lambda draft: movie_form.texts_of(draft, operator, around.choices)
    )
    form.version.data = str(around.movie.version)


@post("/cms/movies/preview", status_code=200)
async def preview_movie(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """Return the invoice as viewers will see it, from what is typed so far."""
    form = await read_form(request, MovieForm, besides=("poster",))
    async with database.transaction(operator.operator_id) as tx:
        rules = await ppv_rule_choices(tx, operator_id=operator.operator_id, with_archived=True)
    invoice = preview_invoice(form, operator, rules)
    return render_fragment(
        request, "cms/invoice_preview.html", invoice=invoice, poster=_poster_url(form, operator)
    )


async def _read(
    request: ConsoleRequest, storage: ObjectStorage, operator: Operator
) -> tuple[MovieForm, MovieDraft | None]:
    """Return the form and its draft. A new poster is stored first, so that no error can lose it."""
    form = await read_form(request, MovieForm, besides=("poster",))
    problem: Invalid | None = None
    try:
        upload = await sent_file(request, "poster", limit_bytes=MAX_UPLOAD_BYTES)
        if upload is not None:
            form.poster_key.data = await save_poster(storage, operator_id=operator.operator_id, upload=upload)
    except Invalid as error:
        problem = error
    draft = movie_form.read_draft(form, operator)
    if problem is not None:
        show_errors(form, problem, names={"poster": "poster_key"})
    return form, None if problem else draft


async def _around(
    tx: Transaction, operator: Operator, *, movie_id: UUID | None = None, source_id: UUID | None = None
) -> Around:
    found = operator.operator_id
    movie = await get_movie(tx, operator_id=found, movie_id=movie_id) if movie_id else None
    source = await get_movie(tx, operator_id=found, movie_id=source_id) if source_id else None
    rules = await ppv_rule_choices(tx, operator_id=found, also=movie.draft.rule_id if movie else None)
    choices = MovieFormChoices(operator, rules, await package_choices(tx, operator_id=found))
    activity = (
        await entries_about(tx, operator_id=found, subject_kind="movie", subject_id=movie_id, limit=10)
        if movie
        else []
    )
    return Around(choices=choices, movie=movie, source=source, activity=activity)


async def _with_asset(tx: Transaction, operator: Operator, around: Around, asset_id: UUID | None) -> Around:
    if asset_id is None:
        return around
    assets = await assets_by_id(tx, operator_id=operator.operator_id, asset_ids=[asset_id])
    return msgspec.structs.replace(around, asset=assets.get(asset_id))


def _first_draft(around: Around) -> MovieDraft:
    if around.source is not None:
        return other_way(around.source.draft)
    method = PaymentMethod.PPV if around.choices.rules else PaymentMethod.SUBSCRIPTION
    only = list(around.choices.rules) if len(around.choices.rules) == 1 else [None]
    return MovieDraft(title="", payment_method=method, rule_id=only[0])


def _page(
    request: ConsoleRequest, operator: Operator, form: MovieForm, around: Around, *, status: int = 200
) -> Response[str]:
    choices: MovieFormChoices = around.choices
    choices.offer(form)
    source = f"?from={around.source.item_id}" if around.source else ""
    action = f"{PATH}/{around.movie.item_id}" if around.movie else f"{PATH}/new{source}"
    return render(
        request, "cms/movie_form.html", status=status, form=form, action=action, path=PATH,
        movie=around.movie, source=around.source, asset=around.asset, activity=around.activity,
        rules=choices.rules, blank_row=choices.blank_row(), poster=_poster_url(form, operator),
        invoice=preview_invoice(form, operator, list(choices.rules.values())),
    )  # fmt: skip


def _poster_url(form: MovieForm, operator: Operator) -> str:
    key = movie_form.own_poster(form.poster_key.data, operator)
    return f"/{key}/handheld.webp" if key else ""


def _source(request: ConsoleRequest) -> UUID | None:
    text = request.query_params.get("from", "")
    return parse_id(text) if text else None


def _version(form: MovieForm) -> int:
    text = form.version.data or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


ROUTES = [new_movie, add_movie, edit_movie, save_movie, preview_movie]
