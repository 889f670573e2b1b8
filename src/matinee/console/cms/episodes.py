"""CMS > Seasons: the episodes of a season, each with a page of its own."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import StringField

from matinee.catalog.operations import add_episode, move_episode, remove_episode, update_episode
from matinee.catalog.queries import get_episode, get_item
from matinee.catalog.types import Episode, Item, ItemKind
from matinee.console.access import allow
from matinee.console.cms.item_form import typed_asset
from matinee.console.cms.kind_forms import EpisodeForm, episode_fields, read_episode
from matinee.console.cms.shelves import ROOT
from matinee.console.forms import ConsoleForm, read_form, show_errors, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import parse_id
from matinee.media.queries import assets_by_id
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.staff.types import Role

PATH = f"{ROOT}/seasons"
_MAY_CHANGE = [allow(Role.CATALOGUE)]
_PUBLISH = "Viewers see it after the next Cloud Sync."


class MoveForm(ConsoleForm):
    to = StringField("Place", filters=[stripped])


class NothingForm(ConsoleForm):
    """A button."""


@get("/cms/seasons/{item_id:str}/episodes/new", guards=_MAY_CHANGE)
async def new_episode(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, item_id: FromPath[str]
) -> Response[str]:
    """Show the form for a new episode."""
    async with database.transaction(operator.operator_id) as tx:
        season = await _season(tx, operator, parse_id(item_id))
        return await _page(tx, request, operator, season, EpisodeForm())


@post("/cms/seasons/{item_id:str}/episodes/new", guards=_MAY_CHANGE, status_code=303)
async def create_episode(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
) -> Response[Any]:
    """Add an episode at the end."""
    form, season_id = await read_form(request, EpisodeForm), parse_id(item_id)
    draft = read_episode(form, operator)
    if draft is not None:
        try:
            async with database.transaction(operator.operator_id) as tx:
                episode = await add_episode(
                    tx, operator_id=operator.operator_id, season_id=season_id, draft=draft,
                    actor=staff.actor, now=await tx.now(),
                )  # fmt: skip
            toast = f"Added episode {episode.number}, “{episode.draft.title}”. {_PUBLISH}"
            return redirect(request, f"{PATH}/{season_id}", toast=toast)
        except Invalid as error:
            show_errors(form, error)
    async with database.transaction(operator.operator_id) as tx:
        return await _page(tx, request, operator, await _season(tx, operator, season_id), form, status=422)


@get("/cms/seasons/{item_id:str}/episodes/{episode_id:str}", guards=_MAY_CHANGE)
async def edit_episode(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    item_id: FromPath[str],
    episode_id: FromPath[str],
) -> Response[str]:
    """Show an episode."""
    async with database.transaction(operator.operator_id) as tx:
        season = await _season(tx, operator, parse_id(item_id))
        episode = await _episode(tx, operator, season, episode_id)
        return await _page(
            tx, request, operator, season, EpisodeForm(**episode_fields(episode.draft)), episode
        )


@post("/cms/seasons/{item_id:str}/episodes/{episode_id:str}", guards=_MAY_CHANGE, status_code=303)
async def save_episode(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
    episode_id: FromPath[str],
) -> Response[Any]:
    """Save an edited episode."""
    form, season_id = await read_form(request, EpisodeForm), parse_id(item_id)
    draft = read_episode(form, operator)
    if draft is not None:
        try:
            async with database.transaction(operator.operator_id) as tx:
                saved = await update_episode(
                    tx, operator_id=operator.operator_id, season_id=season_id,
                    episode_id=parse_id(episode_id), draft=draft, actor=staff.actor, now=await tx.now(),
                )  # fmt: skip
            toast = f"Saved episode {saved.number}, “{saved.draft.title}”. {_PUBLISH}"
            return redirect(request, f"{PATH}/{season_id}", toast=toast)
        except Invalid as error:
            show_errors(form, error)
    async with database.transaction(operator.operator_id) as tx:
        season = await _season(tx, operator, season_id)
        episode = await _episode(tx, operator, season, episode_id)
        return await _page(tx, request, operator, season, form, episode, status=422)


@post("/cms/seasons/{item_id:str}/episodes/{episode_id:str}/move", guards=_MAY_CHANGE, status_code=303)
async def move(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
    episode_id: FromPath[str],
) -> Response[Any]:
    """Give an episode another place."""
    form = await read_form(request, MoveForm)
    wanted = form.to.data or ""
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 6):
        raise Invalid({"to": "Say which place, such as 2."})
    async with database.transaction(operator.operator_id) as tx:
        await move_episode(
            tx, operator_id=operator.operator_id, season_id=parse_id(item_id), episode_id=parse_id(episode_id),
            to_number=int(wanted), actor=staff.actor, now=await tx.now(),
        )  # fmt: skip
    return redirect(request, f"{PATH}/{parse_id(item_id)}#episodes")


@post("/cms/seasons/{item_id:str}/episodes/{episode_id:str}/remove", guards=_MAY_CHANGE, status_code=303)
async def remove(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
    episode_id: FromPath[str],
) -> Response[Any]:
    """Take an episode out of its season."""
    await read_form(request, NothingForm)
    async with database.transaction(operator.operator_id) as tx:
        episode = await remove_episode(
            tx, operator_id=operator.operator_id, season_id=parse_id(item_id), episode_id=parse_id(episode_id),
            actor=staff.actor, now=await tx.now(),
        )  # fmt: skip
    toast = f"Removed “{episode.draft.title}”. {_PUBLISH.replace('see it', 'see that')}"
    return redirect(request, f"{PATH}/{parse_id(item_id)}", toast=toast)


async def _season(tx: Transaction, operator: Operator, season_id: UUID) -> Item[Any]:
    return await get_item(tx, operator_id=operator.operator_id, kind=ItemKind.SEASON, item_id=season_id)


async def _episode(tx: Transaction, operator: Operator, season: Item[Any], episode_id: str) -> Episode:
    return await get_episode(
        tx, operator_id=operator.operator_id, season_id=season.item_id, episode_id=parse_id(episode_id)
    )


async def _page(
    tx: Transaction,
    request: ConsoleRequest,
    operator: Operator,
    season: Item[Any],
    form: EpisodeForm,
    episode: Episode | None = None,
    *,
    status: int = 200,
) -> Response[str]:
    asset_id = typed_asset(form)
    assets = (
        await assets_by_id(tx, operator_id=operator.operator_id, asset_ids=[asset_id]) if asset_id else {}
    )
    back = f"{PATH}/{season.item_id}"
    action = f"{back}/episodes/{episode.episode_id if episode else 'new'}"
    return render(
        request, "cms/episode_form.html", status=status, form=form, season=season, episode=episode, back=back,
        action=action, path=PATH, asset=assets.get(asset_id) if asset_id else None,
    )  # fmt: skip


ROUTES = [new_episode, create_episode, edit_episode, save_episode, move, remove]
