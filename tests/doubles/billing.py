"""A billing system whose misbehaviour is scripted, as a process of its own: the truth in tests of faults.

    with BillingDouble.started() as billing:
        billing.configure(capabilities=CLASS_B)
        billing.behave("charge", answer_lost(), declined())   # the next two charge calls
        ...                                                   # the product calls billing.base_url
        assert [charge.amount for charge in billing.standing()] == [Decimal("4.99")]

Calls are blocking and take about a millisecond, so that tests of any kind can make them.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import msgspec
from tests.doubles.ledger import CLASS_A
from tests.doubles.misbehaviour import Behaviour, Call
from tests.doubles.process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]


class RecordedCharge(msgspec.Struct, frozen=True, kw_only=True):
    """Money that was really taken. `reversed`: it was given back. `at`: ISO 8601."""

    serial: int
    reference: str
    userid: str
    content_id: str
    content_name: str
    amount: Decimal
    currency: str
    reversed: bool
    at: str

    @property
    def transaction(self) -> str:
        return f"tx-{self.serial}"


class RecordedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that arrived. `query` is raw; `peer_port` tells one connection from another."""

    number: int
    call: Call
    method: str
    path: str
    query: str
    body: str
    parameters: list[tuple[str, str]]
    headers: dict[str, str]
    peer_port: int
    at: str

    def parameter(self, name: str) -> str | None:
        return dict(self.parameters).get(name)


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """The whole state of the double. `pending`: references of effects yet to land. `waiting`: calls held."""

    charges: list[RecordedCharge]
    declined: list[str]
    cancelled: list[str]
    refunds: dict[str, int]
    pending: list[str]
    waiting: int


class BillingDouble:
    """Sets and reads a billing double. Start one with `started`, or take the fixture `billing_double`."""

    def __init__(self, port: int) -> None:
        self.port = port

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Self]:
        """Run a double on a free port of loopback for the length of a `with`."""
        server = ServerProcess([sys.executable, "-m", "tests.doubles.billing_server"], folder=ROOT)
        try:
            yield cls(json.loads(server.first_line)["port"])
        finally:
            server.stop()

    @property
    def base_url(self) -> str:
        """The address to charge at; `/status`, `/refund` and `/cancel` are below it."""
        return f"http://127.0.0.1:{self.port}/rentals"

    def reset(self) -> None:
        """Forget everything: an honest class A system with an empty ledger. Waiting calls are let go."""
        self._control("reset")

    def configure(
        self,
        *,
        capabilities: Iterable[str] = CLASS_A,
        secret: str = "",
        per_second: float = 0.0,
        rejects: bool = False,
        authorization: str = "",
        signing_key: str = "",
    ) -> None:
        """Say what the system can do; a call it lacks is answered with 404.

        `secret` is asked for in X-Billing-Secret, `authorization` as the header of this name; with `signing_key`
        a signature as in Standard Webhooks. Without them a call is answered with 401 and has no effect.

        `per_second` slows all calls together; they queue, or with `rejects` get 429 and no effect.
        """
        self._control(
            "configure",
            capabilities=sorted(capabilities),
            secret=secret,
            per_second=per_second,
            rejects=rejects,
            authorization=authorization,
            signing_key=signing_key,
        )

    def behave(self, call: Call, *behaviours: Behaviour) -> None:
        """Add treatments for the next calls of this kind, one each; then the usual one applies again."""
        self._control("behave", call=call, behaviours=msgspec.to_builtins(behaviours), always=False)

    def always(self, call: Call, behaviour: Behaviour) -> None:
        """Treat every call of this kind so, until it is set again; drops what was queued for it."""
        self._control("behave", call=call, behaviours=[msgspec.to_builtins(behaviour)], always=True)

    def land(self, reference: str | None = None) -> int:
        """Let late effects happen now, all or those of one reference; return how many there were."""
        return int(self._control("land", reference=reference))

    def release(self) -> int:
        """Let calls that hang or are held go on; return how many were held."""
        return int(self._control("release"))

    def books(self) -> Books:
        return msgspec.convert(self._control("ledger"), Books)

    def charges(self, reference: str | None = None) -> list[RecordedCharge]:
        """Every charge ever taken, in order, also those given back."""
        return [one for one in self.books().charges if reference in (None, one.reference)]

    def standing(self, reference: str | None = None) -> list[RecordedCharge]:
        """The charges that were not given back."""
        return [one for one in self.charges(reference) if not one.reversed]

    def requests(self, call: Call | None = None) -> list[RecordedRequest]:
        """Every request received, in order; a repeat by the double's own proxy is not one."""
        received = msgspec.convert(self._control("requests"), list[RecordedRequest])
        return [one for one in received if call in (None, one.call)]

    async def arrived(self, call: Call, count: int = 1, timeout_seconds: float = 10.0) -> None:
        """Wait until so many requests of this kind have come; raises TimeoutError."""
        await asyncio.to_thread(
            self._until, lambda: len(self.requests(call)) >= count, timeout_seconds, f"{count} x {call}"
        )

    async def holding(self, count: int = 1, timeout_seconds: float = 10.0) -> None:
        """Wait until so many calls are held; raises TimeoutError."""
        await asyncio.to_thread(
            self._until, lambda: self.books().waiting >= count, timeout_seconds, f"{count} held"
        )

    def _until(self, reached: Callable[[], bool], timeout_seconds: float, what: str) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not reached():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the billing double waited in vain for {what}")
            time.sleep(0.01)

    def _control(self, name: str, **arguments: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", f"/_control/{name}", json.dumps(arguments))
            answer = connection.getresponse()
            result = json.loads(answer.read())
            if answer.status != 200:
                raise ValueError(f"{name}: {result}")
            return result
        finally:
            connection.close()
