"""A proxy in front of PostgreSQL that cuts a connection at a commit, as a broken network would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

COMMIT = b"COMMIT\x00"

Cut = Literal["before", "after"]


class CuttingProxy:
    """Forwards bytes. `cut` says which commit from now on is cut, and whether the server still gets it."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._skip = -1
        self._where: Cut = "after"
        self._serving: set[asyncio.Task[None]] = set()
        self.cuts = 0
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Self]:
        """Run a proxy to the database at `url` on a free port of loopback."""
        proxy = cls(url)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user = f"{proxy._parts.username}@" if proxy._parts.username else ""
        if proxy._parts.password:
            user = f"{proxy._parts.username}:{proxy._parts.password}@"
        proxy.url = urlunsplit(proxy._parts._replace(netloc=f"{user}127.0.0.1:{port}", query=""))
        try:
            yield proxy
        finally:
            server.close()
            serving = list(proxy._serving)
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            await asyncio.sleep(0)  # the transports are closed in the next round of the loop

    def cut(self, number: int, where: Cut) -> None:
        """Cut at commit `number` from now (0: the next): `before` the server hears of it, or `after` it has done it."""
        self._skip, self._where = number, where

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        to_reader, to_writer = await self._connect()
        doomed = asyncio.Event()
        pumps = [
            asyncio.create_task(self._requests(reader, to_writer, doomed)),
            asyncio.create_task(self._answers(to_reader, writer, doomed)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the proxy ends; an exception here would only be logged
        finally:
            for pump in pumps:
                pump.cancel()
            for one in (writer, to_writer):
                one.transport.abort()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._serving.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._parts.hostname:
            return await asyncio.open_connection(self._parts.hostname, self._parts.port)
        query = parse_qs(self._parts.query)
        return await asyncio.open_unix_connection(
            f"{query['host'][0]}/.s.PGSQL.{query.get('port', ['5432'])[0]}"
        )

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while chunk := await reader.read(65536):
            if COMMIT in chunk:
                self._skip -= 1
                if self._skip == -1:
                    self.cuts += 1
                    if self._where == "before":
                        return
                    doomed.set()
            writer.write(chunk)
            await writer.drain()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while chunk := await reader.read(65536):
            if doomed.is_set():
                return
            writer.write(chunk)
            await writer.drain()
