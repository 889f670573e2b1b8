"""Looking into an xlsx before anything opens it: how much it unpacks to, and how large its sheets say that they are.

An xlsx is a zip. What its directory says of an entry's size may be a lie, so every entry is unpacked once, counted
and thrown away. A sheet with one cell in its last corner is small in the file and enormous in memory, and so is one
long text that a hundred thousand cells share: places and texts are looked at as well. Which part is a sheet is said by
another part, so what a part is called proves nothing: each is looked at as if it were one.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from matinee.kernel.errors import Invalid

MOST_ENTRIES: Final = 500
MOST_UNPACKED_BYTES: Final = 256_000_000
MOST_RATIO: Final = 200
MOST_CELLS: Final = 6_000_000
MOST_TEXT_BYTES: Final = 1_000_000_000
"""What the cells of a sheet would take if the longest of the shared texts stood in each of them."""

_SMALL_BYTES: Final = 1_000_000
"""A short entry may well shrink by more than the ratio: blanks do."""

_CHUNK: Final = 256 * 1024
_OVERLAP: Final = 64
_LOCAL_HEADER: Final = struct.Struct("<4s22xHH")
_STORED, _DEFLATED = 0, 8
_CELL = re.compile(rb"<(?:[A-Za-z0-9._-]{1,40}:)?c[\s>/]")
_SHARED = re.compile(rb"<(?:[A-Za-z0-9._-]{1,40}:)?si[\s>/]")
_PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{0,8})([0-9]{1,12})[\"']")


def check_workbook(path: Path) -> None:
    """Raise Invalid (`file`) for a zip that no spreadsheet program would write."""
    try:
        with ZipFile(path) as archive, path.open("rb") as file:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise _bad("It holds too many parts.")
            if not any(_is_sheet(entry) for entry in entries):
                raise _bad("It holds no sheet.")
            if len({entry.filename for entry in entries}) != len(entries):
                raise _bad("It holds two parts of one name.")
            left, cells, text = MOST_UNPACKED_BYTES, 0, 0
            for entry in entries:
                size, part = _check_entry(file, entry, left)
                left, cells, text = left - size, max(cells, part.cells), max(text, part.longest_text)
            if cells * text > MOST_TEXT_BYTES:
                raise _bad("Its cells share a very long text. Save it as .csv.")
    except (BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise _bad("It cannot be unpacked.") from error


def _bad(why: str) -> Invalid:
    return Invalid({"file": f"This is no Excel file that can be read. {why}"})


def _is_sheet(entry: ZipInfo) -> bool:
    return entry.filename.casefold().startswith("xl/worksheets/") and entry.filename.casefold().endswith(
        ".xml"
    )


def _check_entry(file: BinaryIO, entry: ZipInfo, left: int) -> tuple[int, "_Part"]:
    """Unpack one entry, counting; returns its real size, and what it holds."""
    if entry.flag_bits & 0x1 or entry.compress_type not in (_STORED, _DEFLATED):
        raise _bad("A part is encrypted or packed in an unknown way.")
    if entry.file_size > left:
        raise _bad("It unpacks to more than is allowed.")
    if entry.file_size > _SMALL_BYTES and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
        raise _bad("A part is packed far more tightly than a spreadsheet is.")
    part = _Part(is_xml=entry.filename.casefold().endswith(".xml"))
    size = 0
    for chunk in _unpacked(file, entry):
        size += len(chunk)
        if size > entry.file_size:
            raise _bad("A part is larger than it says.")
        part.read(chunk)
    part.end()
    return size, part


def _unpacked(file: BinaryIO, entry: ZipInfo) -> Iterator[bytes]:
    file.seek(entry.header_offset)
    signature, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if signature != b"PK\x03\x04":
        raise _bad("A part is not where it should be.")
    file.seek(name_length + extra_length, 1)
    packed = entry.compress_size
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if entry.compress_type == _DEFLATED else None
    while packed > 0:
        data = file.read(min(_CHUNK, packed))
        if not data:
            raise _bad("It is cut off.")
        packed -= len(data)
        if inflate is None:
            yield data
            continue
        while data:
            yield inflate.decompress(data, _CHUNK)
            data = inflate.unconsumed_tail


class _Part:
    """Follows how far to the right and down cells lie in one part, how many there are, and the longest shared text."""

    def __init__(self, *, is_xml: bool) -> None:
        self.cells = 0
        self.longest_text = 0
        self._is_xml = is_xml
        self._tail = b""
        self._row = self._column = 0
        self._seen = 0
        self._text_from: int | None = None

    def read(self, chunk: bytes) -> None:
        """Take the next bytes. Raises Invalid when a sheet is too large, or not written in UTF-8."""
        if self._seen == 0 and _is_wide(chunk, self._is_xml):
            raise _bad("A sheet is not written in UTF-8.")
        text, old = self._tail + chunk, len(self._tail)
        for letters, digits in _PLACE.findall(text):
            self._row = max(self._row, int(digits))
            self._column = max(self._column, _column_number(letters))
        self.cells += sum(found.end() > old for found in _CELL.finditer(text))
        for found in _SHARED.finditer(text):
            if found.end() > old:
                self._text_begins(self._seen - old + found.start())
        self._seen += len(chunk)
        self._tail = text[-_OVERLAP:]
        if max(self.cells, max(self._row, 1) * max(self._column, 1)) > MOST_CELLS:
            raise _bad(f"A sheet reaches over more than {MOST_CELLS:,} cells.")

    def end(self) -> None:
        """Note that the part is over, and with it its last text."""
        if self._text_from is not None:
            self._text_begins(self._seen)

    def _text_begins(self, place: int) -> None:
        if self._text_from is not None:
            self.longest_text = max(self.longest_text, place - self._text_from)
        self._text_from = place


def _is_wide(start: bytes, is_xml: bool) -> bool:
    """Say whether a part begins like XML of two bytes a sign; settings of a printer are no XML, and have NULs."""
    if is_xml and b"\0" in start[:8]:
        return True
    return start.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"))


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number
