"""From a call's settings and its values to the one request that is sent, byte for byte."""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from matinee.platform.http.egress import with_scheme
from matinee.platform.http.messages import HttpRequest
from matinee.provisions.rules.bodies import LONGEST_BODY, encoded_query, form_body, json_body
from matinee.provisions.rules.excerpt import MASK
from matinee.provisions.rules.formats import NotWritten, minor_units, written
from matinee.provisions.rules.headers import header_text, is_header_text
from matinee.provisions.rules.parts import INDISPENSABLE, PERSONAL, REFERENCES, Part, is_reference
from matinee.provisions.types import (
    AmountFormat,
    CallConfig,
    CancelCall,
    HeaderMapping,
    KeyMapping,
    Method,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    SecretReader,
    StatusCall,
    ValueFormat,
    Values,
)

LONGEST_REQUEST_URL = 8000

_CONTENT_TYPES = {
    Method.POST_FORM: "application/x-www-form-urlencoded",
    Method.POST_JSON: "application/json",
}

AnyCall = CallConfig | StatusCall | RefundCall | CancelCall


class RequestNotBuilt(ValueError):
    """A value that the request needs is missing or malformed; nothing is sent."""


class _Source(NamedTuple):
    """What a request is made of: the values of this one call, and what opens the provision's secrets."""

    values: Values
    read: SecretReader | None


def build_charge(config: ProvisionConfig, values: Values, read: SecretReader | None = None) -> HttpRequest:
    """Return the charge. Raises RequestNotBuilt, also when an echo could not be compared later.

    `read` opens the provision's secrets by name; without it, a call that sends one is not built.
    """
    fields = config.answer
    compared = {
        PlatformValue.REFERENCE: fields.reference,
        PlatformValue.CONTENT_PRICE: fields.amount,
        PlatformValue.CURRENCY: fields.currency,
    }
    for value, place in compared.items():
        if place is not None and not values.get(value):
            raise RequestNotBuilt(f"There is no {value} to compare the answer with.")
    price, currency = values.get(PlatformValue.CONTENT_PRICE, "0"), values.get(PlatformValue.CURRENCY, "")
    try:
        written(PlatformValue.CONTENT_PRICE, {PlatformValue.CONTENT_PRICE: price}, ValueFormat())
        if fields.amount is not None and fields.amount_format is AmountFormat.MINOR:
            minor_units(price, currency)
    except NotWritten as problem:
        raise RequestNotBuilt(str(problem)) from problem
    return _build(config.base_url, config.charge, _Source(values, read))


def build_status(config: ProvisionConfig, values: Values, read: SecretReader | None = None) -> HttpRequest:
    """Return the status question. Raises RequestNotBuilt, also when the provision has no status call."""
    if config.status is None:
        raise RequestNotBuilt("The provision has no status call.")
    return _build(call_url(config.base_url, config.status.url), config.status, _Source(values, read))


def build_refund(config: ProvisionConfig, values: Values, read: SecretReader | None = None) -> HttpRequest:
    """Return the refund. Raises RequestNotBuilt, also when the provision has no refund call."""
    if config.refund is None:
        raise RequestNotBuilt("The provision has no refund call.")
    return _build(call_url(config.base_url, config.refund.url), config.refund, _Source(values, read))


def build_cancel(config: ProvisionConfig, values: Values, read: SecretReader | None = None) -> HttpRequest:
    """Return the call that closes a reference. Raises RequestNotBuilt, also when there is no cancel call."""
    if config.cancel is None:
        raise RequestNotBuilt("The provision has no cancel call.")
    return _build(call_url(config.base_url, config.cancel.url), config.cancel, _Source(values, read))


def call_url(base_url: str, url: str) -> str:
    """Return the address of a second call: `url` itself, or the path `url` on the base URL's host."""
    if not url.startswith("/"):
        return with_scheme(url)
    base = urlsplit(base_url)
    return f"{base.scheme}://{base.netloc}{url}"


def _build(url: str, call: AnyCall, source: _Source) -> HttpRequest:
    """Put each part in its place: the query, where the address may have some already, or the body; then headers."""
    parts = [_part(row.parameter, row, source) for row in call.key_map]
    sent = _sent(url, call.method, parts)
    shown = _sent(_masked(url), call.method, [part.masked(MASK) for part in parts], safe=MASK)
    fixed = _content_type(call)
    headers = [_header(row, source) for row in call.headers]
    shown_headers = [*fixed, *((name, MASK if hidden else text) for name, text, hidden in headers)]
    hidden_texts = [*_query_values(url), *(text for part in parts if part.hidden for text in part.texts)]
    return HttpRequest(
        method=_verb(call.method),
        url=sent.url,
        headers=(*fixed, *((name, text) for name, text, _ in headers)),
        body=sent.body,
        shown=_shown(_verb(call.method), shown, shown_headers),
        secrets=(*hidden_texts, *(text for _, text, hidden in headers if hidden)),
    )


class _Sent(NamedTuple):
    url: str
    body: bytes


def _sent(url: str, method: Method, parts: list[Part], *, safe: str = "") -> _Sent:
    if method is not Method.GET:
        try:
            body = json_body(parts) if method is Method.POST_JSON else form_body(parts, safe=safe)
        except ValueError as problem:
            raise RequestNotBuilt(str(problem)) from problem
        if len(body) > LONGEST_BODY:
            raise RequestNotBuilt(f"The body would be longer than {LONGEST_BODY} bytes.")
    else:
        body, query = b"", encoded_query(parts, safe=safe)
        address, _, given = url.partition("?")
        joined = "&".join(piece for piece in (given, query) if piece)
        url = f"{address}?{joined}" if joined else address
    if len(url) > LONGEST_REQUEST_URL:
        raise RequestNotBuilt(f"The request would be longer than {LONGEST_REQUEST_URL} characters.")
    return _Sent(url, body)


def _part(name: str, row: KeyMapping | HeaderMapping, source: _Source) -> Part:
    """Return one parameter or header with its text. Raises RequestNotBuilt."""
    if row.secret is not None:
        return Part(name=name, text=_secret(row.secret, source.read), hidden=True)
    if row.platform_value is None:
        return Part(name=name, text=row.constant or "", hidden=True)
    value, plain = row.platform_value, source.values.get(row.platform_value, "")
    if not plain and value in INDISPENSABLE:
        raise RequestNotBuilt(f"There is no value for {value}.")
    if value in REFERENCES and not is_reference(plain):
        raise RequestNotBuilt(f"The {value} is not 1 to 64 letters, digits and hyphens.")
    try:
        text = written(value, source.values, row.format)
    except NotWritten as problem:
        raise RequestNotBuilt(str(problem)) from problem
    return Part(name=name, text=text, plain=plain, hidden=value in PERSONAL, is_number=row.format.as_number)


def _secret(name: str, read: SecretReader | None) -> str:
    if read is None:
        raise RequestNotBuilt(f"The secret {name} is not set.")
    try:
        return read(name)
    except LookupError as error:
        raise RequestNotBuilt(f"The secret {name} is not set.") from error


def _header(row: HeaderMapping, source: _Source) -> tuple[str, str, bool]:
    """Return a header's name, its text, and whether that is masked where it is shown."""
    part = _part(row.name, row, source)
    text = part.text
    if row.platform_value is not None:
        try:
            text = header_text(text)
        except NotWritten as problem:
            raise RequestNotBuilt(str(problem)) from problem
    elif not is_header_text(text):
        raise RequestNotBuilt(f"The text for the header {row.name} has signs that a header cannot carry.")
    return row.name, text, part.hidden and bool(text)


def _content_type(call: AnyCall) -> list[tuple[str, str]]:
    own = {row.name.lower() for row in call.headers}
    if call.method is Method.GET or "content-type" in own:
        return []
    return [("Content-Type", _CONTENT_TYPES[call.method])]


def _verb(method: Method) -> str:
    return "GET" if method is Method.GET else "POST"


def _shown(verb: str, shown: _Sent, headers: Iterable[tuple[str, str]]) -> str:
    """Return the request as text: its line, its headers, a blank line and its body, as far as it has them."""
    head = "\n".join([f"{verb} {shown.url}", *(f"{name}: {text}" for name, text in headers)])
    return f"{head}\n\n{shown.body.decode()}" if shown.body else head


def _masked(url: str) -> str:
    """Return an address whose own query shows names only: a key may stand there."""
    address, _, query = url.partition("?")
    if not query:
        return address
    pairs = (f"{pair.partition('=')[0]}={MASK}" if "=" in pair else pair for pair in query.split("&"))
    return f"{address}?{'&'.join(pairs)}"


def _query_values(url: str) -> list[str]:
    query = url.partition("?")[2]
    return [value for pair in query.split("&") if (value := pair.partition("=")[2])]
