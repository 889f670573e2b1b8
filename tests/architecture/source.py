"""The product's own source, parsed once for all checks of its shape."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "src" / "matinee"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file: its path below the repository, its lines and its tree."""

    path: str
    lines: list[str]
    tree: ast.Module

    @property
    def name(self) -> str:
        """The dotted name, such as `matinee.offers.rules`."""
        dotted = self.path.removeprefix("src/").removesuffix(".py").replace("/", ".")
        return dotted.removesuffix(".__init__")

    def is_below(self, *packages: str) -> bool:
        """Say whether this module is one of `packages` or inside one."""
        return any(self.name == package or self.name.startswith(f"{package}.") for package in packages)

    def functions(self) -> Iterator[tuple[str, int]]:
        """Yield the name and the length in lines of every function."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1

    def calls(self, *methods: str) -> Iterator[tuple[int, str]]:
        """Yield the line and name of every call of a method that is named so."""
        for node in ast.walk(self.tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in methods
            ):
                yield node.lineno, node.func.attr

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield the line and content of every string that is no docstring."""
        docstrings = {id(node) for node in _docstrings(self.tree)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.lineno, node.value


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Return the Python files below the given folders of the repository, or a single file's."""
    found = []
    for folder in folders:
        place = ROOT / folder
        files = [place] if place.is_file() else sorted(place.rglob("*.py"))
        for file in files:
            if not {"node_modules", "__pycache__", "viewer_app"} & set(file.parts):
                text = file.read_text()
                path = file.relative_to(ROOT).as_posix()
                found.append(Module(path, text.splitlines(), ast.parse(text)))
    return tuple(found)


def without_comments(sql: str) -> str:
    """Return SQL with its comments blanked out, line numbers kept."""
    return re.sub(r"--[^\n]*", "", sql)


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value
