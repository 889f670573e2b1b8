"""The crowd of `benchmarks.storm` behaves like an HTTP client."""

import asyncio

from benchmarks.arrivals import arrive

_ANSWER = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"


async def test_a_connection_that_the_server_closed_while_it_was_idle_is_not_used_again() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await arrive([b"POST / HTTP/1.1\r\n\r\n"] * 5, port=port, rate=20.0, seconds=0.25)
    assert found.statuses == {"201": 5}
