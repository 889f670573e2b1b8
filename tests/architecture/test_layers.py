"""The contracts in pyproject.toml are checked by import-linter; here: that they leave nothing out."""

import ast
import re
import tomllib
from typing import Any

from tests.architecture.source import PRODUCT, ROOT, modules

_DOES = {"queries", "operations", "jobs", "models"}
"""Layers that read or write."""

_FACES = {"console", "viewer_api", "main"}


def _contract(name: str) -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    found: dict[str, Any] = next(contract for contract in settings["contracts"] if contract["id"] == name)
    return found


def _packages() -> set[str]:
    return {path.parent.name for path in PRODUCT.glob("*/__init__.py")} - {"migrations", "viewer_app"}


def test_every_package_has_its_place_in_the_layers() -> None:
    placed = {name for layer in _contract("layers")["layers"] for name in re.findall(r"\w+", layer)}
    assert _packages() - placed == set()


def test_every_domain_is_layered_inside() -> None:
    layered = {name.removeprefix("matinee.") for name in _contract("inside")["containers"]}
    assert _packages() - layered - _FACES - {"platform", "kernel"} == set()


def test_every_package_but_the_faces_is_kept_from_http() -> None:
    kept = {name.removeprefix("matinee.") for name in _contract("http")["source_modules"]}
    assert _packages() - kept - _FACES == set()


def test_rules_import_nothing_that_reads_or_writes_not_even_of_another_domain() -> None:
    impure = [
        f"{module.path}:{node.lineno} imports {node.module}"
        for module in modules("src")
        if module.name.split(".")[2:3] == ["rules"]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom)
        and (set((node.module or "").split(".")[2:]) & _DOES or node.module == "matinee.platform.db")
    ]
    assert impure == []
