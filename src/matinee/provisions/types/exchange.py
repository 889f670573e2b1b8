"""One call: whom it goes to, the request, the answer, and what came of it."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from matinee.provisions.types.settings import ProvisionConfig

CallName = Literal["charge", "status", "refund", "cancel"]


class BillingTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a call goes to: one version of one provision, with its secrets by name, as they are sealed."""

    operator_id: UUID
    provision_id: UUID
    version: int
    config: ProvisionConfig
    sealed_secrets: Mapping[str, bytes] = {}

    def __repr__(self) -> str:
        """Name the target only: its settings may hold passwords of the operator's billing."""
        return f"BillingTarget({self.operator_id}, {self.provision_id}, version={self.version})"


SecretReader = Callable[[str], str]
"""Gives the text of one of a provision's secrets by its name; raises LookupError when there is none."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer; header names are in lower case. One that was cut or encoded never becomes an Answer."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes


class ChargeKind(StrEnum):
    """The five outcomes of a charge; never a boolean."""

    SUCCESS = "success"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    REVIEW = "review"
    UNKNOWN = "unknown"


class ChargeOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge came to. `cause` is a stable code: the rule that matched, or why nothing was certain.

    `decline_reason` is what the subscriber reads; `decline_code` is billing's own word, for staff.
    """

    kind: ChargeKind
    cause: str
    decline_reason: str | None = None
    decline_code: str | None = None
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


class CancelKind(StrEnum):
    """What closing a reference came to. REFUSED: it is charged already."""

    CANCELLED = "cancelled"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNCLEAR = "unclear"


class CancelOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """`cause` as in ChargeOutcome."""

    kind: CancelKind
    cause: str


class ExchangeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One call for the attempt log. `body` is at most 2 KiB, masked; `status` None: no answer.

    `matched` names the rules that the answer fits, for example `success`, or `success, no_success`;
    `decline_code` is billing's own word for a refusal, which the subscriber may not see.
    """

    call: CallName
    request: str
    elapsed_ms: int
    verdict: str
    cause: str
    status: int | None = None
    body: str = ""
    matched: str = ""
    decline_code: str | None = None


class ChargeResult(msgspec.Struct, frozen=True):
    outcome: ChargeOutcome
    record: ExchangeRecord


class StatusResult(msgspec.Struct, frozen=True):
    outcome: StatusOutcome
    record: ExchangeRecord


class RefundResult(msgspec.Struct, frozen=True):
    outcome: RefundOutcome
    record: ExchangeRecord


class CancelResult(msgspec.Struct, frozen=True):
    outcome: CancelOutcome
    record: ExchangeRecord
