"""A billing server on a bare socket: it answers with the very bytes a test gives it, and counts requests."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a whole HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answers(raw: bytes) -> Behaviour:
    """Return a behaviour that sends `raw` and keeps the connection open, ready to be used again."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return behave


def cuts(raw: bytes = b"", *, reset: bool = False) -> Behaviour:
    """Return a behaviour that sends `raw` and then closes, or resets, the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        if reset:
            writer.transport.abort()
        else:
            writer.close()

    return behave


def drips(raw: bytes, *, every_seconds: float) -> Behaviour:
    """Return a behaviour that sends one byte at a time."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in raw:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every_seconds)

    return behave


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""
    await asyncio.sleep(60)


class RawBilling:
    """`requests` holds the head of every request that arrived, `bodies` what came with it.

    `connections` counts those opened.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *([0-9]+)", head)
                self.requests.append(head)
                self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
                await self.behaviour(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.tasks.discard(task)


@asynccontextmanager
async def raw_billing(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawBilling]:
    """Serve on a free port of loopback until the block ends."""
    billing = RawBilling(behaviour)
    server = await asyncio.start_server(billing.serve, "127.0.0.1", 0, ssl=tls)
    billing.port = server.sockets[0].getsockname()[1]
    try:
        yield billing
    finally:
        server.close()
        for task in list(billing.tasks):
            task.cancel()
        await asyncio.gather(*billing.tasks, return_exceptions=True)


def header(request: bytes, name: str) -> str:
    """Return a header of a request; empty when it has none, or more than one."""
    found = re.findall(rb"(?im)^" + name.encode() + rb": *(.*?)\r$", request)
    return found[0].decode() if len(found) == 1 else ""
