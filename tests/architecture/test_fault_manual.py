"""docs/faults.md and the folder of its tests name the same faults: every one of the matrix."""

import re

from tests.architecture.source import ROOT

_ROW = re.compile(r"^\| ([\d, ]+) \|", re.MULTILINE)
_MATRIX = list(range(1, 37))


def test_every_fault_has_a_line_and_a_test_of_its_number() -> None:
    rows = _ROW.findall((ROOT / "docs" / "faults.md").read_text())
    files = (ROOT / "tests" / "faults").glob("test_fault_*.py")
    tested = {int(file.name.split("_")[2]) for file in files if "def test_" in file.read_text()}
    assert sorted(int(number) for row in rows for number in row.split(",")) == _MATRIX
    assert sorted(tested) == _MATRIX
