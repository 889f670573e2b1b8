"""Lists: addresses that can be shared, and cells that no spreadsheet runs."""

import pytest

from matinee.console.tables import Column, Filter, ListSpec, Table, every_row, safe_cell
from matinee.kernel.paging import ListQuery, Page

SPEC = ListSpec(
    path="/x",
    noun=("film", "films"),
    columns=(Column("Title", "title"), Column("Year", "year"), Column("Note")),
    filters=(Filter("state", "State", (("old", "Old"),)),),
    default_sort="title",
)


def table(total: int = 60, **query: object) -> Table:
    asked = ListQuery(**({"sort": "title"} | query))  # type: ignore[arg-type]
    return Table(SPEC, Page(rows=["row"] * min(total, 25), total=total, query=asked))


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"), ("+31", "'+31"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"), ("fog", "fog"), ("a=b", "a=b"), ("", ""), (None, ""), (-5, -5),
    ],
)  # fmt: skip
def test_a_cell_is_never_a_formula(cell: str | int | None, safe: str | int) -> None:
    assert safe_cell(cell) == safe


def test_the_plain_list_has_the_plain_address() -> None:
    assert table().url == "/x"
    assert table(page=1).page_url(2) == "/x?page=2"


def test_an_address_says_everything_that_differs() -> None:
    shown = table(search="a&b", filters={"state": "old"}, sort="-year", page=2)
    assert shown.url == "/x?q=a%26b&state=old&sort=-year&page=2"
    assert shown.page_url(3) == "/x?q=a%26b&state=old&sort=-year&page=3"


def test_sorting_turns_round_and_goes_back_to_the_first_page() -> None:
    title, year, note = SPEC.columns
    shown = table(page=2)
    assert [shown.sort_state(column) for column in (title, year, note)] == ["ascending", "none", "none"]
    assert (shown.sort_url(title), shown.sort_url(year)) == ("/x?sort=-title", "/x?sort=year")
    turned = table(sort="-title")
    assert (turned.sort_state(title), turned.sort_url(title)) == ("descending", "/x")


def test_the_foot_counts() -> None:
    shown = table(page=2)
    assert (shown.first_row, shown.last_row, shown.count_text, shown.page.page_count) == (
        26,
        50,
        "60 films",
        3,
    )
    assert table(1).count_text == "1 film"
    assert table(0).first_row == 0
    assert (table().is_narrowed, table(search="x").is_narrowed) == (False, True)


async def test_every_row_comes_a_page_at_a_time() -> None:
    asked: list[tuple[int, int]] = []

    async def fetch(query: ListQuery) -> Page[int]:
        asked.append((query.page, query.page_size))
        return Page(rows=[query.page], total=1200, query=query)

    assert [row async for row in every_row(fetch, ListQuery(page=7))] == [1, 2, 3]
    assert asked == [(1, 500), (2, 500), (3, 500)]
