"""Workbooks written by hand, good ones and bad ones."""

import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'spreadsheetml.sheet.main+xml"/></Types>'
)
_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"'
    ' Target="{target}"/></Relationships>'
)
_BOOK = (
    '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="Charges" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_SHEET = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>{rows}</sheetData></worksheet>"
)


def cell(place: str, value: str | float) -> str:
    """Return one cell's XML."""
    if isinstance(value, str) and value.startswith("="):
        return f'<c r="{place}"><f>{value[1:]}</f><v>7.5</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def sheet(rows: Sequence[Sequence[str | float]], *, first_row: int = 1) -> str:
    """Return a sheet's XML with these rows from `first_row` on."""
    written = []
    for number, row in enumerate(rows, start=first_row):
        cells = "".join(cell(f"{chr(65 + place)}{number}", value) for place, value in enumerate(row))
        written.append(f'<row r="{number}">{cells}</row>')
    return _SHEET.format(rows="".join(written))


def workbook(sheet_xml: str, *, more: Mapping[str, bytes] | None = None) -> bytes:
    """Return an xlsx with one sheet, and further parts."""
    office = _RELS.format(kind="officeDocument", target="xl/workbook.xml")
    parts = {
        "[Content_Types].xml": _TYPES.encode(), "_rels/.rels": office.encode(), "xl/workbook.xml": _BOOK.encode(),
        "xl/_rels/workbook.xml.rels": _RELS.format(kind="worksheet", target="worksheets/sheet1.xml").encode(),
        "xl/worksheets/sheet1.xml": sheet_xml.encode(), **(more or {}),
    }  # fmt: skip
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def lying(data: bytes, *, real: bytes, says: bytes) -> bytes:
    """Return a zip whose headers say of the part with content `real` that it holds `says`."""
    for size, crc in (((len(real)), zlib.crc32(real)),):
        old = crc.to_bytes(4, "little"), size.to_bytes(4, "little")
        new = zlib.crc32(says).to_bytes(4, "little"), len(says).to_bytes(4, "little")
        assert data.count(old[0]) == 2
        data = data.replace(old[0], new[0]).replace(old[1], new[1])
    return data


def saved(folder: Path, content: bytes, name: str = "file.xlsx") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
