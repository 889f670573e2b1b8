"""People who press Confirm whether or not the server keeps up: `python -m benchmarks.arrivals FILE PORT RATE SECONDS`.

FILE holds whole HTTP/1.1 requests as `benchmarks.load` packs them. One is sent RATE times a second, evenly, on a
connection that is free or a new one. Prints one line of JSON (`Arrivals`).
"""

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import uvloop

from benchmarks.load import length_of, unpack
from benchmarks.machine import HOST

LONGEST_ANSWER_SECONDS = 60.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the offered requests. `statuses` counts HTTP statuses, and `broken` for no answer at all.

    `late_ms`: how far the generator itself fell behind its own timetable, at most.
    """

    offered: int
    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    late_ms: float


class Crowd:
    """Sends each request at its time and waits for every answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[Connection] = []
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []

    async def ask(self, request: bytes) -> None:
        """Send one request and take its answer."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(LONGEST_ANSWER_SECONDS):
                reader, writer = await self._connection()
                writer.write(request)
                status = await _answer(reader)
            self._free.append((reader, writer))
        except (OSError, asyncio.IncompleteReadError):  # TimeoutError is an OSError
            status = "broken"
        self.statuses[status] += 1
        self.latencies.append(time.perf_counter() - started)

    async def _connection(self) -> Connection:
        """Return a free connection that the server has not closed meanwhile for being idle; else a new one."""
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(HOST, self._port)

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    length = length_of(head) or len(head)
    await reader.readexactly(length - len(head))
    return head[9:12].decode()


async def arrive(requests: list[bytes], *, port: int, rate: float, seconds: float) -> Arrivals:
    """Offer `rate` requests a second for so many `seconds`."""
    crowd, waiting, late = Crowd(port), set[asyncio.Task[None]](), 0.0
    offered = min(len(requests), round(rate * seconds))
    started = time.perf_counter()
    for number in range(offered):
        behind = time.perf_counter() - started - number / rate
        late = max(late, behind)
        if behind < 0:
            await asyncio.sleep(-behind)
        task = asyncio.create_task(crowd.ask(requests[number]))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    took = time.perf_counter() - started
    await asyncio.gather(*waiting)
    crowd.close()
    ordered = sorted(crowd.latencies)
    return Arrivals(
        offered=offered,
        seconds=took,
        statuses=dict(crowd.statuses),
        p50_ms=1000 * ordered[len(ordered) // 2],
        p99_ms=1000 * ordered[int(len(ordered) * 0.99)],
        late_ms=1000 * late,
    )


def main() -> None:
    file, port, rate, seconds = sys.argv[1:]
    requests = unpack(Path(file).read_bytes())
    found = uvloop.run(arrive(requests, port=int(port), rate=float(rate), seconds=float(seconds)))
    print(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main()
