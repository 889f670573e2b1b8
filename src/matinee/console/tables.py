"""Lists: one query object from the address, one table for all of them, and CSV of everything found."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar.response import Stream

from matinee.console.services import ConsoleRequest
from matinee.kernel.paging import ListQuery, Page

Row = TypeVar("Row")

LONGEST_SEARCH = 200
LAST_PAGE = 100_000
CSV_PAGE_SIZE = 500
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Column(msgspec.Struct, frozen=True):
    """One column. `sort` is its name in the address, empty when the list cannot be sorted by it."""

    label: str
    sort: str = ""
    kind: str = ""
    """A class of the cells: `number`, `actions`, `poster` or nothing."""


class Filter(msgspec.Struct, frozen=True):
    """One drop-down above the table; `choices` are (value, label).

    `without` is what the list shows when nothing is chosen; by default everything. A filter of the kind `date`
    takes a day such as `2026-11-23` and has no choices.
    """

    name: str
    label: str
    choices: Sequence[tuple[str, str]] = ()
    without: str = ""
    kind: str = ""

    def takes(self, value: str) -> bool:
        """Say whether the filter knows this value."""
        if self.kind == "date":
            return _is_day(value)
        return any(value == choice for choice, _ in self.choices)


class ListSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a list page looks like. `noun` is (one, many), such as `("movie", "movies")`."""

    path: str
    noun: tuple[str, str]
    columns: Sequence[Column]
    filters: Sequence[Filter] = ()
    search_label: str = ""
    default_sort: str = ""
    has_csv: bool = False


class Table(msgspec.Struct, frozen=True):
    """A list page as the template sees it."""

    spec: ListSpec
    page: Page[Any]

    @property
    def query(self) -> ListQuery:
        return self.page.query

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or a filter may hide rows."""
        return bool(self.query.search or self.query.filters)

    @property
    def is_past_the_end(self) -> bool:
        """Whether the address asks for a page behind the last one."""
        return self.query.page > self.page.page_count

    @property
    def count_text(self) -> str:
        one, many = self.spec.noun
        return f"{self.page.total:,} {one if self.page.total == 1 else many}"

    @property
    def first_row(self) -> int:
        return self.query.offset + 1 if self.page.rows else 0

    @property
    def last_row(self) -> int:
        return self.query.offset + len(self.page.rows)

    def sort_url(self, column: Column) -> str:
        """Return the address sorted by a column; the other way round if it is so already."""
        descending = self.query.sort == column.sort
        return self._url(sort=f"-{column.sort}" if descending else column.sort, page=1)

    def sort_state(self, column: Column) -> str:
        """Return the value of aria-sort."""
        if not column.sort or self.query.sort.lstrip("-") != column.sort:
            return "none"
        return "descending" if self.query.sort.startswith("-") else "ascending"

    def page_url(self, number: int) -> str:
        return self._url(page=number)

    @property
    def url(self) -> str:
        """Return the address of what is shown, to be shared."""
        return self._url()

    @property
    def csv_url(self) -> str:
        return address(f"{self.spec.path}.csv", self.query, self.spec, page=1)

    def _url(self, **changes: Any) -> str:
        return address(self.spec.path, self.query, self.spec, **changes)


def address(path: str, query: ListQuery, spec: ListSpec, **changes: Any) -> str:
    """Return the address of a list; what is as by default stays out of it."""
    changed = msgspec.structs.replace(query, **changes)
    pairs = [("q", changed.search)] if changed.search else []
    pairs += sorted(changed.filters.items())
    if changed.sort != spec.default_sort:
        pairs.append(("sort", changed.sort))
    if changed.page > 1:
        pairs.append(("page", str(changed.page)))
    return f"{path}?{urlencode(pairs)}" if pairs else path


def list_query(request: ConsoleRequest, spec: ListSpec) -> ListQuery:
    """Read a list's query from the address. What makes no sense there is left out, never an error."""
    sent = request.query_params
    allowed = {column.sort for column in spec.columns if column.sort}
    sort = sent.get("sort", "")
    filters = {}
    for each in spec.filters:
        value = sent.get(each.name, "")
        if value and each.takes(value):
            filters[each.name] = value
    page = sent.get("page", "1")
    return ListQuery(
        search=sent.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
        filters=filters,
        sort=sort if sort.removeprefix("-") in allowed else spec.default_sort,
        page=min(max(int(page), 1), LAST_PAGE) if page.isascii() and page.isdigit() else 1,
    )


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and 2000 <= date.fromisoformat(text).year <= 2200
    except ValueError:
        return False


async def every_row(
    fetch: Callable[[ListQuery], Awaitable[Page[Row]]], query: ListQuery
) -> AsyncIterator[Row]:
    """Yield all rows of a list, a page at a time: never the whole table in memory."""
    number = 1
    while True:
        page = await fetch(msgspec.structs.replace(query, page=number, page_size=CSV_PAGE_SIZE))
        for row in page.rows:
            yield row
        if number >= page.page_count:
            return
        number += 1


def csv_response(name: str, header: Sequence[str], rows: AsyncIterator[Sequence[str | int | None]]) -> Stream:
    """Return a CSV download (UTF-8 with a byte order mark, which Excel needs), streamed."""

    async def lines() -> AsyncIterator[bytes]:
        yield "\ufeff".encode() + _line(header)
        async for row in rows:
            yield _line(row)

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Stream(lines(), media_type="text/csv", headers=headers)


def safe_cell(value: str | int | None) -> str | int:
    """Return the value so that no spreadsheet takes it for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return "" if value is None else value


def _line(cells: Sequence[str | int | None]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([safe_cell(cell) for cell in cells])
    return buffer.getvalue().encode()
