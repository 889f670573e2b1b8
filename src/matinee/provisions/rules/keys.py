"""What may be saved as a key table and as headers: names, what each carries, and that no two collide."""

import re
from urllib.parse import parse_qsl, urlsplit

from matinee.kernel.cards import NO_CARDS, contains_card_number
from matinee.provisions.rules.bodies import name_conflict
from matinee.provisions.rules.formats import check_format
from matinee.provisions.rules.headers import header_problem, is_header_text, repeated
from matinee.provisions.rules.problems import CONTROL, Fields
from matinee.provisions.rules.secret_texts import is_secret_name
from matinee.provisions.types import HeaderMapping, KeyMapping, Method, PlatformValue, ValueFormat

MOST_MAPPINGS = 40
MOST_HEADERS = 20
LONGEST_CONSTANT = 500

_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,63}\Z")


def check_keys(key_map: tuple[KeyMapping, ...], method: Method, field: str, url: str, errors: Fields) -> None:
    """Check one key table; `url` is where it goes, whose own query may already have parameters."""
    if not 1 <= len(key_map) <= MOST_MAPPINGS:
        errors[field] = f"The key table needs 1 to {MOST_MAPPINGS} rows."
    in_query = method is Method.GET and "?" in url
    taken = (
        {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)} if in_query else set()
    )
    places: dict[str, int] = {}
    for index, mapping in enumerate(key_map):
        row = f"{field}.{index}"
        problem = _parameter_problem(mapping.parameter, method, taken, places)
        if problem:
            errors[f"{row}.parameter"] = problem
        taken.add(mapping.parameter)
        places.setdefault(mapping.parameter, index)
        _check_source(mapping, row, errors)
        check_format(
            mapping.platform_value, mapping.format, method=method, path=f"{row}.format", errors=errors
        )


def check_headers(headers: tuple[HeaderMapping, ...], method: Method, field: str, errors: Fields) -> None:
    """Check the headers of one call; errors stand at `<field>.<index>.<part>`."""
    if len(headers) > MOST_HEADERS:
        errors[field] = f"A call has at most {MOST_HEADERS} headers of its own."
    for index in repeated(header.name for header in headers):
        errors[f"{field}.{index}.name"] = "This header is there already; each may appear once."
    for index, header in enumerate(headers):
        row = f"{field}.{index}"
        problem = header_problem(header.name, has_body=method is not Method.GET)
        if problem:
            errors[f"{row}.name"] = problem
        _check_source(header, row, errors)
        if header.constant is not None and not is_header_text(header.constant):
            errors.setdefault(
                f"{row}.constant", "A header has printable ASCII signs only, and no blanks at its ends."
            )
        check_format(header.platform_value, header.format, method=None, path=f"{row}.format", errors=errors)


def forbid(
    rows: tuple[KeyMapping | HeaderMapping, ...],
    forbidden: frozenset[PlatformValue],
    field: str,
    errors: Fields,
) -> None:
    """Note each row that carries a value which its call does not have."""
    for index, row in enumerate(rows):
        if row.platform_value in forbidden:
            errors.setdefault(f"{field}.{index}.platform_value", "This value exists in a refund only.")


def check_secret_name(name: str, field: str, errors: Fields) -> None:
    """Check what a secret is called."""
    if not is_secret_name(name):
        errors[field] = "Name a secret: a small letter, then at most 39 small letters, digits and _."


def _parameter_problem(name: str, method: Method, taken: set[str], places: dict[str, int]) -> str:
    if not _PARAMETER.match(name):
        return "Start with a letter or _, then at most 63 letters, digits and the signs _ . - [ ]."
    if name in taken:
        return "This parameter is there already; each may appear once."
    if method is Method.POST_JSON:
        if "" in name.split("."):
            return "In JSON a dot stands between two names, as in order.id."
        other = name_conflict(name, places)
        if other is not None:
            return f"Row {other + 1} makes one of the two names a value, so it cannot hold the other."
    return ""


def _check_source(row: KeyMapping | HeaderMapping, path: str, errors: Fields) -> None:
    """Check that a row carries exactly one thing, and that this may be stored."""
    given = [source for source in (row.platform_value, row.constant, row.secret) if source is not None]
    if len(given) != 1:
        errors[f"{path}.platform_value"] = (
            "Choose a value of ours, a constant, or a secret of the provision: one of them."
        )
    elif row.constant is not None:
        _check_constant(row.constant, f"{path}.constant", errors)
    elif row.secret is not None:
        check_secret_name(row.secret, f"{path}.secret", errors)
    if row.platform_value is None and row.format != ValueFormat():
        errors[f"{path}.format"] = "Only a value of ours has a format."


def _check_constant(constant: str, field: str, errors: Fields) -> None:
    if len(constant) > LONGEST_CONSTANT:
        errors[field] = f"A constant has at most {LONGEST_CONSTANT} characters."
    elif CONTROL.search(constant):
        errors[field] = "A constant must be one line without control characters."
    elif contains_card_number(constant):
        errors[field] = NO_CARDS
