"""Which rules for answers may be saved: each readable, and no two of which one always includes the other."""

import re
from collections.abc import Mapping

from matinee.kernel.cards import contains_card_number
from matinee.provisions.rules.pointers import is_pointer
from matinee.provisions.types import AnswerPart, AnswerRule, Comparison, Condition, Place

LONGEST_TEXT = 500
MOST_CONDITIONS = 10

CARD = "This looks like a payment card number, which must not be stored here."

_STATUS_TEXT = re.compile(r"([1-9][0-9]{2})(?: [\x20-\x7e]{0,80})?\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Fields = dict[str, str]


def check_rules(rules: Mapping[str, AnswerRule], errors: Fields) -> None:
    """Check the rules of one call, by the path of each: each readable, and told from one another."""
    readable: dict[str, AnswerRule] = {}
    for field, rule in rules.items():
        before = len(errors)
        check_rule(rule, field, errors)
        if len(errors) == before:
            for other_field, other in readable.items():
                if includes(rule, other) or includes(other, rule):
                    name = other_field.rpartition(".")[2].replace("_", "-")
                    errors[f"{field}.conditions"] = (
                        f"It cannot be told from the {name} answer; choose another status or body text."
                    )
            readable[field] = rule


def check_rule(rule: AnswerRule, field: str, errors: Fields) -> None:
    """Check one rule; errors stand at `<field>.conditions.<index>.<part>`."""
    if not 1 <= len(rule.conditions) <= MOST_CONDITIONS:
        errors[f"{field}.conditions"] = f"A rule needs 1 to {MOST_CONDITIONS} conditions."
    for index, condition in enumerate(rule.conditions):
        path = f"{field}.conditions.{index}"
        if condition.part is AnswerPart.STATUS:
            _check_status(condition, path, errors)
        else:
            _check_text(condition, path, errors)


def _check_status(condition: Condition, path: str, errors: Fields) -> None:
    found = _STATUS_TEXT.match(condition.text)
    number = int(found.group(1)) if found else 0
    if not 200 <= number < 600:
        errors[f"{path}.text"] = "Write an HTTP status, for example 200 OK."
    elif 300 <= number < 400:
        errors[f"{path}.text"] = "A redirect is never followed, so it cannot be an answer."
    elif number >= 500:
        errors[f"{path}.text"] = (
            "A server error says nothing about the charge: it may have happened. Choose a status below 500."
        )


def _check_text(condition: Condition, path: str, errors: Fields) -> None:
    text = condition.text
    if not text.strip() or len(text) > LONGEST_TEXT or _CONTROL.search(text):
        errors[f"{path}.text"] = f"Write 1 to {LONGEST_TEXT} ordinary characters, or leave it empty."
    elif contains_card_number(text):
        errors[f"{path}.text"] = CARD


def check_place(place: Place | None, field: str, errors: Fields) -> None:
    """Check where a fact is to be read; the error stands at `<field>.at`."""
    if place is not None and place.part == "json" and not is_pointer(place.at):
        errors[f"{field}.at"] = "Write a JSON pointer, for example /data/reference."


def includes(wide: AnswerRule, narrow: AnswerRule) -> bool:
    """Whether every answer that `narrow` fits is sure to fit `wide` as well."""
    return all(any(_implies(held, needed) for held in narrow.conditions) for needed in wide.conditions)


def _implies(held: Condition, needed: Condition) -> bool:
    if held.part is not needed.part or held.at != needed.at:
        return False
    if held.part is AnswerPart.STATUS:
        return held.text[:3] == needed.text[:3]
    if needed.comparison is Comparison.IS:
        return held.comparison is Comparison.IS and held.text.strip() == needed.text.strip()
    return needed.comparison is Comparison.CONTAINS and needed.text in held.text
