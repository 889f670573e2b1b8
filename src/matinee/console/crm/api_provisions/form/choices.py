"""What the drop-downs of the form offer, in the words of whoever sets up a billing system."""

from collections.abc import Mapping
from typing import Final

from matinee.provisions.types import (
    REFUND_VALUES,
    AmountFormat,
    LetterCase,
    PlatformValue,
    TimeFormat,
    ValueFormat,
)

CONSTANT: Final = "constant"
SECRET: Final = "secret"

Choices = list[tuple[str, str]]

VALUE_WORDS: Final[Mapping[str, str]] = {
    PlatformValue.USERID: "customer's user name",
    PlatformValue.CONTENT_ID: "id of what is sold",
    PlatformValue.CONTENT_NAME: "title of what is sold",
    PlatformValue.CONTENT_PRICE: "price, such as 4.99",
    PlatformValue.CURRENCY: "currency, such as EUR",
    PlatformValue.CITY: "customer's city",
    PlatformValue.STATE: "customer's state",
    PlatformValue.COUNTRY: "customer's country",
    PlatformValue.UUID: "device",
    PlatformValue.CMS: "CMS service name",
    PlatformValue.CRM: "CRM service name",
    PlatformValue.REFERENCE: "charge reference, the same for a repeat",
    PlatformValue.RULE_NAME: "name of the PPV rule",
    PlatformValue.PRODUCT_MAPPING_ID: "product's mapping id",
    PlatformValue.CUSTOMER_MAPPING_ID: "customer's mapping id",
    PlatformValue.REQUESTED_AT: "time of the request",
    PlatformValue.CONTENT_TYPE: "type of content, such as movie",
    PlatformValue.CALLBACK_URL: "address for callbacks",
    PlatformValue.REFUND_REFERENCE: "reference of the refund",
    PlatformValue.CHARGE_ID: "billing's id of the charge",
}

METHODS: Final[Choices] = [
    ("get", "GET: parameters in the address"),
    ("post_form", "POST: a form"),
    ("post_json", "POST: one JSON object"),
]
PARTS: Final[Choices] = [
    ("status", "HTTP status"),
    ("body", "Body"),
    ("json", "JSON at"),
    ("header", "Header"),
    ("xml", "XML at"),
]
COMPARISONS: Final[Choices] = [
    ("is", "is"),
    ("contains", "contains"),
    ("matches", "matches (RE2)"),
    ("exists", "is there"),
]
PLACES: Final[Choices] = [("json", "JSON at"), ("header", "Header"), ("xml", "XML at")]
COMBINE: Final[Choices] = [("all", "all of these hold"), ("any", "one of these holds")]
AMOUNTS: Final[Choices] = [("decimal", "such as 4.99"), ("minor", "in minor units, such as 499")]
AUTH: Final[Choices] = [
    ("none", "None"),
    ("basic", "User name and password (Basic)"),
    ("bearer", "Bearer token"),
    ("header", "A secret in a header"),
    ("hmac", "Signature (HMAC, Standard Webhooks)"),
    ("oauth2", "OAuth 2 client credentials"),
]
CLIENT_AUTH: Final[Choices] = [
    ("basic", "in the header (Basic)"),
    ("body", "in the form body"),
]
FORMATS: Final[Choices] = [
    ("", "as usual"),
    ("minor", "price as 499"),
    ("digits:0", "price as 5"),
    ("digits:2", "price as 4.99"),
    ("digits:3", "price as 4.990"),
    ("number", "price as a JSON number"),
    ("minor+number", "price as the JSON number 499"),
    ("epoch_seconds", "time as Unix seconds"),
    ("epoch_milliseconds", "time as Unix milliseconds"),
    ("epoch_seconds+number", "time as a JSON number of seconds"),
    ("epoch_milliseconds+number", "time as a JSON number of milliseconds"),
    ("upper", "in CAPITALS"),
    ("lower", "in small letters"),
]


def value_choices(table: str) -> Choices:
    """Return what the left column of a key table or of headers offers."""
    offered = [value for value in PlatformValue if table.startswith("refund") or value not in REFUND_VALUES]
    return [
        ("", "Choose…"),
        *((value.value, f"{value.value} · {VALUE_WORDS[value]}") for value in offered),
        (CONSTANT, "a fixed text of yours"),
        (SECRET, "a secret, by its name"),
    ]


def format_choices(current: str) -> Choices:
    """Return the formats; one that was imported and is not among them is offered as it is written."""
    known = {value for value, _ in FORMATS}
    return FORMATS if current in known else [*FORMATS, (current, current.replace("+", ", "))]


def format_text(how: ValueFormat) -> str:
    """Return a format as the drop-down names it; empty when it is the usual one."""
    parts = []
    if how.amount is AmountFormat.MINOR:
        parts.append("minor")
    if how.digits is not None:
        parts.append(f"digits:{how.digits}")
    if how.time is not TimeFormat.ISO_8601:
        parts.append(how.time.value)
    if how.letter_case is not LetterCase.AS_IS:
        parts.append(how.letter_case.value)
    return "+".join([*parts, "number"] if how.as_number else parts)


def format_of(text: str) -> ValueFormat:
    """Return the format that a text of the drop-down names; words there are not mean nothing."""
    words = set(text.split("+"))
    digits = next((word.partition(":")[2] for word in words if word.startswith("digits:")), "")
    return ValueFormat(
        amount=AmountFormat.MINOR if "minor" in words else AmountFormat.DECIMAL,
        digits=int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 3 else None,
        time=next((kind for kind in TimeFormat if kind.value in words), TimeFormat.ISO_8601),
        letter_case=next((kind for kind in LetterCase if kind.value in words), LetterCase.AS_IS),
        as_number="number" in words,
    )
