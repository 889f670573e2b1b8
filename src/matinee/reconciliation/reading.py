"""Reading CSV and xlsx files as rows of texts. Everything here blocks: call it in a thread."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import python_calamine

from matinee.kernel.cards import contains_card_number, mask_card_numbers
from matinee.kernel.errors import Invalid
from matinee.reconciliation.types import FileKind, Layout
from matinee.reconciliation.workbooks import check_workbook

LARGEST_FILE_BYTES: Final = 40_000_000
MOST_ROWS: Final = 500_000
MOST_COLUMNS: Final = 60
LONGEST_CELL: Final = 2_000
SAMPLE_ROWS: Final = 12
LONGEST_SAMPLE_CELL: Final = 80

_DELIMITERS: Final = (",", ";", "\t", "|")
_LOOKED_AT_ROWS: Final = 50
_LONG_DIGITS = re.compile(r"[0-9](?:[ -]?[0-9]){12,18}")
# As it is printed on cards. Account numbers are printed in groups too, but in more of them.
_AS_ON_CARDS = re.compile(
    r"(?<![0-9][ -])(?<![0-9])[0-9]{4}([ -])(?:[0-9]{4}\1[0-9]{4}\1[0-9]{4}|[0-9]{6}\1[0-9]{5})(?![ -]?[0-9])"
)
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Row = Sequence[str]


def examine(path: Path) -> Layout:
    """Return how a file is to be read, having gone through all of it.

    Raises Invalid (`file`): not a table, too large in one way or another, or with payment card numbers in it.
    """
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise Invalid({"file": f"The file is larger than {LARGEST_FILE_BYTES // 1_000_000} MB."})
    layout = _blank_layout(path)
    sample: list[tuple[str, ...]] = []
    cards = _CardWatch()
    width = count = 0
    for _line, row in rows_of(path, layout):
        count += 1
        width = max(width, len(row))
        if count > MOST_ROWS:
            raise Invalid({"file": f"The file has more than {MOST_ROWS:,} rows. Upload it in parts."})
        if width > MOST_COLUMNS:
            raise Invalid({"file": f"The file has more than {MOST_COLUMNS} columns."})
        if max(map(len, row), default=0) > LONGEST_CELL:
            raise Invalid({"file": f"A cell in row {_line} has more than {LONGEST_CELL:,} signs."})
        cards.look(row)
        if len(sample) < SAMPLE_ROWS:
            sample.append(tuple(_shown(cell) for cell in row))
    if count == 0:
        raise Invalid({"file": "The file has no rows."})
    cards.raise_if_found()
    if width < 2:
        raise Invalid({"file": "The file has one column only. A reference and an amount are needed."})
    return Layout(
        kind=layout.kind, encoding=layout.encoding, delimiter=layout.delimiter, column_count=width,
        row_count=count, sample=tuple(sample),
    )  # fmt: skip


def rows_of(path: Path, layout: Layout) -> Iterator[tuple[int, Row]]:
    """Yield the number (from 1, as a spreadsheet shows it) and the cells of every row that is not empty."""
    rows = _xlsx_rows(path) if layout.kind is FileKind.XLSX else _csv_rows(path, layout)
    for line, row in rows:
        if any(cell.strip() for cell in row):
            yield line, row


def digest_of(path: Path) -> bytes:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _blank_layout(path: Path) -> Layout:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PK\x03\x04"):
        check_workbook(path)
        return Layout(kind=FileKind.XLSX, column_count=0, row_count=0, sample=())
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise Invalid({"file": "This is an old or encrypted Excel file. Save it as .xlsx or .csv."})
    encoding = _encoding_of(path)
    return Layout(
        kind=FileKind.CSV, encoding=encoding, delimiter=_delimiter_of(path, encoding), column_count=0,
        row_count=0, sample=(),
    )  # fmt: skip


def _encoding_of(path: Path) -> str:
    data = path.read_bytes()
    if b"\0" in data:
        raise Invalid({"file": "This is neither a CSV file in UTF-8 or Windows-1252, nor an .xlsx file."})
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise Invalid({"file": "The file is written in neither UTF-8 nor Windows-1252."})


def _delimiter_of(path: Path, encoding: str) -> str:
    """Return the sign that cuts the first rows into the same number of cells most often, and into most of them."""
    with path.open(encoding=encoding, newline="") as file:
        text = "".join(line for line, _ in zip(file, range(_LOOKED_AT_ROWS), strict=False))

    def even(delimiter: str) -> tuple[int, int]:
        with _readable():
            widths = [len(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
        common = max(set(widths), key=widths.count, default=0)
        return (widths.count(common) if common > 1 else 0, common)

    return max(_DELIMITERS, key=even)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise Invalid({"file": "The file cannot be read as CSV: a quotation mark may be missing."}) from error


def _csv_rows(path: Path, layout: Layout) -> Iterator[tuple[int, Row]]:
    with _readable(), path.open(encoding=layout.encoding, newline="") as file:
        yield from enumerate(csv.reader(file, delimiter=layout.delimiter), start=1)


def _xlsx_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield the rows of the first sheet; formulas are never evaluated, what they came to last is read."""
    try:
        sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        rows: Iterable[list[Any]] = sheet.iter_rows()
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise Invalid({"file": "This Excel file cannot be read."}) from error
    for line, row in enumerate(rows, start=1):
        yield line, [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    """Return a cell of a spreadsheet as a text: no exponent, no `.0`, times as ISO 8601."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)


def _shown(cell: str) -> str:
    return mask_card_numbers(_UNSHOWN.sub(" ", cell))[:LONGEST_SAMPLE_CELL]


class _CardWatch:
    """Finds columns of payment card numbers. One number in ten passes a card's check digit by chance.

    So a column counts when most of the long numbers in it pass, and there are at least two of them; or when one is
    written in groups as on a card.
    """

    def __init__(self) -> None:
        self._long: dict[int, int] = {}
        self._cards: dict[int, int] = {}
        self._certain: set[int] = set()

    def look(self, row: Row) -> None:
        """Take one row."""
        for place, cell in enumerate(row):
            if len(cell) < 13 or not _LONG_DIGITS.search(cell):
                continue
            self._long[place] = self._long.get(place, 0) + 1
            if contains_card_number(cell):
                self._cards[place] = self._cards.get(place, 0) + 1
            grouped = _AS_ON_CARDS.search(cell)
            if grouped is not None and contains_card_number(grouped[0]):
                self._certain.add(place)

    def raise_if_found(self) -> None:
        """Raise Invalid (`file`) naming the columns."""
        many = {place for place, count in self._cards.items() if count > 1 and count > self._long[place] / 2}
        found = sorted(many | self._certain)
        if found:
            named = ", ".join(str(place + 1) for place in found)
            raise Invalid(
                {
                    "file": f"Column {named} holds payment card numbers, which must not be stored here. "
                    "Remove it from the file and upload it again."
                }
            )
