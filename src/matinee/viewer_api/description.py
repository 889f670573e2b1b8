"""What holds for every operation of the API, and which the framework's description leaves out."""

from collections.abc import Iterator
from typing import Any, Final

from matinee.viewer_api.problems import MEDIA_TYPE, title_of

_ALWAYS: Final = (400, 404, 503)
"""An address that cannot be read, a host that is nobody's, a database that is away."""

_CHANGES: Final = (403, 413, 415)
"""Another site's page, too much of a body, a body of another kind (`session_auth.check_origin`)."""

_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})
_SCHEMAS: Final = "#/components/schemas/"


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document with those problems everywhere, input closed, and empty answers empty."""
    schemas = document["components"]["schemas"]
    for method, operation in _operations(document):
        taken = operation.get("requestBody")
        statuses = _ALWAYS + (() if method == "get" else _CHANGES) + ((422,) if taken else ())
        for status in statuses:
            known = operation["responses"].get(str(status), {})
            if MEDIA_TYPE not in known.get("content", {}):
                operation["responses"][str(status)] = _problem(status)
        operation["responses"].get("204", {}).pop("content", None)
        if taken:
            for name in _named_in(taken, schemas):
                if schemas[name].get("type") == "object":
                    schemas[name]["additionalProperties"] = False
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in _METHODS:
                yield method, operation


def _problem(status: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    return {"description": title_of(status), "content": content}


def _named_in(part: object, schemas: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that `part` refers to, and of those that they refer to."""
    found: set[str] = set()
    waiting: list[object] = [part]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, dict):
            name = str(one.get("$ref", "")).removeprefix(_SCHEMAS)
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting.extend(one.values())
    return found
