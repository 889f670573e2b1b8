"""The manual's list of threats names tests that are there."""

import re

from tests.architecture.source import ROOT

_ROWS = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
_FILES = re.compile(r"`((?:\w+/)+test_\w+\.py)`")
_MANUAL = (ROOT / "docs" / "security.md").read_text()


def test_every_threat_has_a_test_or_says_that_it_has_none() -> None:
    rows = {int(number): text for number, text in _ROWS.findall(_MANUAL)}
    assert list(rows) == list(range(1, 33))
    assert [
        number for number, text in rows.items() if not _FILES.search(text) and "not yet" not in text.lower()
    ] == []


def test_every_test_that_is_named_is_there() -> None:
    named = set(_FILES.findall(_MANUAL))
    assert len(named) > 30
    assert sorted(name for name in named if not (ROOT / "tests" / name).is_file()) == []
