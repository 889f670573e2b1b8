"""Tables of a form whose rows can be added, moved and removed: lists of controls with the same names.

One control of each column stands in every row, so their order on the page is the order of the rows, with and
without JavaScript.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any, Final

from wtforms import Field

from matinee.console.forms import ConsoleForm
from matinee.provisions.rules.judging import RULES

CALLS: Final = tuple(RULES)
MOST_ROWS: Final = 100
"""As many as the rules allow in the longest table: a row more would be lost without a word."""

_VALUE = ("value", "constant", "format", "parameter")
_CONDITION = ("part", "comparison", "at", "text")
TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(CALLS, _VALUE),
    **{f"{call}_headers": _VALUE for call in CALLS},
    **{f"{call}__{rule}": _CONDITION for call, rules in RULES.items() for rule in rules},
    "decline": ("code", "text"),
}
"""Every table of the form with its columns. A call's key table has the call's name."""

Row = dict[str, str]

_ACTION = re.compile(r"(\w+):(?:(add)|(up|down|remove):(\d{1,2}))\Z")
_PATHS: Final = (
    (re.compile(rf"({'|'.join(CALLS)})\.key_map(?:\.(\d+)\.([\w.]+))?\Z"), "{0}"),
    (re.compile(rf"({'|'.join(CALLS)})\.headers(?:\.(\d+)\.([\w.]+))?\Z"), "{0}_headers"),
    (re.compile(rf"({'|'.join(CALLS)})\.(\w+)\.conditions(?:\.(\d+)\.([\w.]+))?\Z"), "{0}__{1}"),
    (re.compile(r"(decline)_texts(?:\.(\d+)\.([\w.]+))?\Z"), "{0}"),
)
_COLUMN: Final = {"platform_value": "value", "secret": "constant", "name": "parameter"}


class Texts(Field):
    """A control that may stand on the page any number of times; `data` is the list of their texts."""

    data: list[str]

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = [str(text) for text in valuelist]

    def process_data(self, value: Any) -> None:
        self.data = list(value or [])


def rows_of(form: ConsoleForm, table: str) -> list[Row]:
    """Return the rows of a table as they were typed, in their order."""
    columns = TABLES[table]
    lists = (form[f"{table}__{column}"].data for column in columns)
    found = [dict(zip(columns, texts, strict=True)) for texts in zip_longest(*lists, fillvalue="")]
    return found[:MOST_ROWS]


def set_rows(form: ConsoleForm, table: str, rows: Iterable[Row]) -> None:
    """Replace the rows of a table."""
    kept = list(rows)
    for column in TABLES[table]:
        form[f"{table}__{column}"].data = [row[column] for row in kept]


def empty_row(table: str) -> Row:
    """Return a row in which nothing was typed."""
    return dict.fromkeys(TABLES[table], "") | _STARTS.get(TABLES[table], {})


_STARTS: Final[Mapping[tuple[str, ...], Row]] = {_CONDITION: {"part": "status", "comparison": "is"}}


def is_empty(table: str, row: Row) -> bool:
    """Say whether nothing was typed in a row, whatever its drop-downs say."""
    if TABLES[table] == _CONDITION:
        return not (row["at"].strip() or row["text"].strip())
    return not any(text.strip() for column, text in row.items() if column != "format")


def do_action(form: ConsoleForm, action: str) -> bool:
    """Do what a button of a table asked for, and say whether one did: the form is not to be saved then."""
    found = _ACTION.match(action)
    if found is None or found[1] not in TABLES:
        return False
    table, add, what, number = found.groups()
    rows = rows_of(form, table)
    if add:
        rows.append(empty_row(table))
    else:
        _change(rows, what, int(number))
    set_rows(form, table, rows)
    return True


def _change(rows: list[Row], what: str, index: int) -> None:
    if index >= len(rows):
        return
    if what == "remove":
        del rows[index]
        return
    other = index - 1 if what == "up" else index + 1
    if 0 <= other < len(rows):
        rows[index], rows[other] = rows[other], rows[index]


def place_of(path: str) -> tuple[str, int | None, str] | None:
    """Return the table, the row and the column that an error's path is about; None for a single field."""
    for pattern, name in _PATHS:
        found = pattern.match(path)
        if found is None:
            continue
        *named, number, column = found.groups()
        table = name.format(*named)
        if table not in TABLES:
            return None
        if number is None:
            return table, None, ""
        column = (column or "").partition(".")[0]
        return table, int(number), _COLUMN.get(column, column)
    return None
