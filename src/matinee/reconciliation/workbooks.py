"""Looking into an xlsx before anything opens it: how much it unpacks to, and how large its sheets say that they are.

An xlsx is a zip. What its directory says of an entry's size may be a lie, so every entry is unpacked once, counted
and thrown away. A sheet with one cell in its last corner is small in the file and enormous in memory: the places of
its cells are read as well.
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

_SMALL_BYTES: Final = 1_000_000
"""A short entry may well shrink by more than the ratio: blanks do."""

_CHUNK: Final = 256 * 1024
_OVERLAP: Final = 64
_LOCAL_HEADER: Final = struct.Struct("<4s22xHH")
_STORED, _DEFLATED = 0, 8
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
            left = MOST_UNPACKED_BYTES
            for entry in entries:
                left -= _check_entry(file, entry, left)
    except (BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise _bad("It cannot be unpacked.") from error


def _bad(why: str) -> Invalid:
    return Invalid({"file": f"This is no Excel file that can be read. {why}"})


def _is_sheet(entry: ZipInfo) -> bool:
    return entry.filename.casefold().startswith("xl/worksheets/") and entry.filename.casefold().endswith(
        ".xml"
    )


def _check_entry(file: BinaryIO, entry: ZipInfo, left: int) -> int:
    """Unpack one entry, counting; returns its real size."""
    if entry.flag_bits & 0x1 or entry.compress_type not in (_STORED, _DEFLATED):
        raise _bad("A part is encrypted or packed in an unknown way.")
    if entry.file_size > left:
        raise _bad("It unpacks to more than is allowed.")
    if entry.file_size > _SMALL_BYTES and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
        raise _bad("A part is packed far more tightly than a spreadsheet is.")
    corner = _Corner() if _is_sheet(entry) else None
    size = 0
    for chunk in _unpacked(file, entry):
        size += len(chunk)
        if size > entry.file_size:
            raise _bad("A part is larger than it says.")
        if corner is not None:
            corner.read(chunk)
    return size


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


class _Corner:
    """Follows how far to the right and down the cells of one sheet lie."""

    def __init__(self) -> None:
        self._tail = b""
        self._row = self._column = 0
        self._is_first = True

    def read(self, chunk: bytes) -> None:
        """Take the next bytes. Raises Invalid when the sheet is too large, or not written in UTF-8."""
        if self._is_first and (b"\0" in chunk[:8] or chunk[:2] in (b"\xff\xfe", b"\xfe\xff")):
            raise _bad("A sheet is not written in UTF-8.")
        self._is_first = False
        text = self._tail + chunk
        for letters, digits in _PLACE.findall(text):
            self._row = max(self._row, int(digits))
            self._column = max(self._column, _column_number(letters))
        self._tail = text[-_OVERLAP:]
        if max(self._row, 1) * max(self._column, 1) > MOST_CELLS:
            raise _bad(f"A sheet reaches over more than {MOST_CELLS:,} cells.")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number
