"""`purchase`: an invoice is confirmed, billing charges at once, the right is granted; over HTTP, each one real."""

import asyncio
import math
import random
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from tests.factories.sale import PRICE, Sale, billing_config, make_operator, make_sale

from benchmarks import bare_purchase, machine, pgbench, store
from benchmarks.load import Load, pack
from benchmarks.machine import Cores, LoadRun, Meter, Server
from benchmarks.measuring import Point, alternate, compare, growth, rounded
from benchmarks.options import Options
from benchmarks.servers import bare, ours
from benchmarks.store import Store
from matinee.kernel.ids import new_id
from matinee.kernel.money import tax_included
from matinee.kernel.periods import WindowUnit
from matinee.offers.quotes import Quote, QuoteSigner
from matinee.platform.db import Database
from matinee.provisions.types import Capability

NAME = "purchase"
CONNECTIONS = 32
FEW_CONNECTIONS = 4
PGBENCH_CLIENTS = 32
FILMS = 50
MOST_A_SECOND = 8_000
"""More purchases than either server can sell, so that nobody has bought everything before a run is over."""

SIZES = (1_000, 10_000, 100_000)
FULL_SIZES = (10_000, 100_000, 1_000_000)
"""Purchases that are in the table already, of other customers."""

_CAPABILITIES = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})


def buyers_needed(options: Options) -> int:
    """Return how many customers buy; each can buy each film once from each server.

    The bare server runs in every pair, once to be warm and once with few connections. Ours runs more often, but sells
    a fraction of that.
    """
    return math.ceil(MOST_A_SECOND * options.seconds * (options.pairs + 2) / FILMS)


async def make_world(found: Store, billing_url: str, *, customers: int) -> Sale:
    """Make one operator with films on sale and the customers who will buy."""
    operator = await make_operator(found.owner_url, "bench")
    database = await Database.connect(found.app_url, connections=1)
    async with database.transaction(operator.operator_id) as tx:
        sale = await make_sale(
            tx, operator=operator, capabilities=_CAPABILITIES, config=billing_config(billing_url),
            now=await tx.now(), films=FILMS,
        )  # fmt: skip
    await database.close()
    await store.add_customers(
        found, operator_id=operator.operator_id, product_id=sale.product_id, first=1, last=customers
    )
    await store.make_bare_role(found)
    async with store.owner(found) as connection:
        await connection.execute(bare_purchase.TABLES)
        await connection.execute(f"GRANT ALL ON bare_purchases, bare_rights TO {store.BARE_ROLE}")
    return sale


# Purchases of the past: granted, with their rights, one film after the other for each customer.
_PAST = """
    INSERT INTO purchases (
        operator_id, customer_id, purchase_id, item_kind, item_id, item_title, generation, reference, state,
        state_since, evidence, amount_minor, currency, tax_minor, tax_rate_basis_points, payment_type, product_id,
        provision_id, provision_version, rule_id, rule_name, rule_unit, rule_quantity, runtime_minutes, device_id,
        confirmed_at, granted_at)
    SELECT $1, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
           ('01920000-0000-7000-8000-' || lpad(to_hex(n * 10 + k), 12, '0'))::uuid, 'movie',
           films.ids[(1 + (n + k) % cardinality(films.ids))::integer], 'Film', 0, 'm-' || n || '-' || k, 'GRANTED',
           '2026-01-01', 'answer', 499, 'EUR', 87, 2100, 'api', $3, $4, 1, $5, 'Two days', 'hours', 48, 90,
           ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '2026-01-01', '2026-01-01'
    FROM generate_series($6::bigint, $7::bigint) AS n, generate_series(0, 9) AS k, (SELECT $2::uuid[] AS ids) AS films
"""


async def add_past(found: Store, sale: Sale, *, first: int, last: int) -> None:
    """Add customers who have bought ten films each."""
    operator_id, films = sale.operator.operator_id, list(sale.movie_ids)
    await store.add_customers(
        found, operator_id=operator_id, product_id=sale.product_id, first=first, last=last
    )
    async with (
        store.owner(found, operator_id=operator_id) as connection,
        store.unreferenced(connection, "purchases"),
    ):
        await connection.execute(
            _PAST, operator_id, films, sale.product_id, sale.provision_id, sale.rule_id, first, last,
            timeout=900,
        )  # fmt: skip
    await store.add_rights(found, operator_id=operator_id, films=films, first=first, last=last)
    await store.settle_down(found)


async def write_requests(found: Store, sale: Sale, folder: Path, *, customers: int) -> tuple[Path, Path]:
    """Write one confirmation for every customer and film, in a random order, for ours and for the bare server."""
    database = await Database.connect(found.app_url, connections=1)
    async with database.directory() as tx:
        now = await tx.now()
    await database.close()
    signer = QuoteSigner(store.SECRET_KEY)
    slots = [(number, film) for number in range(1, customers + 1) for film in range(FILMS)]
    random.Random(1).shuffle(slots)  # nosec B311
    host = sale.operator.host
    mine, bares = [], []
    for number, film in slots:
        quote = _quote(sale, number, film, expires_at=now + timedelta(hours=2))
        token = signer.sign(quote, now=now).token
        cookie = store.session_token(sale.operator.operator_id, number)
        body = msgspec.json.encode({"quote": token})
        mine.append(
            (
                f"POST /api/purchases HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
                f"Cookie: __Host-matinee={cookie}\r\nIdempotency-Key: {quote.purchase_id}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode()
            + body
        )
        order = bare_purchase.Order(quote.purchase_id, quote.customer_id, quote.item_id)
        plain = msgspec.json.encode(order)
        head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(plain)}\r\n\r\n"
        bares.append(head.encode() + plain)
    files = folder / "ours", folder / "bare"
    for file, requests in zip(files, (mine, bares), strict=True):
        file.write_bytes(pack(requests))
    return files


def _quote(sale: Sale, number: int, film: int, *, expires_at: Any) -> Quote:
    rate = sale.operator.tax_rate_basis_points
    return Quote(
        operator_id=sale.operator.operator_id,
        customer_id=store.customer_id(number),
        purchase_id=new_id(),
        item_kind="movie",
        item_id=sale.movie_ids[film],
        title=f"Film {film}",
        rule_id=sale.rule_id,
        rule_name="Two days",
        rule_unit=WindowUnit.HOURS,
        rule_quantity=48,
        finish_window_hours=None,
        runtime_minutes=90,
        licence_ends_at=None,
        amount_minor=PRICE,
        currency="EUR",
        tax_minor=tax_included(PRICE, rate),
        tax_rate_basis_points=rate,
        payment_type="api",
        product_id=sale.product_id,
        provision_id=sale.provision_id,
        provision_version=1,
        expires_at=expires_at,
    )


class Buyers:
    """Puts one server under load, going on in the file of requests where the last run ended: a slot is bought once."""

    def __init__(self, requests: Path, server: Server, cores: Cores) -> None:
        self.meter = Meter(server)
        self._requests = requests
        self._server = server
        self._cores = cores
        self._first = 0

    def buy(self, *, connections: int, seconds: float) -> Load:
        """Buy for so long. Raises RuntimeError unless every purchase was granted at once."""
        with self.meter.counting() as loads:
            load = machine.put_under_load(
                LoadRun(
                    requests=self._requests, port=self._server.port, connections=connections, seconds=seconds,
                    first=self._first, once=True,
                ),
                where=self._cores.rest,
            )  # fmt: skip
            loads.append(load)
        self._first = load.asked
        if set(load.statuses) != {"201"}:
            raise RuntimeError(f"not every purchase was granted: {load.statuses}")
        return load


def write_script(sale: Sale, folder: Path) -> Path:
    """Write the bare server's two statements for pgbench, each committed by itself."""
    operator = f"'{sale.operator.operator_id}'"
    reserve = bare_purchase.RESERVE.format(
        operator=operator,
        purchase="gen_random_uuid()",
        customer="gen_random_uuid()",
        item=f"'{sale.movie_id}'",
    )
    settle = bare_purchase.SETTLE.format(operator=operator, purchase=":purchase_id", transaction="'t-1'")
    script = folder / "purchase.sql"
    script.write_text(f"{reserve.strip()} RETURNING purchase_id \\gset\n{settle.strip()};\n")
    return script


def run(options: Options) -> dict[str, Any]:
    """Measure and return the result. Takes two to three minutes."""
    cores, customers = machine.cores(), buyers_needed(options)
    billing_port = machine.free_port()
    command = [sys.executable, "-m", "benchmarks.billing", str(billing_port)]
    billing_url = f"http://127.0.0.1:{billing_port}/rentals"
    with (
        tempfile.TemporaryDirectory() as name,
        store.store(cores) as found,
        machine.server(command, port=billing_port, where=cores.rest),
    ):
        folder = Path(name)
        sale = asyncio.run(make_world(found, billing_url, customers=customers))
        operator_id = sale.operator.operator_id
        target = "benchmarks.bare_purchase:application"
        with (
            ours(found, cores, folder, egress=f"127.0.0.1/32:{billing_port}") as our_server,
            bare(target, found, cores, operator_id, BENCH_BILLING=billing_url) as bare_server,
        ):
            our_requests, bare_requests = asyncio.run(
                write_requests(found, sale, folder, customers=customers)
            )
            mine, bares = Buyers(our_requests, our_server, cores), Buyers(bare_requests, bare_server, cores)
            points = _grow(options, found, sale, mine)
            bares.buy(connections=CONNECTIONS, seconds=options.seconds / 2)
            result = _compare(options, cores, mine, bares, write_script(sale, folder), found)
            memory = {
                "ours": rounded(our_server.memory_mb()), "bare": rounded(bare_server.memory_mb())
            }  # fmt: skip
            return result | {"memory_mb": memory, "growth": msgspec.to_builtins(growth(points))}


def _grow(options: Options, found: Store, sale: Sale, mine: Buyers) -> list[Point]:
    points: list[Point] = []
    buyers = last = buyers_needed(options)
    for size in FULL_SIZES if options.full else SIZES:
        options.tell(f"{NAME}: {size:,} purchases of the past")
        first, last = last + 1, buyers + size // 10
        asyncio.run(add_past(found, sale, first=first, last=last))
        mine.buy(connections=CONNECTIONS, seconds=options.seconds / 2)  # warm
        points.append(
            Point(size, rounded(mine.buy(connections=CONNECTIONS, seconds=options.seconds).per_second))
        )
    return points


def _compare(
    options: Options, cores: Cores, mine: Buyers, bares: Buyers, script: Path, found: Store
) -> dict[str, Any]:
    def through(buyers: Buyers) -> float:
        return buyers.buy(connections=CONNECTIONS, seconds=options.seconds).per_second

    sides = {"ours": lambda: through(mine), "bare": lambda: through(bares)}
    if machine.pgbench_program() is not None:
        sides["pgbench"] = lambda: pgbench.transactions_per_second(
            script,
            url=found.bare_url,
            clients=PGBENCH_CLIENTS,
            seconds=options.seconds,
            where=cores.application,
        )
    mine.meter, bares.meter = Meter(mine.meter.server), Meter(bares.meter.server)
    measured = alternate(sides, pairs=options.pairs)
    cpu = {"ours": rounded(mine.meter.microseconds), "bare": rounded(bares.meter.microseconds)}
    few = {
        name: buyers.buy(connections=FEW_CONNECTIONS, seconds=options.seconds)
        for name, buyers in (("ours", mine), ("bare", bares))
    }
    return {
        "name": NAME,
        **msgspec.to_builtins(compare(measured["ours"], measured["bare"])),
        "unit": "purchases/s",
        "pgbench": (
            msgspec.to_builtins(compare(measured["ours"], measured["pgbench"]))
            if "pgbench" in measured
            else "skipped: there is no pgbench on this machine"
        ),
        "p99_ms_at_4_connections": {name: rounded(load.p99_ms) for name, load in few.items()},
        "p50_ms_at_4_connections": {name: rounded(load.p50_ms) for name, load in few.items()},
        "cpu_us_a_request": cpu,
    }
