"""Nothing slow happens while a transaction is open: it would hold its locks, and a connection, for as long."""

import ast
from collections.abc import Iterator
from functools import cache

import pytest
from tests.architecture.source import Function, Module, modules

# What talks to another system, or keeps a core busy.
_PORTS = frozenset({"storage", "gateway", "wire", "billing", "names", "session", "client"})
_CALLS = frozenset(
    {"hash_password", "verify_password", "sleep", "to_thread", "run_in_executor", "getaddrinfo", "read_bytes"}
)
_OPENING = frozenset({"transaction", "directory", "hot"})
_THE_DRIVER = ("matinee.platform.db", "matinee.platform.embedded_postgres", "matinee.migrations")
Place = tuple[str, str]
"""A function of a module: the module's name and its own."""


def _waited_for(body: list[ast.stmt]) -> Iterator[ast.Call]:
    """Yield every call that is awaited, entered or run through within `body`."""
    for statement in body:
        for node in ast.walk(statement):
            match node:
                case ast.Await(value=ast.Call() as call) | ast.AsyncFor(iter=ast.Call() as call):
                    yield call
                case ast.AsyncWith(items=items):
                    yield from (one.context_expr for one in items if isinstance(one.context_expr, ast.Call))


def _is_slow(call: ast.Call) -> bool:
    """Say whether a call shows by itself that it is slow."""
    match call.func:
        case ast.Name(id=name):
            return name in _CALLS
        case ast.Attribute(value=owner, attr=name):
            of = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            return name in _CALLS or of.strip("_") in _PORTS
    return False


def _imported(module: Module) -> dict[str, Place]:
    """Return where the names come from that a module imports."""
    return {
        one.asname or one.name: (node.module, one.name)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for one in node.names
    }


def _target(call: ast.Call, module: Module, imported: dict[str, Place]) -> Place | None:
    """Return which function of the product a call names, None for anything else."""
    match call.func:
        case ast.Name(id=name):
            return imported.get(name, (module.name, name))
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return module.name, name
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in imported:
            package, inner = imported[owner]
            return f"{package}.{inner}", name
    return None


@cache
def _slow_functions() -> frozenset[Place]:
    """Return the functions that make a slow call, by themselves or through others."""
    slow: set[Place] = set()
    calls: dict[Place, set[Place]] = {}
    for module in modules("src"):
        if module.is_below(*_THE_DRIVER):
            continue
        imported = _imported(module)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.AsyncFunctionDef):
                place = (module.name, node.name)
                waited = list(_waited_for(node.body))
                if any(_is_slow(call) for call in waited):
                    slow.add(place)
                calls[place] = {found for call in waited if (found := _target(call, module, imported))}
        # What a package hands on from one of its modules is found under both names.
        for name, (source, inner) in imported.items():
            calls.setdefault((module.name, name), set()).add((source, inner))
    while more := {place for place, called in calls.items() if called & slow} - slow:
        slow |= more
    return frozenset(slow)


def _opens(node: ast.AsyncWith) -> bool:
    return any(
        isinstance(one.context_expr, ast.Call)
        and isinstance(one.context_expr.func, ast.Attribute)
        and one.context_expr.func.attr in _OPENING
        for one in node.items
    )


def _inside(module: Module) -> Iterator[list[ast.stmt]]:
    """Yield what is done while a transaction is open: blocks that open one, and functions that are handed one."""
    for node in ast.walk(module.tree):
        if (isinstance(node, ast.AsyncWith) and _opens(node)) or (
            isinstance(node, Function)
            and any(argument.arg == "tx" for argument in [*node.args.args, *node.args.kwonlyargs])
        ):
            yield node.body


def _slow_inside(module: Module) -> set[str]:
    imported = _imported(module)
    return {
        ast.unparse(call.func)
        for body in _inside(module)
        for call in _waited_for(body)
        if _is_slow(call) or _target(call, module, imported) in _slow_functions()
    }


def test_nothing_slow_is_waited_for_inside_a_transaction() -> None:
    found = {
        (module.path, call)
        for module in modules("src")
        if not module.is_below(*_THE_DRIVER)
        for call in _slow_inside(module)
    }
    assert found == set()


@pytest.mark.parametrize(
    "line",
    [
        "await storage.put(1)", "await self._gateway.charge(1)", "await hash_password(1)", "await asyncio.sleep(1)",
        "await services.gateway.status(1)", "async for one in storage.list(1): pass", "await ask_now(1)",
        "await jobs.ask_now(1)", "async with self._wire.send(1): pass",
    ],
)  # fmt: skip
def test_every_kind_of_slow_call_is_seen(line: str) -> None:
    imports = "from matinee.purchases.jobs.resolve import ask_now\nfrom matinee.purchases.jobs import resolve as jobs\n"
    for text in (
        f"async def f():\n async with database.transaction(1) as tx:\n  if 1:\n   {line}",
        f"async def f(tx):\n {line}",
    ):
        module = Module("src/matinee/made_up.py", [], ast.parse(imports + text))
        assert len(_slow_inside(module)) == 1
    after = f"async def f():\n async with database.transaction(1) as tx:\n  pass\n {line}"
    assert _slow_inside(Module("src/matinee/made_up.py", [], ast.parse(imports + after))) == set()
