"""Statements are put together from constants only; whatever comes from outside is a parameter ($1, $2, ...)."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from tests.architecture.source import Module, modules

_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
_PIECE = re.compile(r"^\s*(AND|OR|WHERE|ORDER BY|LIMIT|OFFSET|SET|VALUES|JOIN|LEFT JOIN|FROM)\b")
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")
# Looked at one by one: each can only become one of a few texts of ours.
_LOOKED_AT = {
    ("src/matinee/catalog/operations/sale.py", "column"),
    ("src/matinee/platform/db/clock.py", "locking"),  # a whole statement, which is looked at where it is made
    ("src/matinee/platform/embedded_postgres/server.py", "cluster.passwords[APP_ROLE]"),  # random, by us
    ("src/matinee/platform/embedded_postgres/server.py", "cluster.passwords[OWNER_ROLE]"),
    ("src/matinee/publishing/queries/source.py", "_versions(section)"),
    ("src/matinee/purchases/queries/attempt_log.py", "name"),
    ("src/matinee/purchases/queries/attempt_log.py", "narrowed"),
    ("src/matinee/purchases/queries/attempt_log.py", "text"),
}


def _text(node: ast.expr) -> str:
    """Return what is fixed in an expression that makes a text."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
        case ast.BinOp(left=left, right=right):
            return _text(left) + _text(right)
        case ast.Call(func=ast.Attribute(value=value, attr="format" | "join")):
            return _text(value)
        case ast.Name(id=name) if _CONSTANT.fullmatch(name):
            return _named().get(name, "")
    return ""


@cache
def _named() -> dict[str, str]:
    """Return the fixed text of every constant of a module, names that several modules have all together."""
    found: dict[str, str] = {}
    for module in modules("src"):
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                value = node.value
                fixed = "".join(
                    part.value for part in ast.walk(value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )  # fmt: skip
                found[node.targets[0].id] = found.get(node.targets[0].id, "") + fixed
    return found


def _is_sql(node: ast.expr) -> bool:
    text = _text(node)
    return bool(_SQL.search(text) or _PIECE.search(text))


def _put_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield every expression that is put into SQL: by an f-string, `+`, `%`, `.format` or `.join`."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=parts) if _is_sql(node):
                yield from (part.value for part in parts if isinstance(part, ast.FormattedValue))
            case ast.BinOp(op=ast.Add() | ast.Mod(), left=left, right=right) if _is_sql(node):
                for side in (left, right):
                    parts = side.values if isinstance(side, ast.JoinedStr) else [side]
                    yield from (
                        part.value if isinstance(part, ast.FormattedValue) else part for part in parts
                    )
            case ast.AugAssign(op=ast.Add(), value=value) if _is_sql(value):
                yield value
            case ast.Call(func=ast.Attribute(value=value, attr="format"), args=args, keywords=named):
                if _is_sql(value):
                    yield from [*args, *(keyword.value for keyword in named)]
            case ast.Call(func=ast.Attribute(value=value, attr="join"), args=[given]):
                if _is_sql(value):
                    yield given


def _is_ours(node: ast.expr) -> bool:
    """Say whether an expression is a constant, or something that is looked at by itself."""
    match node:
        case ast.Constant() | ast.JoinedStr():
            return True
        case ast.Name(id=name):
            return bool(_CONSTANT.fullmatch(name))
        case ast.Attribute(attr=name):
            return bool(_CONSTANT.fullmatch(name))
        case ast.Call(func=ast.Name(id="len")):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="format"), args=args, keywords=named):
            given = [*args, *(keyword.value for keyword in named)]
            return _is_sql(node) or (bool(_CONSTANT.fullmatch(name)) and all(map(_is_ours, given)))
        case ast.BinOp():
            return _is_sql(node)
    return False


def _strange(module: Module) -> set[str]:
    return {ast.unparse(part) for part in _put_in(module.tree) if not _is_ours(part)}


def test_statements_are_built_from_constants() -> None:
    others = {
        (module.path, part)
        for module in modules("src")
        if not module.is_below("matinee.migrations")
        for part in _strange(module)
    }
    assert others == _LOOKED_AT


@pytest.mark.parametrize(
    "line",
    [
        'f"SELECT 1 FROM {name}"', '"SELECT 1 FROM " + name', '"SELECT 1 FROM %s" % name',
        '"SELECT 1 FROM {}".format(name)', '"SELECT 1 FROM {x}".format(x=name)', '_KNOWN + name',
        '_KNOWN + " WHERE a = 1" + name', '_KNOWN.format(name)', 'narrowed += f" AND a = {name}"',
        '"SELECT 1" + f" {name}"', '" AND ".join(name)',
    ],
)  # fmt: skip
def test_every_way_of_putting_a_text_into_a_statement_is_seen(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_named(), "_KNOWN", "SELECT 1 FROM {}")
    seen = {ast.unparse(part) for part in _put_in(ast.parse(line)) if not _is_ours(part)}
    assert seen == {"name"}
