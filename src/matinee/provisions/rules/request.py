"""From a key table and its values to the one URL that is sent, byte for byte."""

import re
from urllib.parse import quote, urlsplit

from matinee.provisions.egress import with_scheme
from matinee.provisions.rules.excerpt import MASK
from matinee.provisions.types import HttpRequest, KeyMapping, PlatformValue, ProvisionConfig, Values

LONGEST_REQUEST_URL = 8000

_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_PRICE = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?\Z")

_REFERENCES = frozenset({PlatformValue.REFERENCE, PlatformValue.REFUND_REFERENCE})
_INDISPENSABLE = _REFERENCES | {
    PlatformValue.USERID, PlatformValue.CONTENT_ID, PlatformValue.CONTENT_PRICE, PlatformValue.CURRENCY,
    PlatformValue.CHARGE_ID,
}  # fmt: skip
"""A call that maps one of these and has no value for it is not sent: it would charge something else."""

_PERSONAL = frozenset(
    {
        PlatformValue.USERID, PlatformValue.CUSTOMER_MAPPING_ID, PlatformValue.UUID,
        PlatformValue.CITY, PlatformValue.STATE, PlatformValue.COUNTRY,
    }
)  # fmt: skip
"""Masked in the attempt log, which outlives an erasure request."""


class RequestNotBuilt(ValueError):
    """A value that the request needs is missing or malformed; nothing is sent."""


def build_charge(config: ProvisionConfig, values: Values) -> HttpRequest:
    """Return the charge. Raises RequestNotBuilt, also when an echo could not be compared later."""
    fields = config.answer
    compared = {
        PlatformValue.REFERENCE: fields.reference,
        PlatformValue.CONTENT_PRICE: fields.amount,
        PlatformValue.CURRENCY: fields.currency,
    }
    for value, place in compared.items():
        if place is not None and not values.get(value):
            raise RequestNotBuilt(f"There is no {value} to compare the answer with.")
    if not _PRICE.match(values.get(PlatformValue.CONTENT_PRICE, "0")):
        raise RequestNotBuilt("The content_price is not an amount such as 4.99.")
    return _build(config.base_url, config.charge.key_map, values)


def build_status(config: ProvisionConfig, values: Values) -> HttpRequest:
    """Return the status question. Raises RequestNotBuilt, also when the provision has no status call."""
    if config.status is None:
        raise RequestNotBuilt("The provision has no status call.")
    return _build(call_url(config.base_url, config.status.url), config.status.key_map, values)


def build_refund(config: ProvisionConfig, values: Values) -> HttpRequest:
    """Return the refund. Raises RequestNotBuilt, also when the provision has no refund call."""
    if config.refund is None:
        raise RequestNotBuilt("The provision has no refund call.")
    return _build(call_url(config.base_url, config.refund.url), config.refund.key_map, values)


def build_cancel(config: ProvisionConfig, values: Values) -> HttpRequest:
    """Return the call that closes a reference. Raises RequestNotBuilt, also when there is no cancel call."""
    if config.cancel is None:
        raise RequestNotBuilt("The provision has no cancel call.")
    return _build(call_url(config.base_url, config.cancel.url), config.cancel.key_map, values)


def call_url(base_url: str, url: str) -> str:
    """Return the address of a second call: `url` itself, or the path `url` on the base URL's host."""
    if not url.startswith("/"):
        return with_scheme(url)
    base = urlsplit(base_url)
    return f"{base.scheme}://{base.netloc}{url}"


def _build(url: str, key_map: tuple[KeyMapping, ...], values: Values) -> HttpRequest:
    """Append the key table, in its order, to whatever query the address already has."""
    path, _, given_query = url.partition("?")
    sent = [given_query] if given_query else []
    shown = [_masked_query(given_query)] if given_query else []
    secrets = _query_values(given_query)
    for mapping in key_map:
        name, text = quote(mapping.parameter, safe=""), _text(mapping, values)
        hidden = mapping.constant is not None or mapping.platform_value in _PERSONAL
        sent.append(f"{name}={quote(text, safe='', errors='replace')}")
        shown.append(f"{name}={MASK}" if hidden and text else sent[-1])
        if hidden:
            secrets.append(text)
    full = f"{path}?{'&'.join(sent)}" if sent else path
    if len(full) > LONGEST_REQUEST_URL:
        raise RequestNotBuilt(f"The request would be longer than {LONGEST_REQUEST_URL} characters.")
    shown_url = f"{path}?{'&'.join(shown)}" if shown else path
    return HttpRequest(url=full, shown=f"GET {shown_url}", secrets=tuple(secrets))


def _text(mapping: KeyMapping, values: Values) -> str:
    if mapping.platform_value is None:
        return mapping.constant or ""
    text = values.get(mapping.platform_value, "")
    if not text and mapping.platform_value in _INDISPENSABLE:
        raise RequestNotBuilt(f"There is no value for {mapping.platform_value}.")
    if mapping.platform_value in _REFERENCES and not _REFERENCE.match(text):
        raise RequestNotBuilt(f"The {mapping.platform_value} is not 1 to 64 letters, digits and hyphens.")
    return text


def _masked_query(query: str) -> str:
    return "&".join(f"{pair.partition('=')[0]}={MASK}" if "=" in pair else pair for pair in query.split("&"))


def _query_values(query: str) -> list[str]:
    return [value for pair in query.split("&") if (value := pair.partition("=")[2])]
