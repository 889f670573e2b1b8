"""CMS > Movies, Live events, Seasons: the lists, and taking items out of sale and back."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from matinee.catalog.operations import archive_item, put_back_item, unarchive_item, withdraw_item
from matinee.catalog.queries import list_items, package_choices
from matinee.catalog.types import Item, ItemKind, ItemRow, Package, PaymentMethod, StreamKind
from matinee.console.access import allow
from matinee.console.cms.item_form import own_currency_first
from matinee.console.cms.shelves import Shelf, on_every_shelf, shelf_of
from matinee.console.forms import read_form
from matinee.console.reasons import ReasonForm, asking_again
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.tables import Column, Filter, ListSpec, Table, csv_response, every_row, list_query
from matinee.kernel.ids import parse_id
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery, Page
from matinee.media.queries import assets_by_id
from matinee.media.types import Asset
from matinee.offers.queries.ppv_rules import ppv_rule_choices
from matinee.offers.types import PpvRule
from matinee.platform.db import Transaction
from matinee.staff.types import Role, Staff

_MAY_CHANGE = [allow(Role.CATALOGUE)]

_STATES = (
    ("on_offer", "On offer"),
    ("withdrawn", "Withdrawn from sale"),
    ("ended", "Over"),
    ("archived", "Archived"),
)


def spec(shelf: Shelf, rules: Sequence[PpvRule] = (), packages: Sequence[Package] = ()) -> ListSpec:
    """Return what a list looks like, with the rules and packages there are to choose from."""
    return ListSpec(
        path=shelf.path,
        noun=shelf.noun,
        columns=(
            Column("Poster", kind="poster"),
            Column("Title", "title"),
            Column("Payment"),
            Column("Prices"),
            Column("State"),
            shelf.dated,
            Column("Changed", "updated"),
        ),
        filters=(
            Filter("payment", "Payment", (("ppv", "Pay per view"), ("subscription", "Subscription"))),
            Filter("rule", "Rule", [(str(rule.rule_id), rule.name) for rule in rules]),
            Filter("package", "Package", [(str(each.package_id), each.name) for each in packages]),
            Filter("state", "State", _STATES, without="All but archived"),
        ),
        search_label=shelf.search_label,
        default_sort=shelf.default_sort,
        has_csv=True,
    )


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line as the template shows it: the operator's own currency comes first. `states` are (text, tone)."""

    row: ItemRow
    terms: str
    prices: list[Money]
    states: list[tuple[str, str]]


async def _choices(tx: Transaction, operator_id: UUID) -> tuple[list[PpvRule], list[Package]]:
    rules = await ppv_rule_choices(tx, operator_id=operator_id, with_archived=True)
    return rules, await package_choices(tx, operator_id=operator_id)


@get(on_every_shelf(""))
async def items(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """List the items of a section."""
    found, shelf = operator.operator_id, shelf_of(request)
    async with database.transaction(found) as tx:
        now = await tx.now()
        rules, packages = await _choices(tx, found)
        looks = spec(shelf, rules, packages)
        query = list_query(request, looks)
        page = await list_items(tx, operator_id=found, kind=shelf.kind, query=query, now=now)
        wanted = [row.asset_id for row in page.rows if row.asset_id]
        assets = await assets_by_id(tx, operator_id=found, asset_ids=wanted)
    names = {rule.rule_id: rule.name for rule in rules}
    lines = [
        Line(
            row=row,
            terms=_terms(row, names),
            prices=own_currency_first(row.prices, operator),
            states=_states(shelf, row, assets, now),
        )
        for row in page.rows
    ]
    table = Table(looks, Page(rows=lines, total=page.total, query=page.query))
    return render(request, "cms/items.html", table=table, shelf=shelf, has_rules=bool(rules))


def _terms(row: ItemRow, rules: dict[UUID, str]) -> str:
    if row.rule_id is not None:
        return rules.get(row.rule_id, "")
    return ", ".join(row.packages) or "in no package"


def _states(shelf: Shelf, row: ItemRow, assets: dict[UUID, Asset], now: datetime) -> list[tuple[str, str]]:
    """Return what a person must know about an item at a glance, the most pressing first."""
    if row.archived_at is not None:
        return [("Archived", "neutral")]
    states = []
    if row.withdrawn_at is not None:
        states.append(("Withdrawn", "warn"))
    if row.licence_ends_at is not None and row.licence_ends_at <= now:
        states.append(("Licence ended", "bad"))
    if row.ends_at is not None and row.ends_at <= now:
        states.append(("Over", "neutral"))
    if not shelf.has_stream:
        states += [] if row.episode_count else [("No episodes yet", "warn")]
    elif row.stream_kind is StreamKind.FILE:
        states += _film_states(assets.get(row.asset_id) if row.asset_id else None)
    if states:
        return states
    return [("Live now", "info")] if row.starts_at and row.starts_at <= now else [("On offer", "good")]


def _film_states(asset: Asset | None) -> list[tuple[str, str]]:
    if asset is None:
        return [("No film yet", "warn")]
    if asset.state == "failed":
        return [("Film failed", "bad")]
    return [] if asset.state == "ready" else [(f"Packaging {asset.progress_percent} %", "info")]


@get(on_every_shelf(".csv"))
async def items_csv(request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator) -> Stream:
    """Download the items that the list shows."""
    found, shelf = operator.operator_id, shelf_of(request)
    async with database.transaction(found) as tx:
        rules, packages = await _choices(tx, found)
    query = list_query(request, spec(shelf, rules, packages))
    names = {rule.rule_id: rule.name for rule in rules}

    async def fetch(asked: ListQuery) -> Page[ItemRow]:
        async with database.transaction(found) as tx:
            return await list_items(tx, operator_id=found, kind=shelf.kind, query=asked, now=await tx.now())

    async def rows() -> AsyncIterator[list[str | int | None]]:
        async for row in every_row(fetch, query):
            yield _csv_row(row, names) + _own_cells(shelf, row)

    header = [
        "Id",
        "Title",
        "Year",
        "Payment",
        "Rule",
        "Packages",
        "Prices",
        "Withdrawn",
        "Licence ends",
        "Archived",
    ]
    return csv_response(shelf.slug, header + _OWN_COLUMNS[shelf.kind], rows())


_OWN_COLUMNS: dict[ItemKind, list[str]] = {
    ItemKind.MOVIE: [],
    ItemKind.LIVE_EVENT: ["Starts", "Ends"],
    ItemKind.SEASON: ["Episodes"],
}


def _own_cells(shelf: Shelf, row: ItemRow) -> list[str | int | None]:
    match shelf.kind:
        case ItemKind.LIVE_EVENT:
            return [_text(row.starts_at), _text(row.ends_at)]
        case ItemKind.SEASON:
            return [row.episode_count]
        case _:
            return []


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _csv_row(row: ItemRow, rules: dict[UUID, str]) -> list[str | int | None]:
    is_ppv = row.payment_method is PaymentMethod.PPV
    return [
        str(row.item_id),
        row.title,
        row.year,
        row.payment_method.value,
        rules.get(row.rule_id, "") if is_ppv and row.rule_id else "",
        "; ".join(row.packages),
        "; ".join(f"{price.plain()} {price.currency}" for price in row.prices),
        _text(row.withdrawn_at),
        _text(row.licence_ends_at),
        _text(row.archived_at),
    ]


@post(on_every_shelf("/{item_id:str}/withdraw"), guards=_MAY_CHANGE, status_code=303)
async def withdraw(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
) -> Response[Any]:
    """Stop selling an item at once."""
    shelf = shelf_of(request)
    form, key = await read_form(request, ReasonForm), parse_id(item_id)
    back = f"{shelf.path}/{key}"
    with asking_again(form, title=f"Withdraw this {shelf.noun[0]}", button="Withdraw", back=back):
        async with database.transaction(operator.operator_id) as tx:
            item = await withdraw_item(
                tx, operator_id=operator.operator_id, kind=shelf.kind, item_id=key, actor=staff.actor,
                now=await tx.now(), reason=form.reason.data or "",
            )  # fmt: skip
    toast = f"“{item.title}” is not sold any more, from this moment. Whoever rented it may still watch."
    return redirect(request, back, toast=toast, undo=f"{back}/put-back")


@post(on_every_shelf("/{item_id:str}/put-back"), guards=_MAY_CHANGE, status_code=303)
async def put_back(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
) -> Response[Any]:
    """Sell a withdrawn item again."""
    shelf = shelf_of(request)
    item = await _change(database, staff, put_back_item, operator.operator_id, shelf, item_id)
    toast = f"“{item.title}” can be sold again as soon as it is published."
    return redirect(request, f"{shelf.path}/{item.item_id}", toast=toast)


@post(on_every_shelf("/{item_id:str}/archive"), guards=_MAY_CHANGE, status_code=303)
async def archive(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
) -> Response[Any]:
    """Put an item away; the message offers to undo it."""
    shelf = shelf_of(request)
    item = await _change(database, staff, archive_item, operator.operator_id, shelf, item_id)
    toast = f"Archived “{item.title}”. It is not sold any more."
    return redirect(request, shelf.path, toast=toast, undo=f"{shelf.path}/{item.item_id}/unarchive")


@post(on_every_shelf("/{item_id:str}/unarchive"), guards=_MAY_CHANGE, status_code=303)
async def unarchive(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    item_id: FromPath[str],
) -> Response[Any]:
    """Bring an archived item back."""
    shelf = shelf_of(request)
    item = await _change(database, staff, unarchive_item, operator.operator_id, shelf, item_id)
    return redirect(request, f"{shelf.path}/{item.item_id}", toast=f"“{item.title}” is back.")


async def _change(
    database: ConsoleDatabase, staff: Staff, operation: Any, operator_id: UUID, shelf: Shelf, item_id: str
) -> Item[Any]:
    async with database.transaction(operator_id) as tx:
        item: Item[Any] = await operation(
            tx, operator_id=operator_id, kind=shelf.kind, item_id=parse_id(item_id), actor=staff.actor,
            now=await tx.now(),
        )  # fmt: skip
    return item


ROUTES = [items, items_csv, withdraw, put_back, archive, unarchive]
