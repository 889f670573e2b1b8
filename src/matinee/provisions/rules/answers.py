"""Which rules for answers may be saved: each readable, and no two of which one always includes the other.

What can be decided from the settings alone is refused here: a rule that cannot be told from its opposite. Whether
two conditions about different parts of an answer meet in one answer only shows when it comes; if they do, the
outcome is a review, never a guess.
"""

import re
from collections.abc import Mapping

from matinee.kernel.cards import NO_CARDS, contains_card_number
from matinee.provisions.rules.headers import header_problem
from matinee.provisions.rules.pointers import is_pointer
from matinee.provisions.rules.problems import CONTROL, Fields
from matinee.provisions.rules.reading import BadExpression, expression
from matinee.provisions.rules.xml import is_relative_path, is_xml_path
from matinee.provisions.types import (
    AnswerFields,
    AnswerPart,
    AnswerRule,
    Comparison,
    Condition,
    DeclineText,
    Place,
)

LONGEST_TEXT = 500
MOST_CONDITIONS = 10
MOST_DECLINE_TEXTS = 100
LONGEST_CODE, LONGEST_DECLINE_TEXT = 200, 200

_STATUS_TEXT = re.compile(r"([1-9][0-9]{2})(?: [\x20-\x7e]{0,80})?\Z")
_BODY_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

FIELD_NAMES = ("reference", "amount", "currency", "transaction_id", "decline_reason")


def check_rules(rules: Mapping[str, AnswerRule], errors: Fields) -> None:
    """Check the rules of one call, by the path of each: each readable, and told from one another."""
    readable: dict[str, AnswerRule] = {}
    for field, rule in rules.items():
        before = len(errors)
        check_rule(rule, field, errors)
        if len(errors) > before:
            continue
        for other_field, other in readable.items():
            if meets(rule, other) or meets(other, rule):
                name = other_field.rpartition(".")[2].replace("_", "-")
                errors[f"{field}.conditions"] = (
                    f"It cannot be told from the {name} answer; choose another status or another condition."
                )
        readable[field] = rule


def check_rule(rule: AnswerRule, field: str, errors: Fields) -> None:
    """Check one rule; errors stand at `<field>.conditions.<index>.<part>`."""
    if not 1 <= len(rule.conditions) <= MOST_CONDITIONS:
        errors[f"{field}.conditions"] = f"A rule needs 1 to {MOST_CONDITIONS} conditions."
    before = len(errors)
    for index, condition in enumerate(rule.conditions):
        _check_condition(condition, f"{field}.conditions.{index}", errors)
    if len(errors) > before or rule.combine == "any":
        return
    statuses = {part.text[:3] for part in rule.conditions if part.part is AnswerPart.STATUS}
    if len(statuses) > 1:
        errors[f"{field}.conditions"] = "An answer has one status only: choose one, or let any condition do."


def check_place(place: Place | None, field: str, errors: Fields) -> None:
    """Check where a fact is to be read; the error stands at `<field>.at`."""
    if place is not None:
        _check_at(AnswerPart(place.part), place.at, f"{field}.at", errors)


def check_list(charges: Place, charge_id: str, field: str, errors: Fields) -> None:
    """Check where a status answer lists charges, and the way from one of them to its id."""
    if charges.part == "header":
        errors[f"{field}.charges.part"] = "A header cannot hold a list of charges."
        return
    check_place(charges, f"{field}.charges", errors)
    if charges.part == "json":
        if not is_pointer(charge_id):
            errors[f"{field}.charge_id"] = "Write a JSON pointer, for example /id."
        return
    if f"{field}.charges.at" not in errors and (charges.at.count("/") < 2 or "@" in charges.at):
        errors[f"{field}.charges.at"] = "Name the element of one charge, for example /answer/charges/charge."
    if not is_relative_path(charge_id):
        errors[f"{field}.charge_id"] = "Write the way from a charge to its id, for example id or @id."


def check_fields(fields: AnswerFields, errors: Fields) -> None:
    """Check what is read from the answer to a charge."""
    for name in FIELD_NAMES:
        check_place(getattr(fields, name), f"answer.{name}", errors)


def check_decline_texts(texts: tuple[DeclineText, ...], has_reason: bool, errors: Fields) -> None:
    """Check the table of refusals; it needs a place where the reason is read."""
    if len(texts) > MOST_DECLINE_TEXTS:
        errors["decline_texts"] = f"There may be at most {MOST_DECLINE_TEXTS} texts."
    elif texts and not has_reason:
        errors["decline_texts"] = "Say first where the answer has the reason of a refusal."
    seen: set[str] = set()
    for index, known in enumerate(texts):
        code, path = known.code.strip().casefold(), f"decline_texts.{index}"
        if not 1 <= len(code) <= LONGEST_CODE or CONTROL.search(known.code):
            errors[f"{path}.code"] = f"Write billing's code, one line of 1 to {LONGEST_CODE} characters."
        elif code in seen:
            errors[f"{path}.code"] = "This code is there already; letter case does not matter."
        elif contains_card_number(known.code):
            errors[f"{path}.code"] = NO_CARDS
        seen.add(code)
        if not 1 <= len(known.text.strip()) <= LONGEST_DECLINE_TEXT or CONTROL.search(known.text):
            errors[f"{path}.text"] = (
                f"Write what the subscriber reads, one line of 1 to {LONGEST_DECLINE_TEXT} characters."
            )
        elif contains_card_number(known.text):
            errors[f"{path}.text"] = NO_CARDS


def meets(wide: AnswerRule, narrow: AnswerRule) -> bool:
    """Whether some way to fit `narrow` is sure to fit `wide` as well, so that it could never be told from it."""
    ways = [narrow.conditions] if narrow.combine == "all" else [(one,) for one in narrow.conditions]
    return any(_surely(way, wide) for way in ways)


def _surely(held: tuple[Condition, ...], rule: AnswerRule) -> bool:
    needed = (any(_implies(one, condition) for one in held) for condition in rule.conditions)
    return all(needed) if rule.combine == "all" else any(needed)


def _implies(held: Condition, needed: Condition) -> bool:
    """Whether every answer that shows `held` shows `needed`. False also where that cannot be decided."""
    if held.part is not needed.part or _place(held) != _place(needed):
        return False
    if held.part is AnswerPart.STATUS:
        return held.text[:3] == needed.text[:3]
    match needed.comparison:
        case Comparison.EXISTS:
            return True
        case Comparison.IS:
            return held.comparison is Comparison.IS and held.text.strip() == needed.text.strip()
        case Comparison.CONTAINS:
            text = held.text.strip() if held.comparison is Comparison.IS else held.text
            return held.comparison in (Comparison.IS, Comparison.CONTAINS) and needed.text in text
        case Comparison.MATCHES:
            if held.comparison is Comparison.IS:
                return expression(needed.text).search(held.text.strip()) is not None
            return held.comparison is Comparison.MATCHES and held.text == needed.text


def _place(condition: Condition) -> str:
    return condition.at.lower() if condition.part is AnswerPart.HEADER else condition.at


def _check_condition(condition: Condition, path: str, errors: Fields) -> None:
    if condition.part in (AnswerPart.STATUS, AnswerPart.BODY):
        if condition.at:
            errors[f"{path}.at"] = "Only a header, JSON or XML has a place; leave it empty."
    else:
        _check_at(condition.part, condition.at, f"{path}.at", errors)
    if condition.part is AnswerPart.STATUS:
        if condition.comparison is not Comparison.IS:
            errors[f"{path}.comparison"] = "A status is compared by its number."
        else:
            _check_status(condition.text, f"{path}.text", errors)
    elif condition.comparison is Comparison.EXISTS:
        if condition.part is AnswerPart.BODY:
            errors[f"{path}.comparison"] = "Every answer has a body, so this tells nothing."
        elif condition.text:
            errors[f"{path}.text"] = "What only has to be there is compared with no text; leave it empty."
    else:
        _check_text(condition, f"{path}.text", errors)


def _check_at(part: AnswerPart, at: str, field: str, errors: Fields) -> None:
    if part is AnswerPart.JSON and not is_pointer(at):
        errors[field] = "Write a JSON pointer, for example /data/reference."
    elif part is AnswerPart.XML and not is_xml_path(at):
        errors[field] = "Write the way from the root, for example /answer/charge[1]/id or /answer/@status."
    elif part is AnswerPart.HEADER and header_problem(at, has_body=True).startswith("A header's name"):
        errors[field] = "Write a header's name, for example X-Transaction."


def _check_status(text: str, field: str, errors: Fields) -> None:
    found = _STATUS_TEXT.match(text)
    number = int(found.group(1)) if found else 0
    if not 200 <= number < 600:
        errors[field] = "Write an HTTP status, for example 200 OK."
    elif 300 <= number < 400:
        errors[field] = "A redirect is never followed, so it cannot be an answer."
    elif number >= 500:
        errors[field] = (
            "A server error says nothing about the charge: it may have happened. Choose a status below 500."
        )


def _check_text(condition: Condition, field: str, errors: Fields) -> None:
    text = condition.text
    if not text.strip() or len(text) > LONGEST_TEXT or _BODY_CONTROL.search(text):
        errors[field] = f"Write 1 to {LONGEST_TEXT} ordinary characters."
    elif contains_card_number(text):
        errors[field] = NO_CARDS
    elif condition.comparison is Comparison.MATCHES:
        _check_expression(text, field, errors)


def _check_expression(text: str, field: str, errors: Fields) -> None:
    try:
        if expression(text).search("") is not None:
            errors[field] = "This expression is found in every text, even in an empty one."
    except BadExpression as problem:
        errors[field] = f"This is no RE2 expression that can be used: {problem}."
    except ValueError:
        errors[field] = "This is no RE2 expression that can be used."
