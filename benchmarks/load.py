"""A load generator in a process of its own: `python -m benchmarks.load REQUESTS HOST PORT CONNECTIONS SECONDS FIRST`.

REQUESTS is a file of whole HTTP/1.1 requests, each after its length in four bytes. Every connection has one request
under way, over and over, from number FIRST on, and starts at the beginning again after the last unless `--once` is
given. Prints one line of JSON (`Load`). A plain epoll loop: the generator shares a core with the database, and must
not be what is measured.
"""

import select
import socket
import struct
import sys
import time
from array import array
from contextlib import ExitStack
from pathlib import Path

import msgspec

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
_STRAGGLERS_SECONDS = 15.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run. Latencies in milliseconds; `statuses` counts the answers by HTTP status.

    `busy`: the part of the time for which the generator itself was computing. `asked`: how far it came in the file.
    """

    answers: int
    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    busy: float
    asked: int

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


class TooFewRequests(Exception):
    """Every request of the file was asked before the time was over: what was measured is a server that waited."""


class BrokenAnswer(Exception):
    """The server answered something that is no HTTP/1.1 with a length, or closed the connection."""


def length_of(answer: bytes) -> int | None:
    """Return how long a whole answer is, head and body, or None while its head is not complete."""
    head = answer.find(_END_OF_HEAD)
    if head < 0:
        return None
    lower = answer[:head].lower()
    at = lower.find(_LENGTH)
    if at < 0:
        raise BrokenAnswer(answer[:200].decode("latin-1"))
    end = lower.find(b"\r\n", at)
    value = lower[at + len(_LENGTH) : end if end > 0 else head]
    return head + len(_END_OF_HEAD) + int(value)


def pack(requests: list[bytes]) -> bytes:
    """Return the content of a file of requests."""
    return b"".join(struct.pack("!I", len(request)) + request for request in requests)


def unpack(content: bytes) -> list[bytes]:
    """Return the requests in a file's content."""
    requests, at = [], 0
    while at < len(content):
        (size,) = struct.unpack_from("!I", content, at)
        requests.append(content[at + 4 : at + 4 + size])
        at += 4 + size
    return requests


class _Client:
    """One connection and the request that is under way on it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.partly = b""


class Generator:
    """Keeps every connection busy until the time is over, then waits for what is under way."""

    def __init__(self, requests: list[bytes], *, once: bool, first: int) -> None:
        self._requests = requests
        self._once = once
        self._next = first
        self._statuses: dict[str, int] = {}
        self._latencies = array("d")
        self._under_way = 0

    def run(self, host: str, port: int, *, connections: int, seconds: float) -> Load:
        """Ask for so many `seconds`. Raises BrokenAnswer and, where each request is asked once, TooFewRequests."""
        with ExitStack() as stack:
            poll = stack.enter_context(select.epoll())
            clients = [_Client(host, port) for _ in range(connections)]
            for client in clients:
                stack.enter_context(client.socket)
                poll.register(client.socket, select.EPOLLIN)
            by_number = {client.socket.fileno(): client for client in clients}
            started, computed = time.perf_counter(), time.process_time()
            self._go(poll, by_number, until=started + seconds)
            took, busy = time.perf_counter() - started, time.process_time() - computed
        return self._result(took, busy)

    def _go(self, poll: select.epoll, by_number: dict[int, _Client], *, until: float) -> None:
        for client in by_number.values():
            self._send(client)
        clock = time.perf_counter
        while self._under_way:
            for number, _ in poll.poll(1.0):
                client = by_number[number]
                if self._received(client) and clock() < until:
                    self._send(client)
            if clock() > until + _STRAGGLERS_SECONDS:
                raise BrokenAnswer(f"{self._under_way} requests were not answered")

    def _send(self, client: _Client) -> None:
        if self._next >= len(self._requests):
            if self._once:
                raise TooFewRequests(f"all {len(self._requests)} were asked")
            self._next = 0
        request = self._requests[self._next]
        self._next += 1
        self._under_way += 1
        client.sent_at = time.perf_counter()
        client.socket.sendall(request)

    def _received(self, client: _Client) -> bool:
        """Take what has come; True when it completes an answer."""
        data = client.socket.recv(65536)
        if not data:
            raise BrokenAnswer("the server closed a connection")
        answer = client.partly + data if client.partly else data
        length = length_of(answer)
        if length is None or len(answer) < length:
            client.partly = answer
            return False
        client.partly = b""
        self._latencies.append(time.perf_counter() - client.sent_at)
        status = answer[9:12].decode()
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._under_way -= 1
        return True

    def _result(self, seconds: float, busy: float) -> Load:
        ordered = sorted(self._latencies)
        return Load(
            answers=len(ordered),
            seconds=seconds,
            statuses=self._statuses,
            p50_ms=1000 * ordered[len(ordered) // 2],
            p99_ms=1000 * ordered[int(len(ordered) * 0.99)],
            busy=busy / seconds,
            asked=self._next,
        )


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--once"]
    file, host, port, connections, seconds, first = arguments
    generator = Generator(unpack(Path(file).read_bytes()), once="--once" in sys.argv, first=int(first))
    load = generator.run(host, int(port), connections=int(connections), seconds=float(seconds))
    print(msgspec.json.encode(load).decode())


if __name__ == "__main__":
    main()
