"""The few plain pages that belong to no face: errors, the directory of operators, "not built yet"."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_ASSETS = {"pages.css": b"text/css; charset=utf-8", "pages.svg": b"image/svg+xml"}
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
def asset(name: str) -> tuple[bytes, bytes] | None:
    """Return content and media type of what these pages load; None for anything else."""
    media_type = _ASSETS.get(name)
    return None if media_type is None else ((_TEMPLATES / name).read_bytes(), media_type)
