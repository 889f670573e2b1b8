"""The billing double as a process: `python -m tests.doubles.billing_server`, then BillingDouble talks to it.

It prints one line of JSON with its port when it is ready, and ends when its standard input is closed, so that
it never outlives the tests that started it.
"""

import asyncio
import contextlib
import hmac
import json
import socket
import struct
import sys
from base64 import b64encode
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from tests.doubles.answers import Answer, answer_for
from tests.doubles.ledger import CLASS_A, Ledger, Order
from tests.doubles.misbehaviour import HONEST, Behaviour, Call

CALLS: dict[str, Call] = {
    "/rentals": "charge",
    "/rentals/status": "status",
    "/rentals/refund": "refund",
    "/rentals/cancel": "cancel",
}


@dataclass
class Pending:
    """A call whose effect has not happened yet."""

    reference: str
    land: Callable[[], object]
    timer: asyncio.TimerHandle | None = None


@dataclass
class State:
    """All that a reset throws away."""

    ledger: Ledger = field(default_factory=Ledger)
    requests: list[dict[str, Any]] = field(default_factory=list)
    queues: dict[str, deque[Behaviour]] = field(default_factory=lambda: defaultdict(deque))
    defaults: dict[str, Behaviour] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    secret: str = ""
    authorization: str = ""
    signing_key: str = ""
    per_second: float = 0.0
    rejects: bool = False
    next_turn: float = 0.0

    def treatment(self, call: Call) -> Behaviour:
        queue = self.queues[call]
        return queue.popleft() if queue else self.defaults.get(call, HONEST)

    def land(self, reference: str | None = None) -> int:
        """Let pending effects happen, in the order in which they were asked for."""
        due = [one for one in self.pending if reference in (None, one.reference)]
        for one in due:
            self.pending.remove(one)
            if one.timer:
                one.timer.cancel()
            one.land()
        return len(due)

    def release(self) -> int:
        """Let everything that waits go on."""
        self.released.set()
        self.released = asyncio.Event()
        return self.waiting


class Double:
    """The billing calls and, under /_control, what the test sets and reads."""

    def __init__(self) -> None:
        self.state = State()

    # The billing system

    async def serve(self, request: web.Request) -> web.StreamResponse:
        call, state = CALLS[request.path.rstrip("/")], self.state
        given = await self.note(request, call)
        behaviour = state.treatment(call)
        if not await knows(request, state):
            return web.json_response({"status": "unauthorized"}, status=401)
        if call not in ("charge", *state.ledger.capabilities):
            return web.Response(status=404, text="Not Found")
        if not await self.turn(state):
            return web.json_response({"status": "busy"}, status=429)
        if behaviour.held == "before":
            await self.wait(state)
        answer = self.apply(state, call, given, behaviour)
        if behaviour.delay_seconds:
            await asyncio.sleep(behaviour.delay_seconds)
        if behaviour.held == "after":
            await self.wait(state)
        return await deliver(request, answer, behaviour, state)

    async def note(self, request: web.Request, call: Call) -> dict[str, str]:
        """Log the request before anything can go wrong; return its parameters."""
        body = await request.text()
        query = request.raw_path.partition("?")[2]
        encoded = body if request.method == "POST" else query
        peer = request.transport.get_extra_info("peername") if request.transport else None
        self.state.requests.append(
            {
                "number": len(self.state.requests) + 1,
                "call": call,
                "method": request.method,
                "path": request.path,
                "query": query,
                "body": body,
                "parameters": parse_qsl(encoded, keep_blank_values=True),
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "peer_port": peer[1] if peer else 0,
                "at": now(),
            }
        )
        if request.method == "POST" and request.content_type == "application/json":
            return flat(json.loads(body))
        return dict(parse_qsl(encoded, keep_blank_values=True))

    async def turn(self, state: State) -> bool:
        """Wait for this request's turn; False if a busy system refuses instead."""
        if not state.per_second:
            return True
        clock = asyncio.get_running_loop().time()
        wait = state.next_turn - clock
        if wait > 0 and state.rejects:
            return False
        state.next_turn = max(clock, state.next_turn) + 1 / state.per_second
        if wait > 0:
            await asyncio.sleep(wait)
        return True

    async def wait(self, state: State) -> None:
        state.waiting += 1
        try:
            await state.released.wait()
        finally:
            state.waiting -= 1

    def apply(self, state: State, call: Call, given: dict[str, str], behaviour: Behaviour) -> Answer:
        """Do to the ledger what the behaviour says; return the answer that the caller is told."""
        try:
            act = EFFECTS[call](state.ledger, given, behaviour)
        except KeyError as missing:
            return Answer(400, {"status": "invalid", "field": missing.args[0]})
        repeats = {"honest": 1, "refuse": 1, "twice": 2, "twice_late": 1}.get(behaviour.effect, 0)
        results = [act() for _ in range(repeats)]
        if behaviour.effect in ("late", "twice_late"):
            self.postpone(state, Pending(given.get("reference", ""), act), behaviour.land_after_seconds)
        return answer_for(state.ledger, call, given, behaviour, results[0] if results else None)

    def postpone(self, state: State, pending: Pending, seconds: float | None) -> None:
        state.pending.append(pending)
        if seconds is None:
            return

        def due() -> None:
            if pending in state.pending:
                state.pending.remove(pending)
                pending.land()

        pending.timer = asyncio.get_running_loop().call_later(seconds, due)

    # The control of the test

    async def control(self, request: web.Request) -> web.Response:
        """POST /_control/NAME with a JSON object as arguments."""
        given = await request.json()
        try:
            result = getattr(self, f"control_{request.match_info['name']}")(**given)
        except (AttributeError, TypeError, msgspec.ValidationError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(result)

    def control_reset(self) -> None:
        state, self.state = self.state, State()
        for one in state.pending:
            if one.timer:
                one.timer.cancel()
        state.release()

    def control_configure(
        self,
        capabilities: list[str],
        secret: str,
        per_second: float,
        rejects: bool,
        authorization: str,
        signing_key: str,
    ) -> None:
        unknown = set(capabilities) - CLASS_A - {"cancel"}
        if unknown:
            raise TypeError(f"no such capability: {', '.join(unknown)}")
        self.state.ledger.capabilities = frozenset(capabilities)
        self.state.secret, self.state.next_turn = secret, 0.0
        self.state.per_second, self.state.rejects = per_second, rejects
        self.state.authorization, self.state.signing_key = authorization, signing_key

    def control_behave(self, call: Call, behaviours: list[Any], always: bool) -> None:
        treatments = msgspec.convert(behaviours, list[Behaviour])
        if call not in CALLS.values():
            raise TypeError(f"no such call: {call}")
        if always:
            self.state.queues[call].clear()
            self.state.defaults[call] = treatments[0]
        else:
            self.state.queues[call].extend(treatments)

    def control_land(self, reference: str | None) -> int:
        return self.state.land(reference)

    def control_release(self) -> int:
        return self.state.release()

    def control_requests(self) -> list[dict[str, Any]]:
        return self.state.requests

    def control_ledger(self) -> dict[str, Any]:
        ledger = self.state.ledger
        return {
            "charges": [
                {
                    **asdict(one.order),
                    "amount": str(one.order.amount),
                    "serial": one.serial,
                    "at": one.at,
                    "reversed": one.reversed,
                }
                for one in ledger.charges
            ],
            "declined": sorted(ledger.declined),
            "cancelled": sorted(ledger.cancelled),
            "refunds": {reference: charge.serial for reference, charge in ledger.refunds.items()},
            "pending": [one.reference for one in self.state.pending],
            "waiting": self.state.waiting,
        }


def flat(document: dict[str, Any], above: str = "") -> dict[str, str]:
    """The members of a JSON object by their dotted names."""
    found: dict[str, str] = {}
    for name, value in document.items():
        found |= flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: str(value)}
    return found


async def knows(request: web.Request, state: State) -> bool:
    """Whether the request shows what was asked for: a secret, a header Authorization, a signature."""
    given = request.headers
    if state.secret and not compare_digest(given.get("X-Billing-Secret", ""), state.secret):
        return False
    if state.authorization and not compare_digest(given.get("Authorization", ""), state.authorization):
        return False
    if not state.signing_key:
        return True
    body = await request.read() if request.method == "POST" else request.raw_path.partition("?")[2].encode()
    signed = f"{given.get('webhook-id')}.{given.get('webhook-timestamp')}.".encode() + body
    expected = b64encode(hmac.digest(state.signing_key.encode(), signed, "sha256")).decode()
    return compare_digest(given.get("webhook-signature", ""), f"v1,{expected}")


def now() -> str:
    return datetime.now(UTC).isoformat()


def charging(ledger: Ledger, given: dict[str, str], behaviour: Behaviour) -> Callable[[], object]:
    order = Order.read(given)
    if behaviour.effect == "refuse" or (behaviour.effect == "honest" and order.userid == "probe-declined"):
        return lambda: ledger.decline(order)
    return lambda: ledger.charge(order, now())


def refunding(ledger: Ledger, given: dict[str, str], behaviour: Behaviour) -> Callable[[], object]:
    reference, own, transaction = given["reference"], given["refund_reference"], given.get("charge", "")
    if behaviour.effect == "refuse":
        return lambda: None
    return lambda: ledger.refund(reference, own, transaction)


def cancelling(ledger: Ledger, given: dict[str, str], behaviour: Behaviour) -> Callable[[], object]:
    reference = given["reference"]
    if behaviour.effect == "refuse":
        return lambda: None
    return lambda: ledger.cancel(reference)


def asking(ledger: Ledger, given: dict[str, str], behaviour: Behaviour) -> Callable[[], object]:
    reference = given["reference"]
    return lambda: ledger.standing(reference)


EFFECTS = {"charge": charging, "refund": refunding, "cancel": cancelling, "status": asking}


async def deliver(
    request: web.Request, answer: Answer, behaviour: Behaviour, state: State
) -> web.StreamResponse:
    """Send the answer, or spoil it, as the behaviour says."""
    data = answer.encoded() + b" " * behaviour.padding
    if behaviour.delivery == "hang":
        await hung(request, state)
    if behaviour.delivery in ("hang", "close", "reset"):
        hang_up(request, reset=behaviour.delivery == "reset")
        return web.Response()
    headers = {"Content-Type": answer.content_type, **behaviour.headers}
    if behaviour.delivery == "whole":
        return web.Response(status=answer.code, body=data, headers=headers)
    response = web.StreamResponse(status=answer.code, headers=headers)
    response.content_length = len(data)
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        if behaviour.delivery == "truncated":
            await response.write(data[: len(data) // 2])
            hang_up(request, reset=False)
            return response
        for position in range(len(data)):
            await response.write(data[position : position + 1])
            await asyncio.sleep(behaviour.byte_seconds)
        await response.write_eof()
    return response


async def hung(request: web.Request, state: State) -> None:
    """Return when the caller has given up, or at release() or reset()."""
    released = state.released
    while not released.is_set():
        if request.transport is None or request.transport.is_closing():
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(released.wait(), 0.05)


def hang_up(request: web.Request, *, reset: bool) -> None:
    """End the connection: politely, or so that the caller sees "connection reset"."""
    if request.transport is None:
        return
    if reset:
        line: socket.socket = request.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    else:
        request.transport.close()


def application() -> web.Application:
    double, app = Double(), web.Application(client_max_size=2**20)
    for path in CALLS:
        app.router.add_route("GET", path, double.serve)
        app.router.add_route("POST", path, double.serve)
    app.router.add_post("/_control/{name}", double.control)
    return app


async def main() -> None:
    runner = web.AppRunner(application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
