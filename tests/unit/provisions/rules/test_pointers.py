"""JSON pointers, with the examples of RFC 6901 itself."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.provisions.rules import MISSING, is_pointer, parse_json, resolve

DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("/foo/2", MISSING),
        ("/foo/-", MISSING),
        ("/foo/01", MISSING),
        ("/foo/-1", MISSING),
        ("/foo/٠", MISSING),
        ("/nope", MISSING),
        ("/foo/0/x", MISSING),
    ],
)
def test_resolve(pointer: str, found: Any) -> None:
    assert is_pointer(pointer)
    assert resolve(DOCUMENT, pointer) == found


@pytest.mark.parametrize("text", ["foo", "/~", "/~2", "/a\n", "#/foo", "/" + "x" * 200])
def test_not_pointers(text: str) -> None:
    assert not is_pointer(text)


def test_numbers_stay_exact() -> None:
    assert parse_json(b'{"a": 4.99, "b": 12345678901234567890}') == {
        "a": Decimal("4.99"),
        "b": 12345678901234567890,
    }


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nope", b"[" * 100_000, b"\xff", b'{"a": NaN}', b'"\xed\xa0\x80"']
)
def test_what_is_not_json_is_missing(body: bytes) -> None:
    assert parse_json(body) is MISSING


@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_surprise(body: bytes) -> None:
    parse_json(body)
