"""How a provision's billing is doing, and every call to it: searched, filtered, paged, as CSV."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream

from matinee.console.crm.api_provisions.head import PATH, read_head, show
from matinee.console.crm.api_provisions.words import CALL, OUTCOME, matched_words, outcome_word
from matinee.console.crm.purchase_view import cause_words
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator
from matinee.console.tables import Column, Filter, ListSpec, Table, csv_response, every_row, list_query
from matinee.kernel.ids import parse_id
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.purchases.queries.attempt_log import (
    MOST_LISTED,
    Health,
    LoggedCall,
    Span,
    billing_health,
    list_attempts,
)

_HOURS: Final = {"hour": 1, "day": 24, "week": 7 * 24, "month": 31 * 24}
_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)

SPEC: Final = ListSpec(
    path=PATH,
    noun=("call", "calls"),
    columns=(
        Column("Time"),
        Column("Call"),
        Column("Customer and title"),
        Column("Verdict"),
        Column("Status", kind="number"),
        Column("Took", kind="number"),
    ),
    filters=(
        Filter("call", "Call", [(name, word) for name, word in CALL.items()]),
        Filter("outcome", "Outcome", [(name, word.label) for name, word in OUTCOME.items()]),
        Filter(
            "within", "Time",
            [("hour", "The last hour"), ("day", "The last 24 hours"), ("week", "The last 7 days"),
             ("month", "The last 31 days")],
            without="Any time",
        ),
        Filter("until", "Until the end of", kind="date"),
    ),
    search_label="Search reference, customer or text",
    has_csv=True,
)  # fmt: skip


@get("/crm/products/api-provisions/{key:str}/calls")
async def calls(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show how billing does and what it was asked, newest first."""
    provision_id = parse_id(key)
    spec = _spec(provision_id)
    query = list_query(request, spec)
    async with database.transaction(operator.operator_id) as tx:
        head = await read_head(tx, operator, provision_id)
        now = await tx.now()
        ids = {"operator_id": operator.operator_id, "provision_id": provision_id}
        health = await billing_health(tx, **ids, now=now)
        page = await list_attempts(tx, **ids, query=query, span=_span(query, operator, now))
    return show(
        request,
        "calls",
        head,
        table=Table(spec, page),
        facts=_facts(health),
        health=health,
        now=now,
        most=MOST_LISTED,
        calls=CALL,
        outcome_word=outcome_word,
        cause_words=cause_words,
        matched_words=matched_words,
    )


@get("/crm/products/api-provisions/{key:str}/calls.csv")
async def calls_csv(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Stream:
    """Hand out what the list found."""
    provision_id = parse_id(key)
    query = list_query(request, _spec(provision_id))
    async with database.transaction(operator.operator_id) as tx:
        await read_head(tx, operator, provision_id)
        span = _span(query, operator, await tx.now())
    header = ("time", "call", "outcome", "cause", "matched", "status", "milliseconds", "customer", "title", "reference",
              "version", "request", "answer")  # fmt: skip
    return csv_response("calls", header, _lines(database, operator.operator_id, provision_id, query, span))


async def _lines(
    database: Database, operator_id: UUID, provision_id: UUID, query: ListQuery, span: Span
) -> AsyncIterator[tuple[str | int | None, ...]]:
    async def fetch(part: ListQuery) -> Page[LoggedCall]:
        async with database.transaction(operator_id) as tx:
            return await list_attempts(
                tx, operator_id=operator_id, provision_id=provision_id, query=part, span=span
            )

    async for row in every_row(fetch, query):
        done = row.attempt
        yield (
            done.at.isoformat(), done.call, done.outcome, done.cause, done.matched, done.status, done.elapsed_ms,
            row.username, row.item_title, row.reference, row.version, done.request, done.body,
        )  # fmt: skip


def _spec(provision_id: UUID) -> ListSpec:
    return msgspec.structs.replace(SPEC, path=f"{PATH}/{provision_id}/calls")


def _span(query: ListQuery, operator: Operator, now: datetime) -> Span:
    """Return the time that is asked for: so many hours up to now, or up to the end of a day."""
    until = now + timedelta(days=1)
    if day := query.filters.get("until"):
        midnight = datetime.combine(datetime.fromisoformat(day).date(), time(), operator.zone)
        until = (midnight + timedelta(days=1)).astimezone(UTC)
    hours = _HOURS.get(query.filters.get("within", ""))
    if hours is None:
        return Span(_EVER, until)
    return Span(min(until, now) - timedelta(hours=hours), until)


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the health panel. `tone` as of a badge; `note` says what it means."""

    label: str
    value: str
    note: str
    tone: str = "neutral"


def _facts(health: Health) -> list[Fact]:
    """Return the figures; nothing is judged before there were some calls."""
    clear = health.clear / health.calls if health.calls else None
    charged = health.charged / health.charges if health.charges else None
    return [
        Fact(
            label="Clear answers",
            value=_percent(clear),
            note=f"{health.calls - health.clear:,} of {health.calls:,} calls stayed unclear",
            tone="neutral"
            if clear is None
            else "good"
            if clear >= 0.99
            else "warn"
            if clear >= 0.9
            else "bad",
        ),
        Fact(
            label="Charges accepted",
            value=_percent(charged),
            note=f"{health.charged:,} of {health.charges:,} charges",
        ),
        Fact(label="Half answer within", value=_milliseconds(health.p50_ms), note="p50"),
        Fact(label="99 of 100 within", value=_milliseconds(health.p99_ms), note="p99"),
    ]


def _percent(share: float | None) -> str:
    if share is None:
        return "—"
    # 99.96 % is not 100 %: a rounded figure must not hide the one call that stayed unclear.
    return "100 %" if share == 1 else f"{min(share * 100, 99.9):.1f} %"


def _milliseconds(value: int | None) -> str:
    return "—" if value is None else f"{value:,} ms" if value < 10_000 else f"{value / 1000:.1f} s"


ROUTES = [calls, calls_csv]
