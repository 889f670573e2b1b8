"""CSV as billing systems write it."""

from pathlib import Path

import pytest
from tests.unit.reconciliation.workbook import saved

from matinee.kernel.errors import Invalid
from matinee.reconciliation import reading
from matinee.reconciliation.reading import examine, rows_of

CARD = "4111 1111 1111 1111"
PLAIN_CARD = "4111111111111111"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_delimiter_and_encoding_are_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [["Référence", "Betrag"], ["m-1", "4.99"], ["m-2", "5.00"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    path = saved(tmp_path, text.encode(encoding), "file.csv")
    layout = examine(path)
    assert layout.delimiter == delimiter
    assert [list(row) for _, row in rows_of(path, layout)] == rows


def test_a_decimal_comma_is_no_delimiter_where_semicolons_are(tmp_path: Path) -> None:
    path = saved(tmp_path, b"ref;amount\nm-1;4,99\nm-2;5,00\nm-3;1,00\n", "file.csv")
    assert examine(path).delimiter == ";"


def test_empty_rows_are_left_out_and_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    path = saved(tmp_path, b"a,b\n\n,\nc,d\n", "file.csv")
    layout = examine(path)
    assert layout.row_count == 2
    assert [line for line, _ in rows_of(path, layout)] == [1, 4]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no rows"),
        (b"\n\n", "no rows"),
        (b"only\none\n", "one column"),
        (b"a,b\0c", "neither a CSV"),
        ("a,b\n".encode("utf-16"), "neither a CSV"),
        (b"a,\x81\n", "neither UTF-8 nor"),
        (b"\xd0\xcf\x11\xe0old", "old or encrypted"),
        (b'a,b\n"' + b"x" * 200_000, "quotation mark"),
        (b"a," + b"x" * 3000, "more than 2,000 signs"),
        (b"," .join([b"x"] * 61), "more than 60 columns"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        examine(saved(tmp_path, content, "file.csv"))
    assert said in refused.value.fields["file"]


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 10)
    with pytest.raises(Invalid) as refused:
        examine(saved(tmp_path, b"a,b\n" * 11, "file.csv"))
    assert "more than 10 rows" in refused.value.fields["file"]


@pytest.mark.parametrize(
    "cells",
    [
        (PLAIN_CARD, "5500000000000004"),
        ("none", f"paid {CARD}"),
        ("none", "5500-0000-0000-0004"),
        ("none", "3782 822463 10005"),
    ],
)
def test_a_column_with_card_numbers_is_refused_and_named(tmp_path: Path, cells: tuple[str, str]) -> None:
    content = f"ref,amount,note\nm-1,4.99,{cells[0]}\nm-2,4.99,{cells[1]}\n"
    with pytest.raises(Invalid) as refused:
        examine(saved(tmp_path, content.encode(), "file.csv"))
    assert "Column 3 holds payment card numbers" in refused.value.fields["file"]


def test_an_account_number_in_groups_is_no_card(tmp_path: Path) -> None:
    # Its middle groups alone would pass as a card.
    content = "ref,account\nm-1,DE89 4111 1111 1111 1111 00\n"
    assert examine(saved(tmp_path, content.encode(), "file.csv")).row_count == 2


def test_long_transaction_numbers_of_which_few_pass_as_cards_are_taken(tmp_path: Path) -> None:
    rows = "".join(f"m-{number},4.99,{4_000_000_000_000_000 + number}\n" for number in range(300))
    assert examine(saved(tmp_path, rows.encode(), "file.csv")).row_count == 300


def test_what_is_shown_of_a_file_has_its_card_numbers_masked(tmp_path: Path) -> None:
    layout = examine(saved(tmp_path, f"ref,note\nm-1,{PLAIN_CARD}\nm-2,none\n".encode(), "file.csv"))
    assert layout.sample == (("ref", "note"), ("m-1", "****"), ("m-2", "none"))
