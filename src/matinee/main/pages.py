"""The few plain pages that belong to no face: errors, the directory of operators, "not built yet"."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_TEMPLATES = Path(__file__).resolve().parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> bytes:
    """Return a page of `main/templates` as UTF-8."""
    return _environment().get_template(template).render(**values).encode()


@cache
def stylesheet() -> bytes:
    """Return the style sheet of these pages."""
    return (_TEMPLATES / "pages.css").read_bytes()
