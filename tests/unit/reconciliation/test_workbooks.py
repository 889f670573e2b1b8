"""An xlsx is looked into before anything opens it."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.unit.reconciliation.workbook import cell, lying, saved, sheet, workbook

from matinee.kernel.errors import Invalid
from matinee.reconciliation.reading import examine, rows_of
from matinee.reconciliation.rules.cells import read_row
from matinee.reconciliation.types import FileKind, Mapping
from matinee.reconciliation.workbooks import check_workbook

ROWS: list[list[str | float]] = [["reference", "amount"], ["m-1", 4.99], ["m-2", 5.0], ["m-3", "=1+1"]]


def test_a_workbook_is_read_with_its_own_row_numbers_and_no_formula_is_evaluated(tmp_path: Path) -> None:
    path = saved(tmp_path, workbook(sheet(ROWS, first_row=3)))
    layout = examine(path)
    assert (layout.kind, layout.row_count, layout.column_count) == (FileKind.XLSX, 4, 2)
    assert [(line, list(row)) for line, row in rows_of(path, layout)] == [
        (3, ["reference", "amount"]), (4, ["m-1", "4.99"]), (5, ["m-2", "5"]), (6, ["m-3", "7.5"]),
    ]  # fmt: skip


def refusal(path: Path) -> str:
    with pytest.raises(Invalid) as refused:
        check_workbook(path)
    return refused.value.fields["file"]


def test_a_part_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path: Path) -> None:
    bomb = workbook(sheet(ROWS), more={"xl/media/zeros.bin": bytes(30_000_000)})
    assert len(bomb) < 100_000
    assert "packed far more tightly" in refusal(saved(tmp_path, bomb))


def test_a_part_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    real = bytes(3_000_000)
    bomb = lying(workbook(sheet(ROWS), more={"xl/media/zeros.bin": real}), real=real, says=bytes(1000))
    assert "larger than it says" in refusal(saved(tmp_path, bomb))


def test_a_cell_in_the_last_corner_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    far = sheet(ROWS).replace("</sheetData>", f'<row r="1048576">{cell("XFD1048576", 1.0)}</row></sheetData>')
    assert "reaches over more than" in refusal(saved(tmp_path, workbook(far)))


def test_a_sheet_is_looked_at_whatever_its_part_is_called(tmp_path: Path) -> None:
    """Which part is the sheet is said by the list of relations, not by a name."""
    far = sheet(ROWS).replace("</sheetData>", f'<row r="1048576">{cell("XFD1048576", 1.0)}</row></sheetData>')
    for name in ("xl/elsewhere.xml", "xl/media/image1.png"):
        assert "reaches over more than" in refusal(
            saved(tmp_path, workbook(sheet(ROWS), more={name: far.encode()}))
        )


def test_one_long_text_that_many_cells_share_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    shared = '<row r="{0}"><c r="A{0}" t="s"><v>0</v></c><c r="B{0}" t="s"><v>0</v></c></row>'
    rows = "".join(shared.format(number) for number in range(1, 3001))
    for tag in ("si", "x:si"):
        texts = f"<sst><{tag}><t>short</t></{tag}><{tag}><t>{'a' * 900_000}</t></{tag}></sst>"
        bomb = workbook(
            sheet(ROWS).replace("</sheetData>", f"{rows}</sheetData>"),
            more={"xl/sharedStrings.xml": texts.encode()},
        )
        assert len(bomb) < 100_000
        assert "very long text" in refusal(saved(tmp_path, bomb))


def test_settings_of_a_printer_are_no_sheet(tmp_path: Path) -> None:
    printer = "\\\\office\\Printer".encode("utf-16-le")
    examine(saved(tmp_path, workbook(sheet(ROWS), more={"xl/printerSettings/printerSettings1.bin": printer})))


def test_a_sheet_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, workbook("x", more={"xl/worksheets/sheet2.xml": sheet(ROWS).encode("utf-16")}))
    assert "UTF-8" in refusal(path)


def test_too_many_parts_no_sheet_and_what_is_no_zip_are_refused(tmp_path: Path) -> None:
    many = {f"xl/media/{number}.bin": b"x" for number in range(600)}
    assert "too many parts" in refusal(saved(tmp_path, workbook(sheet(ROWS), more=many)))
    whole = workbook(sheet(ROWS))
    assert "cannot be unpacked" in refusal(saved(tmp_path, whole[: len(whole) // 2]))
    assert "cannot be unpacked" in refusal(saved(tmp_path, b"PK\x03\x04" + bytes(100)))
    for name in ("xl/worksheets/sheet1.xml",):
        assert "no sheet" in refusal(
            saved(tmp_path, whole.replace(name.encode(), b"xl/worksheetz/sheet1.xml"))
        )


def test_a_damaged_sheet_is_refused_in_words(tmp_path: Path) -> None:
    path = saved(tmp_path, workbook("<worksheet><sheetData><row r='1'><c r='A1'><v>1</sheetData>"))
    with pytest.raises(Invalid) as refused:
        examine(path)
    assert "file" in refused.value.fields


@pytest.mark.parametrize("number", [1234567890123456.0, 1.2345678901234568e17])
def test_a_transaction_number_too_long_for_a_spreadsheet_is_not_believed(
    tmp_path: Path, number: float
) -> None:
    path = tmp_path / "charges.xlsx"
    path.write_bytes(workbook(sheet([["m-1", 4.99, 123456789012345.0], ["m-1", 4.99, number]])))
    mapping = Mapping(reference=0, amount=1, currency="EUR", transaction=2)
    short, long = (
        read_row(cells, line=line, mapping=mapping, zone=ZoneInfo("UTC"))
        for line, cells in rows_of(path, examine(path))
    )
    assert (short.transaction_id, short.problem) == ("123456789012345", "")
    assert (long.transaction_id, "shortened by a spreadsheet" in long.problem) == (None, True)
