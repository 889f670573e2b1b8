"""Conditions on every part of an answer, and parsers that an answer cannot hurt."""

from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.provisions.rules.answers import meets
from matinee.provisions.rules.pointers import MISSING
from matinee.provisions.rules.reading import BadExpression, Reading, expression, holds
from matinee.provisions.rules.xml import (
    is_relative_path,
    is_xml_path,
    parse_xml,
    relative_text,
    xml_list,
    xml_text,
)
from matinee.provisions.types import Answer, AnswerPart, AnswerRule, Comparison, Condition, Place

XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<s:answer xmlns:s="urn:shop" code="0"><s:status>charged</s:status><empty/>
  <charge s:id="tx-1"><amount> 4.99 </amount></charge>
  <charge s:id="tx-2"><amount>5.99</amount></charge>
</s:answer>"""


def reading(body: bytes = b"", status: int = 200, **headers: str) -> Reading:
    return Reading(Answer(status=status, headers=headers, body=body))


def shows(condition: Condition, answer: Reading) -> bool:
    return holds(AnswerRule(conditions=(condition,)), answer)


def on(part: str, comparison: str, text: str = "", at: str = "") -> Condition:
    return Condition(part=AnswerPart(part), comparison=Comparison(comparison), at=at, text=text)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (on("status", "is", "200 Fine"), True),
        (on("status", "is", "201"), False),
        (on("status", "is", "OK"), False),
        (on("header", "is", "charged", "X-State"), True),
        (on("header", "is", "Charged", "x-state"), False),
        (on("header", "exists", at="X-STATE"), True),
        (on("header", "exists", at="x-other"), False),
        (on("header", "contains", "arge", "x-state"), True),
        (on("body", "is", '{"state": "paid", "n": 4.990, "ok": true, "no": null, "list": [1]}\n'), True),
        (on("body", "contains", "paid"), True),
        (on("body", "matches", r'"state":\s*"(paid|charged)"'), True),
        (on("body", "matches", r"^paid"), False),
        (on("json", "is", "paid", "/state"), True),
        (on("json", "is", "4.990", "/n"), True),
        (on("json", "is", "true", "/ok"), True),
        (on("json", "is", "True", "/ok"), False),
        (on("json", "is", "null", "/no"), True),
        (on("json", "exists", at="/no"), True),
        (on("json", "exists", at="/nothing"), False),
        (on("json", "exists", at="/list"), True),
        (on("json", "is", "[1]", "/list"), False),
        (on("json", "is", "1", "/list/0"), True),
        (on("json", "matches", "^pa.d$", "/state"), True),
        (on("xml", "exists", at="/state"), False),
    ],
)
def test_a_condition(condition: Condition, expected: bool) -> None:
    body = b'\xef\xbb\xbf{"state": "paid", "n": 4.990, "ok": true, "no": null, "list": [1]}'
    assert (
        shows(condition, Reading(Answer(status=200, headers={"x-state": "charged"}, body=body))) is expected
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/answer/status", "charged"),
        ("/answer/@code", "0"),
        ("/answer/charge[2]/amount", "5.99"),
        ("/answer/charge[1]/@id", "tx-1"),
        ("/answer/empty", ""),
        ("/answer/charge/amount", MISSING),  # two could be meant
        ("/answer/charge[3]/amount", MISSING),
        ("/answer", MISSING),  # it has elements, no text of its own
        ("/other/status", MISSING),
        ("/answer[2]/status", MISSING),
    ],
)
def test_a_path_leads_to_one_text_or_nowhere(path: str, expected: Any) -> None:
    assert xml_text(parse_xml(XML), path) == expected


def test_what_exists_in_xml() -> None:
    for path in ("/answer/charge", "/answer", "/answer/charge/@id", "/answer/charge[2]", "/answer/empty"):
        assert shows(on("xml", "exists", at=path), reading(XML))
    for path in ("/answer/refund", "/answer/@id", "/answer/charge[3]", "/charge"):
        assert not shows(on("xml", "exists", at=path), reading(XML))


def test_a_list_in_xml_is_empty_only_where_something_says_so() -> None:
    charges = xml_list(parse_xml(XML), "/answer/charge")
    assert [relative_text(charge, "@id") for charge in charges] == ["tx-1", "tx-2"]
    assert [relative_text(charge, "amount") for charge in charges] == ["4.99", "5.99"]
    assert xml_list(parse_xml(b"<a><charges/></a>"), "/a/charges/charge") == []
    assert xml_list(parse_xml(b"<a/>"), "/a/charges/charge") is MISSING
    assert xml_list(parse_xml(b"{}"), "/a/charges/charge") is MISSING
    place = Place(part="xml", at="/a/charges/charge")
    assert reading(b"<a><charges><charge>t</charge></charges></a>").texts_of(place, "") == ["t"]
    assert reading(b"<a/>").texts_of(place, "") is None


_BOMB = b'<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    "body",
    [
        b"", b"plain", b"{}", b"<a>", b"<a></b>", b"<a>&unknown;</a>", b"\xff\xfe", b"\x00", _BOMB,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
    ],
)  # fmt: skip
def test_what_is_no_plain_xml_is_nothing(body: bytes) -> None:
    assert parse_xml(body) is MISSING


def test_xml_of_any_depth_is_read_and_let_go() -> None:
    depth = 9_000
    root = parse_xml(b"<a>" * depth + b"x" + b"</a>" * depth)
    assert xml_text(root, "/a/a") is MISSING


@given(st.binary(max_size=300))
def test_no_body_upsets_a_condition(body: bytes) -> None:
    answer = reading(body)
    for part, at in (
        ("body", ""),
        ("json", "/a/0"),
        ("json", ""),
        ("xml", "/a/@b"),
        ("xml", "/a"),
        ("header", "x"),
    ):
        for comparison in Comparison:
            shows(Condition(part=AnswerPart(part), comparison=comparison, at=at, text="a"), answer)


@pytest.mark.parametrize("path", ["/a", "/a/b", "/a[2]/b-c.d_e", "/a/@b", "/" + "a" * 150])
def test_paths(path: str) -> None:
    assert is_xml_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "a", "//a", "/a//b", "/a/", "/a[0]", "/a[-1]", "/a[x]", "/@a", "/a/@b/c", "/a/*", "/a b",
        "/a/..", "/a|/b", "/a[1]/@b[1]", "/s:a", "/a\n", "/" + "a" * 201,
    ],
)  # fmt: skip
def test_what_is_no_path(path: str) -> None:
    assert not is_xml_path(path)


def test_paths_from_one_element() -> None:
    assert all(is_relative_path(path) for path in ("", "id", "@id", "detail/id", "detail[2]/@id"))
    assert not any(is_relative_path(path) for path in ("/id", "@id/x", "id/", "../id"))


@pytest.mark.parametrize(
    "pattern", ["(", "a{1001}", r"(?=a)", r"(a)\1", "(a?){900}", "(((a{100}){100}){100})"]
)
def test_what_is_no_expression_or_too_large(pattern: str) -> None:
    with pytest.raises(BadExpression):
        expression(pattern)
    assert not shows(on("body", "matches", pattern), reading(b"aaa"))


@pytest.mark.parametrize("pattern", ["(a+)+c", "(a|a)*b", "(.*)*x", r"\p{L}+x", "(a?){150}b"])
def test_no_expression_takes_until_the_end_of_days(pattern: str) -> None:
    assert not shows(on("body", "matches", pattern), reading(b"a" * 65_536))


def test_an_expression_searches_the_beginning_of_a_body() -> None:
    assert shows(on("body", "matches", "z"), reading(b"a" * 16_000 + b"z"))
    assert not shows(on("body", "matches", "z"), reading(b"a" * 17_000 + b"z"))


def test_all_and_any() -> None:
    conditions = (on("status", "is", "200"), on("body", "contains", "yes"))
    every, some = AnswerRule(conditions=conditions), AnswerRule(conditions=conditions, combine="any")
    found = [
        (holds(every, one), holds(some, one))
        for one in (reading(b"yes"), reading(b"no"), reading(b"no", 404))
    ]
    assert found == [(True, True), (False, True), (False, False)]
    for combine in ("all", "any"):
        assert not holds(AnswerRule(conditions=(), combine=combine), reading(b"yes"))


_TEXTS = st.sampled_from(["a", "b", "ab", "ba", " a"])
_CONDITIONS = st.one_of(
    st.builds(Condition, part=st.just(AnswerPart.STATUS), text=st.sampled_from(["200", "201 Created"])),
    st.builds(
        Condition,
        part=st.just(AnswerPart.BODY),
        comparison=st.sampled_from([Comparison.IS, Comparison.CONTAINS, Comparison.MATCHES]),
        text=_TEXTS,
    ),
    st.builds(
        Condition,
        part=st.just(AnswerPart.HEADER),
        comparison=st.sampled_from(list(Comparison)),
        at=st.sampled_from(["x", "X", "y"]),
        text=_TEXTS,
    ),
)
_CONDITION_LISTS = st.lists(_CONDITIONS, min_size=1, max_size=3).map(tuple)
_ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([200, 201]),
    headers=st.dictionaries(st.sampled_from(["x", "y"]), _TEXTS),
    body=_TEXTS.map(str.encode),
)


@given(_CONDITION_LISTS, st.sampled_from(["all", "any"]), _CONDITION_LISTS, st.lists(_ANSWERS, max_size=20))
def test_a_rule_is_only_said_to_include_another_when_it_does(
    wide: tuple[Condition, ...],
    combine: Literal["all", "any"],
    narrow: tuple[Condition, ...],
    answers: list[Answer],
) -> None:
    one, other = AnswerRule(conditions=wide, combine=combine), AnswerRule(conditions=narrow)
    for answer in answers:
        if meets(one, other) and holds(other, Reading(answer)):
            assert holds(one, Reading(answer))


def test_every_rule_includes_itself() -> None:
    for combine in ("all", "any"):
        rule = AnswerRule(
            conditions=(on("status", "is", "200"), on("json", "exists", at="/a")), combine=combine
        )
        assert meets(rule, msgspec.structs.replace(rule))
