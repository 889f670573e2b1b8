"""The operator's billing on the night of a title fight: `python -m benchmarks.storm_billing PORT SEED`.

Half of its answers take 300 ms and one in a hundred takes 5 s or more; it charges first and loses two answers in a
hundred. Its ledger, at `/ledger`, is the truth that a storm is judged by.
"""

import asyncio
import json
import math
import random
import sys
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import uvloop

P50_SECONDS, P99_SECONDS = 0.3, 5.0
LOST = 0.02
_SIGMA = math.log(P99_SECONDS / P50_SECONDS) / 2.3263  # of a log-normal with these two quantiles
_STATUS_SECONDS = 0.02
_HEAD = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


class Billing:
    """Charges each reference once, however often it is asked; `requests` counts the charge calls."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # nosec B311
        self.charges: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.lost = 0

    async def answer(self, path: str, reference: str) -> bytes | None:
        """Return the body; None is an answer that is lost."""
        if path == "/ledger":
            return json.dumps(
                {"charges": [*self.charges], "lost": self.lost, "most_requests": max(self.requests.values(), default=0)}
            ).encode()  # fmt: skip
        if path == "/rentals/status":
            await asyncio.sleep(_STATUS_SECONDS)
            found = self.charges.get(reference)
            listed = [] if found is None else [{"transaction": found}]
            return json.dumps({"charges": listed, "known": found is not None}).encode()
        self.requests[reference] += 1
        transaction = self.charges.setdefault(reference, f"t-{len(self.charges) + 1}")
        await asyncio.sleep(self._random.lognormvariate(math.log(P50_SECONDS), _SIGMA))
        if self._random.random() < LOST:
            self.lost += 1
            return None
        return json.dumps({"result": "charged", "transaction": transaction}).encode()


async def _serve(port: int, seed: int) -> None:
    billing = Billing(seed)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            target = urlsplit(head.split(b" ", 2)[1].decode())
            reference = parse_qs(target.query).get("reference", [""])[0]
            body = await billing.answer(target.path, reference)
            if body is not None:
                known = b'"known": false' not in body
                status = b"200 OK" if known else b"404 Not Found"
                writer.write(_HEAD % (status, len(body)) + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side hung up
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
