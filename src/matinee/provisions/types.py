"""The words of an API provision: what is asked of billing, how its answers are read, what came of a call."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal
from uuid import UUID

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


API_TYPES: Mapping[str, ApiType] = MappingProxyType({"movie": ApiType("movie", "Movies")})
"""Every API type there is. A new one is one more entry; the exchange itself does not change."""


class KeyMapping(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the key table: `parameter` (theirs) carries a `platform_value` (ours) or a `constant`."""

    parameter: str
    platform_value: PlatformValue | None = None
    constant: str | None = None


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """When an answer counts: a status text compared by its number, and at most one condition on the body.

    `body_equals` ignores blank space around either text. Every condition given must hold.
    """

    status_text: str
    body_contains: str | None = None
    body_equals: str | None = None


SUCCESS = Match(status_text="200 OK")
NO_SUCCESS = Match(status_text="402 Payment Required")
NOT_FOUND = Match(status_text="404 Not Found")


class CallConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The charge: a GET of the base URL with the key table as its query."""

    key_map: tuple[KeyMapping, ...]
    success: Match = SUCCESS
    no_success: Match = NO_SUCCESS


class StatusCall(msgspec.Struct, frozen=True, kw_only=True):
    """Asks what billing knows of a reference.

    `url`: an address, or a path beginning with `/` on the base URL's host. `charges`: JSON pointer to the
    list of charges that stand; `charge_id`: pointer from one of its elements to the charge's id.
    `reference`: optional pointer to the reference that the answer is about.
    """

    url: str
    key_map: tuple[KeyMapping, ...]
    charged: Match = SUCCESS
    declined: Match = NO_SUCCESS
    not_found: Match = NOT_FOUND
    charges: str = "/charges"
    charge_id: str = "/id"
    reference: str | None = None


class RefundCall(msgspec.Struct, frozen=True, kw_only=True):
    """Gives a charge back. `url` as in StatusCall."""

    url: str
    key_map: tuple[KeyMapping, ...]
    success: Match = SUCCESS
    no_success: Match = NO_SUCCESS


class EchoPointers(msgspec.Struct, frozen=True, kw_only=True):
    """JSON pointers into the answer to a charge; None where the operator's answer has no such thing."""

    reference: str | None = None
    amount: str | None = None
    currency: str | None = None
    transaction_id: str | None = None
    decline_reason: str | None = None


class ProvisionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a provision, whole. `rules.validated_config` gives its normal form."""

    name: str
    base_url: str
    charge: CallConfig
    api_type: str = "movie"
    status: StatusCall | None = None
    refund: RefundCall | None = None
    echo: EchoPointers = EchoPointers()
    timeout_seconds: int = 10
    longest_processing_seconds: int = 0


class Capability(StrEnum):
    """What a billing system was proved to do; `docs/provision-protocol.md` says how."""

    IDEMPOTENT = "idempotent"
    STATUS = "status"
    CANCEL = "cancel"
    REFUND = "refund"


Capabilities = frozenset[Capability]
ProvisionClass = Literal["A", "B", "C", "D"]
CallName = Literal["charge", "status", "refund"]


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A GET ready to be sent. `shown` is the same line with constants and personal values masked.

    `secrets` are the texts that were masked, so that an answer repeating them can be masked as well.
    """

    url: str
    shown: str
    secrets: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer. One that was cut, encoded or broken never becomes an Answer."""

    status: int
    body: bytes


class Failure(StrEnum):
    """Why a call has no usable answer. The first group proves that nothing was sent."""

    NOT_BUILT = "not_built"
    EGRESS = "egress_refused"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    BROKEN = "broken"
    TOO_LARGE = "too_large"
    ENCODED = "encoded"


NOTHING_SENT = frozenset({Failure.NOT_BUILT, Failure.EGRESS, Failure.DNS, Failure.CONNECT, Failure.TLS})


class ChargeKind(StrEnum):
    """The five outcomes of a charge; never a boolean."""

    SUCCESS = "success"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    REVIEW = "review"
    UNKNOWN = "unknown"


class ChargeOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge came to. `cause` is a stable code: the rule that matched, or why nothing was certain."""

    kind: ChargeKind
    cause: str
    decline_reason: str | None = None
    transaction_id: str | None = None


class StatusKind(StrEnum):
    """What billing says stands under a reference."""

    CHARGED = "charged"
    DECLINED = "declined"
    NOT_FOUND = "not_found"
    NO_ANSWER = "no_answer"


class StatusOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """`charge_ids` lists the charges that stand, each once; empty unless CHARGED."""

    kind: StatusKind
    cause: str
    charge_ids: tuple[str, ...] = ()


class RefundKind(StrEnum):
    """What a refund came to."""

    REFUNDED = "refunded"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNCLEAR = "unclear"


class RefundOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """`cause` as in ChargeOutcome."""

    kind: RefundKind
    cause: str


class ExchangeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One call for the attempt log. `body` is at most 2 KiB, masked; `status` None: no answer."""

    call: CallName
    request: str
    elapsed_ms: int
    verdict: str
    cause: str
    status: int | None = None
    body: str = ""


class ChargeResult(msgspec.Struct, frozen=True):
    outcome: ChargeOutcome
    record: ExchangeRecord


class StatusResult(msgspec.Struct, frozen=True):
    outcome: StatusOutcome
    record: ExchangeRecord


class RefundResult(msgspec.Struct, frozen=True):
    outcome: RefundOutcome
    record: ExchangeRecord


class Verdict(StrEnum):
    """How a step of the probe went."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


class ProbeStep(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the probe's report. `request` and `answer` are masked like an ExchangeRecord."""

    name: str
    title: str
    verdict: Verdict
    detail: str
    request: str = ""
    answer: str = ""


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe did, in order, and what it proved."""

    steps: tuple[ProbeStep, ...]
    capabilities: Capabilities


class Provision(msgspec.Struct, frozen=True, kw_only=True):
    """A provision with one of its versions. `config` belongs to `version`; `switched_off_at` acts at once."""

    provision_id: UUID
    name: str
    api_type: str
    version: int
    config: ProvisionConfig
    switched_off_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ProvisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A provision in a list. `capabilities` are those that its current version was proved to have."""

    provision_id: UUID
    name: str
    api_type: str
    base_url: str
    version: int
    capabilities: Capabilities
    provision_class: ProvisionClass
    switched_off_at: datetime | None
    updated_at: datetime


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A probe that was run, with its report."""

    probe_id: UUID
    version: int
    report: ProbeReport
    created_by: str
    created_at: datetime
