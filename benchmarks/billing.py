"""A billing double that charges at once, and keeps no ledger: `python -m benchmarks.billing PORT`."""

import asyncio
import gc
import sys
from itertools import count
from typing import cast

import uvloop

_NUMBERS = count(1)


class _Billing(asyncio.Protocol):
    """Answers every complete request head with a charge."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._partly = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._partly += data
        while b"\r\n\r\n" in self._partly and self._transport is not None:
            head, _, self._partly = self._partly.partition(b"\r\n\r\n")
            closes = b"connection: close" in head.lower()
            body = b'{"result":"charged","transaction":"t-%d"}' % next(_NUMBERS)
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%s\r\n%s"
                % (len(body), b"connection: close\r\n" if closes else b"", body)
            )
            if closes:
                self._transport.close()
                return


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Billing, "127.0.0.1", port, backlog=1024)
    gc.freeze()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
