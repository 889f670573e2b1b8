"""One plain HTTP request on a fresh connection, as a stranger to our own code would send it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


@dataclass(frozen=True)
class Reply:
    code: int
    text: str
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        """What the JSON says."""
        return json.loads(self.text)


def send(
    url: str,
    given: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 10.0,
) -> Reply:
    """Send `given` as the query, or as the form of a POST; raises OSError or HTTPException.

    Without `given` the address is sent as it is, its own query included.
    """
    parts, encoded = urlsplit(url), urlencode(given or {}, quote_via=quote)
    path, body = url.removeprefix(f"{parts.scheme}://{parts.netloc}"), None
    if method == "POST":
        body = encoded
    elif given:
        path = f"{path}?{encoded}"
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        data = answer.read()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(code=answer.status, text=data.decode("utf-8"), headers=named)
    finally:
        connection.close()


def order(reference: str, **changes: str) -> dict[str, str]:
    """The parameters of a charge of 4.99 EUR, with changes."""
    usual = {
        "userid": "anna",
        "content_id": "m-1",
        "content_name": "The Long Night",
        "content_price": "4.99",
        "currency": "EUR",
        "reference": reference,
    }
    return usual | changes
