"""The sample billing server for journeys: started as operators' developers start it, with its own ledger."""

import json
import sys
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec
from tests.doubles.process import ServerProcess

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "billing"
FOLDER = SAMPLES / "python"
SETTINGS = SAMPLES / "provision.json"
SwitchPosition = Literal["ok", "decline", "lose-answers", "slow"]


class Rental(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the sample's ledger. `asked`: how often the charge call came with this reference."""

    transaction: str
    reference: str
    userid: str
    content_id: str
    content_name: str
    amount: Decimal
    currency: str
    state: Literal["charged", "declined", "refunded", "cancelled"]
    refund_reference: str | None
    asked: int
    at: str


class SampleBilling:
    """Starts at once, on a free port unless one is named. `stop`, `kill` and `start` keep port and ledger."""

    def __init__(self, database: Path, *, secret: str = "", port: int = 0) -> None:
        self.database, self.secret, self.port = database, secret, port
        self.start()

    def start(self) -> None:
        """Raises DidNotStart, for example when the port is taken."""
        self.server = ServerProcess(
            [
                sys.executable,
                "server.py",
                f"--port={self.port}",
                f"--database={self.database}",
                f"--secret={self.secret}",
            ],
            folder=FOLDER,
        )
        self.port = urlsplit(self.server.first_line.split()[-1]).port or 0

    def stop(self) -> int:
        """Return the exit status."""
        return self.server.stop()

    def kill(self) -> int:
        return self.server.kill()

    @property
    def url(self) -> str:
        """The page of charges."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def base_url(self) -> str:
        """The base URL of a provision."""
        return f"{self.url}rentals"

    def behave(self, behaviour: SwitchPosition, *, count: int | None = None) -> None:
        """Turn the switch; with `count`, for so many charge calls only."""
        form = {"behaviour": behaviour} | ({} if count is None else {"count": str(count)})
        self._request("POST", "/behaviour", urlencode(form))

    def rentals(self, reference: str | None = None) -> list[Rental]:
        """The ledger, oldest first."""
        listed = json.loads(self._request("GET", "/ledger.json"))["rentals"]
        for one in listed:
            one["amount"] = one["amount"] or "0"  # cancelled before it was ever charged
        found = msgspec.convert(listed, list[Rental])
        return [one for one in found if reference in (None, one.reference)]

    def standing(self) -> list[Rental]:
        """What was charged and not given back."""
        return [one for one in self.rentals() if one.state == "charged"]

    def _request(self, method: str, path: str, body: str = "") -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            data = answer.read()
            if answer.status >= 400:
                raise ValueError(f"{method} {path}: {data!r}")
            return data
        finally:
            connection.close()
