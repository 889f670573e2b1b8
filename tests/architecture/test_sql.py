"""Statements are put together from constants only; whatever comes from outside is a parameter ($1, $2, ...)."""

import ast
import re

from tests.architecture.source import modules

_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")
# Looked at one by one: each can only become one of a few texts of ours.
_LOOKED_AT = {
    ("src/matinee/catalog/operations/sale.py", "column"),
    ("src/matinee/publishing/queries/source.py", "_versions(section)"),
    (
        "src/matinee/purchases/queries/purchases.py",
        "', '.join(('p.' + name for name in Purchase.__struct_fields__))",
    ),
}


def _parts(text: ast.JoinedStr) -> list[str]:
    """Return the expressions within an f-string that is SQL."""
    fixed = "".join(str(part.value) for part in text.values if isinstance(part, ast.Constant))
    if not _SQL.search(fixed):
        return []
    return [ast.unparse(part.value) for part in text.values if isinstance(part, ast.FormattedValue)]


def _is_constant(expression: str) -> bool:
    return bool(_CONSTANT.fullmatch(expression.partition(".format(")[0]))


def test_statements_are_built_from_constants() -> None:
    others = {
        (module.path, part)
        for module in modules("src")
        if not module.is_below("matinee.migrations")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.JoinedStr)
        for part in _parts(node)
        if not _is_constant(part)
    }
    assert others - _LOOKED_AT == set()
