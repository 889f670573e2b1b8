"""The product's own processes, web servers and workers, before a database and billing systems that a test has set."""

import base64
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.factories.shop import SECRET_KEY
from tests.faults.counter import Counter

from matinee.customers.operations import open_session
from matinee.customers.types import DeviceCategory, DeviceInput
from matinee.main.demo.processes import Child
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.viewer_api.session_auth import COOKIE


class Product:
    """Starts processes as an operator's technicians do; leaving the block stops what still runs."""

    def __init__(self, folder: Path, urls: EmbeddedPostgresInfo, billing_ports: list[int]) -> None:
        (folder / "storage").mkdir()
        self._folder = folder
        self._children: list[Child] = []
        self._environment = {
            "MATINEE_DATABASE_URL": urls.app_url,
            "MATINEE_STORAGE_URL": (folder / "storage").as_uri(),
            "MATINEE_SECRET_KEY": base64.b64encode(SECRET_KEY).decode(),
            "MATINEE_EGRESS_ALLOW": ",".join(f"127.0.0.1/32:{port}" for port in billing_ports),
            "MATINEE_LOG_FORMAT": "text",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    @classmethod
    @contextmanager
    def started(
        cls, folder: Path, urls: EmbeddedPostgresInfo, billing_ports: list[int]
    ) -> "Iterator[Product]":
        product = cls(folder, urls, billing_ports)
        try:
            yield product
        finally:
            product.stop()

    def web(self, name: str, environment: Mapping[str, str] | None = None) -> "Web":
        """Start a web server; it answers after `wait`."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        return Web(self._start(name, ["serve", "--port", str(port)], environment or {}), port)

    def worker(self, name: str, environment: Mapping[str, str] | None = None) -> Child:
        return self._start(name, ["worker"], environment or {})

    def _start(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> Child:
        child = Child(
            name, [sys.executable, "-m", "matinee.main", *arguments], log=self._folder / f"{name}.log",
            environment=self._environment | dict(environment),
        )  # fmt: skip
        self._children.append(child)
        return child

    def stop(self) -> None:
        """Stop everything; what would not end is killed."""
        for child in self._children:
            child.ask_to_stop()
        for child in self._children:
            child.wait_until_stopped()


class Web:
    """One web server."""

    def __init__(self, child: Child, port: int) -> None:
        self.child, self.port = child, port

    def wait(self) -> None:
        """Return when it is ready."""
        self.child.wait_until_answers(self.port, "/readyz")


class Device:
    """What a subscriber holds: it may ask any of the web servers."""

    def __init__(self, counter: Counter, token: str) -> None:
        host = counter.sale.operator.host
        self._counter = counter
        self._headers = {"host": host, "origin": f"http://{host}", "cookie": f"{COOKIE}={token}"}

    async def quote(self, web: Web, film: int = 0) -> httpx.Response:
        item = {"item_kind": "movie", "item_id": str(self._counter.sale.movie_ids[film])}
        return await self._post(web, "/api/quotes", item)

    async def confirm(self, web: Web, quote: httpx.Response) -> httpx.Response:
        given = quote.json()
        return await self._post(
            web, "/api/purchases", {"quote": given["quote"]}, {"idempotency-key": given["purchase_id"]}
        )

    async def _post(
        self, web: Web, path: str, body: object, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{web.port}", timeout=30) as client:
            return await client.post(path, json=body, headers=self._headers | dict(headers or {}))


async def signed_in(counter: Counter, number: int = 0) -> Device:
    """One of the customer's devices, signed in."""
    device = DeviceInput(device_id=counter.person.device_ids[number], category=DeviceCategory.HANDHELD)
    async with counter.database.transaction(counter.operator_id) as tx:
        opened = await open_session(
            tx, operator_id=counter.operator_id, customer_id=counter.person.customer_id, device=device,
            now=counter.clock.moment,
        )  # fmt: skip
    return Device(counter, opened.token)
