"""XML answers: a reader that knows neither entities nor document types, and a small language of paths."""

import re
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, ParseError  # nosec B405 -- its types alone; defusedxml parses

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from matinee.provisions.rules.pointers import MISSING

LONGEST_PATH = 200

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_STEP = re.compile(rf"(?P<name>{_NAME})(?:\[(?P<number>[1-9][0-9]{{0,3}})\])?\Z")
_ATTRIBUTE = re.compile(rf"@(?P<name>{_NAME})\Z")


def is_xml_path(text: str) -> bool:
    """Whether `text` is a path from the root: `/answer/charge[2]/id`, or with an attribute last, `/answer/@id`.

    Names are compared without their namespace. `[2]` is the second element of that name.
    """
    return text.startswith("/") and len(text) > 1 and is_relative_path(text[1:], alone=False)


def is_relative_path(text: str, *, alone: bool = True) -> bool:
    """Whether `text` leads on from one element: `id`, `@id`, `detail/id`; empty is the element itself."""
    if not text:
        return alone
    *steps, last = text.split("/")
    return (
        len(text) <= LONGEST_PATH
        and all(_STEP.match(step) for step in steps)
        and (_STEP.match(last) is not None or (_ATTRIBUTE.match(last) is not None and (alone or bool(steps))))
    )


def parse_xml(body: bytes) -> Any:
    """Return the root element; MISSING when it is not XML, or has a document type or an entity of its own."""
    try:
        return fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return MISSING


def xml_text(root: Any, path: str) -> Any:
    """Return the text at `path`; MISSING when nothing stands there, or more than one element could be meant."""
    if root is MISSING:
        return MISSING
    steps = path.split("/")[1:]
    first = _STEP.match(steps[0])
    if first is None or _local(root.tag) != first["name"] or first["number"] not in (None, "1"):
        return MISSING
    return relative_text(root, "/".join(steps[1:]))


def relative_text(element: Element, path: str) -> Any:
    """Return the text that `path` leads to from `element`, as `xml_text` does."""
    *steps, last = path.split("/") if path else [""]
    attribute = _ATTRIBUTE.match(last)
    if attribute is None and last:
        steps.append(last)
    found = _walk(element, steps)
    if len(found) != 1:
        return MISSING
    if attribute is None:
        return (found[0].text or "").strip() if len(found[0]) == 0 else MISSING
    values = [text for name, text in found[0].attrib.items() if _local(name) == attribute["name"]]
    return values[0].strip() if len(values) == 1 else MISSING


def xml_exists(root: Any, path: str) -> bool:
    """Whether anything stands at `path`: an element, or several, or an attribute."""
    if root is MISSING:
        return False
    *steps, last = path.split("/")[1:]
    attribute = _ATTRIBUTE.match(last)
    steps = steps if attribute else [*steps, last]
    first = _STEP.match(steps[0])
    if first is None or _local(root.tag) != first["name"] or first["number"] not in (None, "1"):
        return False
    found = _walk(root, steps[1:])
    if attribute is None:
        return bool(found)
    return any(_local(name) == attribute["name"] for element in found for name in element.attrib)


def xml_list(root: Any, path: str) -> Any:
    """Return every element at `path`; an empty list when only its last step leads nowhere, else MISSING.

    So `<charges/>` lists no charge, while an answer without `charges` says nothing about them.
    """
    steps = path.split("/")[1:]
    first = _STEP.match(steps[0])
    if root is MISSING or first is None or _local(root.tag) != first["name"] or len(steps) < 2:
        return MISSING
    above = _walk(root, steps[1:-1])
    return _step(above[0], steps[-1]) if len(above) == 1 else MISSING


def _walk(element: Element, steps: Sequence[str]) -> list[Element]:
    found = [element]
    for step in steps:
        found = [child for parent in found for child in _step(parent, step)]
    return found


def _step(parent: Element, step: str) -> list[Element]:
    match = _STEP.match(step)
    if match is None:
        return []
    named = [child for child in parent if _local(child.tag) == match["name"]]
    if match["number"] is None:
        return named
    number = int(match["number"])
    return named[number - 1 : number]


def _local(name: object) -> str:
    """Return a name without its namespace; comments and instructions have none."""
    return name.rpartition("}")[2] if isinstance(name, str) else ""
