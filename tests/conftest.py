"""Fixtures that every kind of test may use: one PostgreSQL for the run, a fresh database a test."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import count
from pathlib import Path

import pytest
from tests.places import quick_place

from matinee.platform.db import migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresInfo

_TEMPLATE = "template_migrated"
_NUMBERS = count(1)


def _closed_network(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse every address but loopback: a test that needs the world outside is no test."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return  # a Unix socket
    host = str(address[0])
    if host == "localhost" or host.endswith(".localhost"):
        return
    try:
        inside = ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise ConnectionRefusedError(f"tests may not leave this machine: {host}")


sys.addaudithook(_closed_network)


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for the whole run, in which another account may be given a place (pytest's own are closed)."""
    with tempfile.TemporaryDirectory(prefix="matinee-tests-", dir=quick_place()) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            folder.chmod(0o711)
        yield folder


@pytest.fixture
def free_port() -> int:
    """A port of loopback that nothing used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres(scratch: Path) -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL for the run, without the care for power cuts that costs time."""
    settings = {"max_connections": "300", "max_wal_size": "128MB"}  # in memory, beside other runs
    server = EmbeddedPostgres(scratch / "postgres", durable=False, settings=settings)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the newest schema and nothing in it, to be cloned."""
    info = postgres.create_database(_TEMPLATE)
    migrate(info.owner_url)
    return _TEMPLATE


def _clone(postgres: EmbeddedPostgres, template: str) -> Iterator[EmbeddedPostgresInfo]:
    name = f"test_{next(_NUMBERS)}"
    yield postgres.create_database(name, template=template)
    postgres.drop_database(name)


@pytest.fixture
def database_urls(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[EmbeddedPostgresInfo]:
    """A fresh migrated database for one test."""
    yield from _clone(postgres, migrated_template)


@pytest.fixture(scope="module")
def module_database_urls(
    postgres: EmbeddedPostgres, migrated_template: str
) -> Iterator[EmbeddedPostgresInfo]:
    """A fresh migrated database for the tests of one module, which must not get in each other's way."""
    yield from _clone(postgres, migrated_template)
