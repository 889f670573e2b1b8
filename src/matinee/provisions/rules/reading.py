"""One answer, read once: what stands at a place of it, and whether a rule of it holds."""

import re
from functools import cached_property, lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from matinee.provisions.rules.pointers import MISSING, parse_json, resolve
from matinee.provisions.rules.xml import parse_xml, relative_text, xml_exists, xml_list, xml_text
from matinee.provisions.types import (
    Answer,
    AnswerPart,
    AnswerRule,
    Comparison,
    Condition,
    Place,
)

LONGEST_SEARCHED = 16 * 1024
"""An expression searches this many characters: its time grows with them, and calls share one event loop."""

LARGEST_PROGRAM = 1300
"""Instructions of a compiled expression; one class such as `\\p{L}` has 1200."""

_STATUS = re.compile(r"[1-5][0-9]{2}")


class BadExpression(ValueError):
    """The text is no RE2 expression, or one too large to be searched for at every call."""


class Reading:
    """An answer with what was parsed of it, so that ten conditions parse it once."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    @cached_property
    def text(self) -> str:
        """The body as text; a byte order mark in front is dropped, and what is not UTF-8 replaced."""
        return self.answer.body.decode("utf-8-sig", "replace")

    @cached_property
    def document(self) -> Any:
        """The body as JSON, or MISSING."""
        return parse_json(self.answer.body)

    @cached_property
    def root(self) -> Any:
        """The root element of the body as XML, or MISSING."""
        return parse_xml(self.answer.body)

    def at(self, part: str, at: str) -> Any:
        """Return what stands there: a text, or any JSON value; MISSING when nothing does."""
        if part == AnswerPart.HEADER:
            return self.answer.headers.get(at.lower(), MISSING)
        if part == AnswerPart.JSON:
            return resolve(self.document, at)
        return xml_text(self.root, at)

    def found(self, place: Place | None) -> Any:
        """Return what stands at a place; MISSING for no place at all."""
        return MISSING if place is None else self.at(place.part, place.at)

    def texts_of(self, place: Place, below: str) -> list[Any] | None:
        """Return what stands at `below` in each element of the list at `place`; None when there is no list."""
        if place.part == "xml":
            elements = xml_list(self.root, place.at)
            return None if elements is MISSING else [relative_text(element, below) for element in elements]
        listed = resolve(self.document, place.at) if place.part == "json" else MISSING
        return [resolve(element, below) for element in listed] if isinstance(listed, list) else None


def holds(rule: AnswerRule, reading: Reading) -> bool:
    """Whether the rule's conditions hold. A rule without any never does."""
    if not rule.conditions:
        return False
    results = (_shows(condition, reading) for condition in rule.conditions)
    return all(results) if rule.combine == "all" else any(results)


def never_certain(answer: Answer) -> str:
    """Return why no rule may judge this status: redirects are not followed, server errors say nothing."""
    if 300 <= answer.status < 400:
        return "redirect"
    return "server_error" if answer.status >= 500 else ""


def as_text(found: Any) -> str | None:
    """Return a found value as a rule compares it: `true`, `null`, `4.99`; None for a list or an object."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if found is None:
        return "null"
    return None if isinstance(found, dict | list) else str(found)


@lru_cache(maxsize=1024)
def expression(pattern: str) -> Any:
    """Return the compiled RE2 expression. Raises BadExpression."""
    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0] if error.args else ""
        raise BadExpression(why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)) from error
    if compiled.programsize > LARGEST_PROGRAM:
        raise BadExpression("it is too large")
    return compiled


def _shows(condition: Condition, reading: Reading) -> bool:
    if condition.part is AnswerPart.STATUS:
        number = _STATUS.match(condition.text)
        return number is not None and reading.answer.status == int(number[0])
    if condition.part is AnswerPart.XML and condition.comparison is Comparison.EXISTS:
        return xml_exists(reading.root, condition.at)
    found = reading.text if condition.part is AnswerPart.BODY else reading.at(condition.part, condition.at)
    if found is MISSING:
        return False
    return condition.comparison is Comparison.EXISTS or _compares(condition, as_text(found))


def _compares(condition: Condition, text: str | None) -> bool:
    if text is None:
        return False
    match condition.comparison:
        case Comparison.IS:
            return text.strip() == condition.text.strip()
        case Comparison.CONTAINS:
            return condition.text in text
        case _:
            return _found(condition.text, text)


def _found(pattern: str, text: str) -> bool:
    """Whether the expression is found. One that cannot be compiled is not: an answer must still be judged."""
    try:
        return expression(pattern).search(text[:LONGEST_SEARCHED]) is not None
    except (BadExpression, ValueError):
        return False
