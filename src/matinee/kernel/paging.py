"""One query object for every list: search, filters, sort and page, as they stand in an address."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

Row = TypeVar("Row")

PAGE_SIZE = 25


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list was asked for. `page` counts from 1; `sort` is a column's name, with `-` for descending."""

    search: str = ""
    filters: dict[str, str] = {}
    sort: str = ""
    page: int = 1
    page_size: int = PAGE_SIZE

    @property
    def offset(self) -> int:
        return (max(self.page, 1) - 1) * self.page_size


class Page(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """One page of rows and how many there are in all."""

    rows: Sequence[Row]
    total: int
    query: ListQuery

    @property
    def page_count(self) -> int:
        return max(1, -(-self.total // self.query.page_size))
