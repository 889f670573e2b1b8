"""`entitlement`: may this customer start this film, over HTTP, with rights by the million in the table."""

import asyncio
import random
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from tests.factories.sale import make_operator, make_sale

from benchmarks import machine, pgbench, store
from benchmarks.load import Load, pack
from benchmarks.machine import Cores, LoadRun, Meter, Server
from benchmarks.measuring import Comparison, Point, alternate, compare, growth, rounded
from benchmarks.options import Options
from benchmarks.servers import bare, ours
from benchmarks.store import Store
from matinee.kernel.ids import new_id
from matinee.platform.db import Database

NAME = "entitlement"
CONNECTIONS = 32
PGBENCH_CLIENTS = 8
FEW_CONNECTIONS = 4
FILMS = 200
ASKED = 20_000
"""Different questions in the load, of random customers."""

SIZES = (10_000, 100_000, 1_000_000)
FULL_SIZES = (50_000, 500_000, 5_000_000)


class World(msgspec.Struct, frozen=True):
    """What is asked about."""

    operator_id: UUID
    host: str
    product_id: UUID
    films: list[UUID]


async def make_world(found: Store) -> World:
    """Make one operator with films."""
    operator = await make_operator(found.owner_url, "bench")
    database = await Database.connect(found.app_url, connections=1)
    async with database.transaction(operator.operator_id) as tx:
        sale = await make_sale(tx, operator=operator, capabilities=frozenset(), now=await tx.now(), films=1)
        films = [new_id() for _ in range(FILMS)]
        await tx.executemany(
            "INSERT INTO items (operator_id, item_kind, item_id, title, stream_kind, payment_method, created_at,"
            " updated_at) VALUES ($1, 'movie', $2, 'Film', 'file', 'subscription', now(), now())",
            [(operator.operator_id, film) for film in films],
        )
    await database.close()
    return World(operator.operator_id, operator.host, sale.product_id, films)


def write_requests(world: World, folder: Path, *, customers: int) -> tuple[Path, Path]:
    """Write the same questions for ours and for the bare server; return both files."""
    dice = random.Random(1)  # nosec B311
    ours, bare = [], []
    for _ in range(ASKED):
        number = dice.randint(1, customers)
        right = dice.randrange(store.RIGHTS_EACH)
        film = world.films[store.film_of(number, films=FILMS, right=right)]
        token = store.session_token(world.operator_id, number)
        ours.append(
            f"GET /api/entitlements/movie/{film} HTTP/1.1\r\nHost: {world.host}\r\n"
            f"Cookie: __Host-matinee={token}\r\n\r\n".encode()
        )
        bare.append(
            f"GET /{store.customer_id(number)}/{film} HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode()
        )
    files = folder / "ours", folder / "bare"
    for file, requests in zip(files, (ours, bare), strict=True):
        file.write_bytes(pack(requests))
    return files


def write_scripts(world: World, folder: Path, *, customers: int) -> tuple[Path, Path]:
    """Write what pgbench runs: the bare server's look-up, and the statement that ours runs (one question each)."""
    identifier = "('01900000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid"
    film = world.films[0]
    simple = folder / "lookup.sql"
    simple.write_text(
        f"\\set n random(1, {customers})\nSELECT startable_until FROM entitlements\n"
        f"WHERE operator_id = '{world.operator_id}' AND customer_id = {identifier} AND item_kind = 'movie'\n"
        f"AND item_id = '{film}';\n"
    )
    function = folder / "function.sql"
    function.write_text(
        f"\\set n random(1, {customers})\nSELECT * FROM rights_to_start(ARRAY['{world.operator_id}'::uuid],\n"
        f"ARRAY[{identifier}], ARRAY[sha256(convert_to('session-of-' || lpad(:n::text, 12, '0')\n"
        f"|| '-and-no-other', 'UTF8'))], ARRAY['movie'], ARRAY['{film}'::uuid], NULL);\n"
    )
    return simple, function


async def _grow(found: Store, world: World, *, first: int, last: int) -> None:
    await store.add_customers(
        found, operator_id=world.operator_id, product_id=world.product_id, first=first, last=last
    )
    await store.add_rights(found, operator_id=world.operator_id, films=world.films, first=first, last=last)
    await store.settle_down(found)


def run(options: Options) -> dict[str, Any]:
    """Measure and return the result. Takes one to two minutes, and five with `full`."""
    cores = machine.cores()
    with tempfile.TemporaryDirectory() as name, store.store(cores) as found:
        folder = Path(name)
        world = asyncio.run(make_world(found))
        asyncio.run(store.make_bare_role(found))
        target = "benchmarks.bare_rights:application"
        with (
            ours(found, cores, folder) as our_server,
            bare(target, found, cores, world.operator_id) as bare_server,
        ):
            return _measure(options, cores, folder, found, world, our_server, bare_server)


class Sides(msgspec.Struct, frozen=True):
    """Both servers, and how each is asked the same questions."""

    servers: dict[str, Server]
    runs: dict[str, LoadRun]
    meters: dict[str, Meter]


def _measure(
    options: Options,
    cores: Cores,
    folder: Path,
    found: Store,
    world: World,
    our_server: Server,
    bare_server: Server,
) -> dict[str, Any]:
    points: list[Point] = []
    customers = 0
    for size in FULL_SIZES if options.full else SIZES:
        options.tell(f"{NAME}: {size:,} rights")
        first, customers = customers + 1, size // store.RIGHTS_EACH
        asyncio.run(_grow(found, world, first=first, last=customers))
        our_requests, bare_requests = write_requests(world, folder, customers=customers)
        our_run = LoadRun(
            requests=our_requests, port=our_server.port, connections=CONNECTIONS, seconds=options.seconds
        )
        _ask(our_run, cores)  # warm
        points.append(Point(size, rounded(_ask(our_run, cores).per_second)))
    bare_run = msgspec.structs.replace(our_run, requests=bare_requests, port=bare_server.port)
    _ask(bare_run, cores)  # warm
    sides = Sides(
        {"ours": our_server, "bare": bare_server},
        {"ours": our_run, "bare": bare_run},
        {"ours": Meter(our_server), "bare": Meter(bare_server)},
    )
    measured = _in_turn(options, cores, found, sides, write_scripts(world, folder, customers=customers))
    return _result(cores, sides, measured) | {"growth": msgspec.to_builtins(growth(points))}


def _in_turn(
    options: Options, cores: Cores, found: Store, sides: Sides, scripts: tuple[Path, Path]
) -> dict[str, list[float]]:
    def asked(name: str) -> float:
        with sides.meters[name].counting() as loads:
            loads.append(_ask(sides.runs[name], cores))
        return loads[0].per_second

    def alone(script: Path, url: str) -> float:
        return pgbench.transactions_per_second(
            script, url=url, clients=PGBENCH_CLIENTS, seconds=options.seconds, where=cores.application
        )

    turns = {"ours": lambda: asked("ours"), "bare": lambda: asked("bare")}
    if machine.pgbench_program() is not None:
        turns["pgbench"] = lambda: alone(scripts[0], found.bare_url)
        turns["pgbench_function"] = lambda: alone(scripts[1], found.app_url)
    return alternate(turns, pairs=options.pairs)


def _result(cores: Cores, sides: Sides, measured: dict[str, list[float]]) -> dict[str, Any]:
    busy = _ask(sides.runs["ours"], cores).busy
    few = {
        name: _ask(msgspec.structs.replace(run, connections=FEW_CONNECTIONS), cores)
        for name, run in sides.runs.items()
    }
    return {
        "name": NAME,
        **msgspec.to_builtins(compare(measured["ours"], measured["bare"])),
        "unit": "requests/s",
        "pgbench": _against(measured, "pgbench"),
        "pgbench_function": _against(measured, "pgbench_function"),
        "p99_ms_at_4_connections": {name: rounded(load.p99_ms) for name, load in few.items()},
        "p50_ms_at_4_connections": {name: rounded(load.p50_ms) for name, load in few.items()},
        "memory_mb": {name: rounded(server.memory_mb()) for name, server in sides.servers.items()},
        "cpu_us_a_request": {name: rounded(meter.microseconds) for name, meter in sides.meters.items()},
        "generator_busy": rounded(busy),
    }


def _ask(run: LoadRun, cores: Cores) -> Load:
    load = machine.put_under_load(run, where=cores.rest)
    if set(load.statuses) != {"200"}:
        raise RuntimeError(f"not every question was answered: {load.statuses}")
    return load


def _against(measured: dict[str, list[float]], name: str) -> Any:
    """Compare ours with another limit; says so where that could not be measured."""
    if name not in measured:
        return "skipped: there is no pgbench on this machine"
    against: Comparison = compare(measured["ours"], measured[name])
    return msgspec.to_builtins(against)
