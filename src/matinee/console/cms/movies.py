"""CMS > Movies: the list, and taking movies out of sale and back."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from matinee.catalog.operations import archive_item, put_back_item, unarchive_item, withdraw_item
from matinee.catalog.queries import list_movies, package_choices
from matinee.catalog.types import ItemKind, ItemRow, Movie, Package, PaymentMethod, StreamKind
from matinee.console.access import allow
from matinee.console.cms.movie_form import own_currency_first
from matinee.console.crm.reasons import ReasonForm, ask_again
from matinee.console.forms import read_form
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.tables import Column, Filter, ListSpec, Table, csv_response, every_row, list_query
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import parse_id
from matinee.kernel.money import Money
from matinee.kernel.paging import ListQuery, Page
from matinee.media.queries import assets_by_id
from matinee.media.types import Asset
from matinee.offers.queries.ppv_rules import ppv_rule_choices
from matinee.offers.types import PpvRule
from matinee.platform.db import Transaction
from matinee.staff.types import Role, Staff

PATH = "/console/cms/movies"
_MAY_CHANGE = [allow(Role.CATALOGUE)]

_STATES = (
    ("on_offer", "On offer"),
    ("withdrawn", "Withdrawn from sale"),
    ("ended", "Licence ended"),
    ("archived", "Archived"),
)
_COLUMNS = (
    Column("Poster", kind="poster"),
    Column("Title", "title"),
    Column("Payment"),
    Column("Prices"),
    Column("State"),
    Column("Licence ends", "licence"),
    Column("Changed", "updated"),
)


def spec(rules: Sequence[PpvRule] = (), packages: Sequence[Package] = ()) -> ListSpec:
    """Return what the list looks like, with the rules and packages there are to choose from."""
    return ListSpec(
        path=PATH,
        noun=("movie", "movies"),
        columns=_COLUMNS,
        filters=(
            Filter("payment", "Payment", (("ppv", "Pay per view"), ("subscription", "Subscription"))),
            Filter("rule", "Rule", [(str(rule.rule_id), rule.name) for rule in rules]),
            Filter("package", "Package", [(str(each.package_id), each.name) for each in packages]),
            Filter("state", "State", _STATES, without="All but archived"),
        ),
        search_label="Search title or year",
        default_sort="title",
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


@get("/cms/movies")
async def movies(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """List the movies."""
    found = operator.operator_id
    async with database.transaction(found) as tx:
        now = await tx.now()
        rules, packages = await _choices(tx, found)
        looks = spec(rules, packages)
        page = await list_movies(tx, operator_id=found, query=list_query(request, looks), now=now)
        wanted = [row.asset_id for row in page.rows if row.asset_id]
        assets = await assets_by_id(tx, operator_id=found, asset_ids=wanted)
    names = {rule.rule_id: rule.name for rule in rules}
    lines = [
        Line(
            row=row,
            terms=_terms(row, names),
            prices=own_currency_first(row.prices, operator),
            states=_states(row, assets, now),
        )
        for row in page.rows
    ]
    table = Table(looks, Page(rows=lines, total=page.total, query=page.query))
    return render(request, "cms/movies.html", table=table, has_rules=bool(rules))


def _terms(row: ItemRow, rules: dict[UUID, str]) -> str:
    if row.rule_id is not None:
        return rules.get(row.rule_id, "")
    return ", ".join(row.packages) or "in no package"


def _states(row: ItemRow, assets: dict[UUID, Asset], now: datetime) -> list[tuple[str, str]]:
    """Return what a person must know about a movie at a glance, the most pressing first."""
    if row.archived_at is not None:
        return [("Archived", "neutral")]
    states = []
    if row.withdrawn_at is not None:
        states.append(("Withdrawn", "warn"))
    if row.licence_ends_at is not None and row.licence_ends_at <= now:
        states.append(("Licence ended", "bad"))
    if row.stream_kind is StreamKind.FILE:
        asset = assets.get(row.asset_id) if row.asset_id else None
        if asset is None:
            states.append(("No film yet", "warn"))
        elif asset.state == "failed":
            states.append(("Film failed", "bad"))
        elif asset.state != "ready":
            states.append((f"Packaging {asset.progress_percent} %", "info"))
    return states or [("On offer", "good")]


@get("/cms/movies.csv")
async def movies_csv(request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator) -> Stream:
    """Download the movies that the list shows."""
    async with database.transaction(operator.operator_id) as tx:
        rules, packages = await _choices(tx, operator.operator_id)
    query = list_query(request, spec(rules, packages))
    names = {rule.rule_id: rule.name for rule in rules}

    async def fetch(asked: ListQuery) -> Page[ItemRow]:
        async with database.transaction(operator.operator_id) as tx:
            return await list_movies(tx, operator_id=operator.operator_id, query=asked, now=await tx.now())

    async def rows() -> AsyncIterator[list[str | int | None]]:
        async for row in every_row(fetch, query):
            yield _csv_row(row, names)

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
    return csv_response("movies", header, rows())


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
        row.withdrawn_at.isoformat() if row.withdrawn_at else "",
        row.licence_ends_at.isoformat() if row.licence_ends_at else "",
        row.archived_at.isoformat() if row.archived_at else "",
    ]


@post("/cms/movies/{movie_id:str}/withdraw", guards=_MAY_CHANGE, status_code=303)
async def withdraw(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    movie_id: FromPath[str],
) -> Response[Any]:
    """Stop selling a movie at once."""
    form, key = await read_form(request, ReasonForm), parse_id(movie_id)
    try:
        async with database.transaction(operator.operator_id) as tx:
            movie = await withdraw_item(
                tx, operator_id=operator.operator_id, kind=ItemKind.MOVIE, item_id=key, actor=staff.actor,
                now=await tx.now(), reason=form.reason.data or "",
            )  # fmt: skip
    except Invalid as error:
        return ask_again(
            request, form, error, title="Withdraw this movie", button="Withdraw", back=f"{PATH}/{key}"
        )
    toast = (
        f"“{movie.draft.title}” is not sold any more, from this moment. Whoever rented it may still watch."
    )
    return redirect(request, f"{PATH}/{movie_id}", toast=toast, undo=f"{PATH}/{movie.item_id}/put-back")


@post("/cms/movies/{movie_id:str}/put-back", guards=_MAY_CHANGE, status_code=303)
async def put_back(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    movie_id: FromPath[str],
) -> Response[Any]:
    """Sell a withdrawn movie again."""
    movie = await _change(database, staff, put_back_item, operator.operator_id, movie_id)
    toast = f"“{movie.draft.title}” can be sold again as soon as it is published."
    return redirect(request, f"{PATH}/{movie.item_id}", toast=toast)


@post("/cms/movies/{movie_id:str}/archive", guards=_MAY_CHANGE, status_code=303)
async def archive(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    movie_id: FromPath[str],
) -> Response[Any]:
    """Put a movie away; the message offers to undo it."""
    movie = await _change(database, staff, archive_item, operator.operator_id, movie_id)
    toast = f"Archived “{movie.draft.title}”. It is not sold any more."
    return redirect(request, PATH, toast=toast, undo=f"{PATH}/{movie.item_id}/unarchive")


@post("/cms/movies/{movie_id:str}/unarchive", guards=_MAY_CHANGE, status_code=303)
async def unarchive(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    movie_id: FromPath[str],
) -> Response[Any]:
    """Bring an archived movie back."""
    movie = await _change(database, staff, unarchive_item, operator.operator_id, movie_id)
    return redirect(request, f"{PATH}/{movie.item_id}", toast=f"“{movie.draft.title}” is back.")


async def _change(
    database: ConsoleDatabase, staff: Staff, operation: Any, operator_id: UUID, movie_id: str
) -> Movie:
    async with database.transaction(operator_id) as tx:
        movie: Movie = await operation(
            tx, operator_id=operator_id, kind=ItemKind.MOVIE, item_id=parse_id(movie_id), actor=staff.actor,
            now=await tx.now(),
        )  # fmt: skip
    return movie


ROUTES = [movies, movies_csv, withdraw, put_back, archive, unarchive]
