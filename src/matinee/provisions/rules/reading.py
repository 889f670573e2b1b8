"""One answer, read once: what stands at a place of it, and whether a rule of it holds."""

import re
from functools import cached_property, lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from matinee.provisions.rules.pointers import MISSING, parse_json, resolve
from matinee.provisions.types import Answer, AnswerPart, AnswerRule, Comparison, Condition, PlacePart

_STATUS = re.compile(r"[1-5][0-9]{2}")


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

    def at(self, part: PlacePart | AnswerPart, at: str) -> Any:
        """Return what stands there: a text, or any JSON value; MISSING when nothing does."""
        if part == AnswerPart.HEADER:
            return self.answer.headers.get(at.lower(), MISSING)
        if part == AnswerPart.JSON:
            return resolve(self.document, at)
        return MISSING


def holds(rule: AnswerRule, reading: Reading) -> bool:
    """Whether the rule's conditions hold. A rule without any never does."""
    results = (_shows(condition, reading) for condition in rule.conditions)
    if not rule.conditions:
        return False
    return all(results) if rule.combine == "all" else any(results)


def never_certain(answer: Answer) -> str:
    """Return why no rule may judge this status: redirects are not followed, server errors say nothing."""
    if 300 <= answer.status < 400:
        return "redirect"
    return "server_error" if answer.status >= 500 else ""


def _shows(condition: Condition, reading: Reading) -> bool:
    if condition.part is AnswerPart.STATUS:
        number = _STATUS.match(condition.text)
        return number is not None and reading.answer.status == int(number[0])
    if condition.part is AnswerPart.BODY:
        found: Any = reading.text
    else:
        found = reading.at(condition.part, condition.at)
    if found is MISSING:
        return False
    return condition.comparison is Comparison.EXISTS or _compares(condition, as_text(found))


def as_text(found: Any) -> str | None:
    """Return a found value as a rule compares it: `true`, `null`, `4.99`; None for a list or an object."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if found is None:
        return "null"
    return None if isinstance(found, dict | list) else str(found)


def _compares(condition: Condition, text: str | None) -> bool:
    if text is None:
        return False
    match condition.comparison:
        case Comparison.IS:
            return text.strip() == condition.text.strip()
        case Comparison.CONTAINS:
            return condition.text in text
        case _:
            return compiled(condition.text).search(text) is not None


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """Return the RE2 expression. Raises re2.error when it is none, or would grow too large."""
    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    return re2.compile(pattern, options)
