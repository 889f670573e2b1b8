"""What a provision is made of: what is asked of billing, how, and how its answers are read."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

import msgspec


class PlatformValue(StrEnum):
    """The closed list of values that a provision may send: the left column of the key table."""

    USERID = "userid"
    CONTENT_ID = "content_id"
    CONTENT_NAME = "content_name"
    CONTENT_PRICE = "content_price"
    CURRENCY = "currency"
    CITY = "city"
    STATE = "state"
    COUNTRY = "country"
    UUID = "uuid"
    CMS = "cms"
    CRM = "crm"
    REFERENCE = "reference"
    RULE_NAME = "rule_name"
    PRODUCT_MAPPING_ID = "product_mapping_id"
    CUSTOMER_MAPPING_ID = "customer_mapping_id"
    REQUESTED_AT = "requested_at"
    CONTENT_TYPE = "content_type"
    CALLBACK_URL = "callback_url"
    REFUND_REFERENCE = "refund_reference"
    CHARGE_ID = "charge_id"


REFUND_VALUES = frozenset({PlatformValue.REFUND_REFERENCE, PlatformValue.CHARGE_ID})
"""Values that exist in a refund call only."""

Values = Mapping[PlatformValue, str]
"""What one call may send, as text: `content_price` in major units (`4.99`), times in ISO 8601."""


class ApiType(msgspec.Struct, frozen=True):
    """A kind of item that a provision sells. `code` is also the `content_type` that billing is told."""

    code: str
    title: str


API_TYPES: Mapping[str, ApiType] = MappingProxyType(
    {
        "movie": ApiType("movie", "Movies"),
        "live_event": ApiType("live_event", "Live events"),
        "season": ApiType("season", "Seasons"),
    }
)
"""Every API type there is. A new one is one more entry; the exchange itself does not change."""


# -- the request


class Method(StrEnum):
    """How a call is sent: parameters in the query, in a form, or as one JSON object (dotted names nest)."""

    GET = "get"
    POST_FORM = "post_form"
    POST_JSON = "post_json"


class AmountFormat(StrEnum):
    """How a price is written: in major units (`4.99`), or in minor ones (`499`)."""

    DECIMAL = "decimal"
    MINOR = "minor"


class TimeFormat(StrEnum):
    ISO_8601 = "iso_8601"
    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLISECONDS = "epoch_milliseconds"


class LetterCase(StrEnum):
    AS_IS = "as_is"
    UPPER = "upper"
    LOWER = "lower"


class ValueFormat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a value of ours is written; each part concerns the values that it fits.

    `digits`: of a decimal price; None: as many as its currency has. `as_number`: in JSON, without quotation
    marks (prices and times only).
    """

    amount: AmountFormat = AmountFormat.DECIMAL
    digits: int | None = None
    time: TimeFormat = TimeFormat.ISO_8601
    letter_case: LetterCase = LetterCase.AS_IS
    as_number: bool = False


class KeyMapping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the key table: `parameter` (theirs) carries one of three things of ours.

    `secret` is the NAME of one of the provision's secrets; its text is sealed elsewhere.
    """

    parameter: str
    platform_value: PlatformValue | None = None
    constant: str | None = None
    secret: str | None = None
    format: ValueFormat = ValueFormat()


class HeaderMapping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One header of a request; it carries the same as a row of the key table."""

    name: str
    platform_value: PlatformValue | None = None
    constant: str | None = None
    secret: str | None = None
    format: ValueFormat = ValueFormat()


# -- the answer


class AnswerPart(StrEnum):
    STATUS = "status"
    HEADER = "header"
    BODY = "body"
    JSON = "json"
    XML = "xml"


class Comparison(StrEnum):
    """`MATCHES`: an RE2 expression that is found anywhere in the text; `EXISTS`: the place is there at all."""

    IS = "is"
    CONTAINS = "contains"
    MATCHES = "matches"
    EXISTS = "exists"


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that an answer must show.

    `at`: a header's name, a JSON pointer or an XML path; empty for status and body. A status is compared by its
    number (`200 OK`), and only with IS. IS ignores blank space around either text.
    """

    part: AnswerPart
    comparison: Comparison = Comparison.IS
    at: str = ""
    text: str = ""


class AnswerRule(msgspec.Struct, frozen=True, kw_only=True):
    """When an answer counts: every one (`all`) or at least one (`any`) of its conditions holds.

    Whatever the conditions say, a redirect or a status of 500 and more never counts.
    """

    conditions: tuple[Condition, ...]
    combine: Literal["all", "any"] = "all"


def answer_rule(status_text: str, *, contains: str | None = None, equals: str | None = None) -> AnswerRule:
    """Return the usual rule: a status, and if wanted what the body contains or equals."""
    conditions = [Condition(part=AnswerPart.STATUS, text=status_text)]
    if contains is not None:
        conditions.append(Condition(part=AnswerPart.BODY, comparison=Comparison.CONTAINS, text=contains))
    if equals is not None:
        conditions.append(Condition(part=AnswerPart.BODY, text=equals))
    return AnswerRule(conditions=tuple(conditions))


SUCCESS = answer_rule("200 OK")
NO_SUCCESS = answer_rule("402 Payment Required")
NOT_FOUND = answer_rule("404 Not Found")
CONFLICT = answer_rule("409 Conflict")

PlacePart = Literal["header", "json", "xml"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in an answer a fact stands: `at` is a header's name, a JSON pointer or an XML path."""

    part: PlacePart
    at: str


def json_place(pointer: str) -> Place:
    """Return the place that a JSON pointer names."""
    return Place(part="json", at=pointer)


class AnswerFields(msgspec.Struct, frozen=True, kw_only=True):
    """What is read from the answer to a charge; None where the operator's answer has no such thing.

    Reference, amount (written as `amount_format` says) and currency are compared with what was sent.
    """

    reference: Place | None = None
    amount: Place | None = None
    currency: Place | None = None
    transaction_id: Place | None = None
    decline_reason: Place | None = None
    amount_format: AmountFormat = AmountFormat.DECIMAL


class DeclineText(msgspec.Struct, frozen=True, kw_only=True):
    """What the subscriber reads when billing declines with `code` (letter case does not matter)."""

    code: str
    text: str


# -- the calls


class CallConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The charge: the base URL with the key table."""

    key_map: tuple[KeyMapping, ...]
    method: Method = Method.GET
    headers: tuple[HeaderMapping, ...] = ()
    success: AnswerRule = SUCCESS
    no_success: AnswerRule = NO_SUCCESS


class StatusCall(msgspec.Struct, frozen=True, kw_only=True):
    """Asks what billing knows of a reference.

    `url`: an address, or a path beginning with `/` on the base URL's host. `charges`: where the list of the
    charges that stand is; `charge_id`: from one of its elements to the charge's id, a JSON pointer or an XML
    path as `charges` is. `reference`: where the reference stands that the answer is about, if it says so.
    """

    url: str
    key_map: tuple[KeyMapping, ...]
    method: Method = Method.GET
    headers: tuple[HeaderMapping, ...] = ()
    charged: AnswerRule = SUCCESS
    declined: AnswerRule = NO_SUCCESS
    not_found: AnswerRule = NOT_FOUND
    charges: Place = json_place("/charges")
    charge_id: str = "/id"
    reference: Place | None = None


class RefundCall(msgspec.Struct, frozen=True, kw_only=True):
    """Gives a charge back. `url` as in StatusCall."""

    url: str
    key_map: tuple[KeyMapping, ...]
    method: Method = Method.GET
    headers: tuple[HeaderMapping, ...] = ()
    success: AnswerRule = SUCCESS
    no_success: AnswerRule = NO_SUCCESS


class CancelCall(msgspec.Struct, frozen=True, kw_only=True):
    """Closes a reference: once acknowledged, nothing can be charged under it, not even by a late request.

    `refused`: it is charged already. `url` as in StatusCall.
    """

    url: str
    key_map: tuple[KeyMapping, ...]
    method: Method = Method.GET
    headers: tuple[HeaderMapping, ...] = ()
    acknowledged: AnswerRule = SUCCESS
    refused: AnswerRule = CONFLICT


# -- authentication: `..._secret` are names of the provision's secrets, never their texts


class NoAuth(msgspec.Struct, frozen=True, tag_field="kind", tag="none"):
    """Nothing; constants and headers of the calls may still carry a key."""


class BasicAuth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="basic"):
    username: str
    password_secret: str


class BearerAuth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="bearer"):
    token_secret: str


class HeaderAuth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="header"):
    """A secret in a header of the operator's choice."""

    header: str
    value_secret: str


class HmacAuth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="hmac"):
    """A signature as in Standard Webhooks, over the body of a POST or the raw query of a GET."""

    key_secret: str


class OAuth2Auth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="oauth2"):
    """OAuth 2 client credentials; the token is kept until shortly before it runs out.

    `client_auth`: where client id and secret stand in the request for a token, as Basic or as fields of its form.
    """

    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""
    client_auth: Literal["basic", "body"] = "basic"


Auth = NoAuth | BasicAuth | BearerAuth | HeaderAuth | HmacAuth | OAuth2Auth


class ProvisionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a provision, whole. `rules.validated_config` gives its normal form.

    `callback_secret` names the secret that callbacks are signed with; None: there are none. `most_at_once`:
    charges under way at one time, over all processes; None: no limit.
    """

    name: str
    base_url: str
    charge: CallConfig
    api_type: str = "movie"
    status: StatusCall | None = None
    refund: RefundCall | None = None
    cancel: CancelCall | None = None
    answer: AnswerFields = AnswerFields()
    decline_texts: tuple[DeclineText, ...] = ()
    auth: Auth = NoAuth()
    callback_secret: str | None = None
    most_at_once: int | None = None
    timeout_seconds: int = 10
    longest_processing_seconds: int = 0

    @property
    def calls(self) -> "tuple[CallConfig | StatusCall | RefundCall | CancelCall, ...]":
        """The calls that it has, the charge first."""
        possible = (self.charge, self.status, self.refund, self.cancel)
        return tuple(call for call in possible if call is not None)
