"""The load generator: reads whole answers, asks in order, and says when a server breaks off."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from benchmarks.load import BrokenAnswer, Generator, TooFewRequests, length_of, pack, unpack

REQUESTS = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(10)]


@pytest.mark.parametrize(
    ("answer", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 43),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: y\r\n\r\n", 44),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r", None),
    ],
)
def test_the_length_of_an_answer(answer: bytes, length: int | None) -> None:
    assert length_of(answer) == length


def test_an_answer_without_a_length_is_refused() -> None:
    with pytest.raises(BrokenAnswer):
        length_of(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def test_a_file_of_requests_keeps_them() -> None:
    assert unpack(pack(REQUESTS)) == REQUESTS


@contextmanager
def serving(answer: bytes, *, seen: list[bytes]) -> Iterator[int]:
    """Answer every request of one connection after another with the same bytes, in two pieces."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                while request := connection.recv(65536):
                    seen.append(request)
                    connection.sendall(answer[:20])
                    connection.sendall(answer[20:])

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


CREATED = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok"


def test_requests_are_asked_in_order() -> None:
    seen: list[bytes] = []
    many = REQUESTS * 10_000
    with serving(CREATED, seen=seen) as port:
        load = Generator(many, once=True, first=4).run("127.0.0.1", port, connections=1, seconds=0.01)
    assert seen == many[4 : load.asked]
    assert (load.answers, load.statuses) == (len(seen), {"201": len(seen)})
    assert load.per_second > 0


def test_a_server_that_has_answered_everything_is_not_measured_while_it_waits() -> None:
    seen: list[bytes] = []
    with serving(CREATED, seen=seen) as port, pytest.raises(TooFewRequests):
        Generator(REQUESTS, once=True, first=4).run("127.0.0.1", port, connections=1, seconds=5)
    assert seen == REQUESTS[4:]


def test_a_connection_that_is_closed_is_a_fault_not_a_pause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: listening.accept()[0].close())
        thread.start()
        port = listening.getsockname()[1]
        with pytest.raises((BrokenAnswer, ConnectionError)):
            Generator(REQUESTS, once=False, first=0).run("127.0.0.1", port, connections=1, seconds=1)
        thread.join(5)
