"""One transaction per command, opened at the edge: a domain's operation is handed one and never ends it."""

import re

from tests.architecture.source import Module, modules

# The faces, the wiring, and work that is several transactions by nature.
_EDGE = ("matinee.console", "matinee.viewer_api", "matinee.main", "matinee.platform.rounds")
_THE_DRIVER = ("matinee.platform.db", "matinee.platform.embedded_postgres", "matinee.migrations")
_CONTROL = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|START\s+TRANSACTION|SAVEPOINT)\b", re.MULTILINE)


def _may_open(module: Module) -> bool:
    """`jobs` is the layer of a domain for work of several transactions."""
    return module.is_below(*_EDGE, *_THE_DRIVER) or "jobs" in module.name.split(".")[2:3]


def test_transactions_are_opened_at_the_edge_only() -> None:
    opened = [
        f"{module.path}:{line} calls {method}()"
        for module in modules("src")
        if not _may_open(module)
        for line, method in module.calls("transaction", "directory", "begin", "begin_nested")
    ]
    assert opened == []


def test_nobody_but_the_driver_commits() -> None:
    committed = [
        f"{module.path}:{line} calls {method}()"
        for module in modules("src")
        if not module.is_below(*_THE_DRIVER)
        for line, method in module.calls("commit", "rollback")
    ] + [
        f"{module.path}:{line} says {found.group().strip()}"
        for module in modules("src")
        if not module.is_below(*_THE_DRIVER)
        for line, text in module.texts()
        if (found := _CONTROL.match(text)) is not None
    ]
    assert committed == []
