"""Purchases, reversals and what moves them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from matinee.customers.types import PaymentType
from matinee.kernel.money import Money
from matinee.kernel.periods import WindowUnit


class PurchaseState(StrEnum):
    """Where a purchase stands; `rules.TRANSITIONS` says what may follow."""

    RESERVED = "RESERVED"
    CHARGING = "CHARGING"
    UNKNOWN = "UNKNOWN"
    REVIEW = "REVIEW"
    GRANTED = "GRANTED"
    DECLINED = "DECLINED"
    VOID = "VOID"
    NOT_SENT = "NOT_SENT"
    REVERSING = "REVERSING"
    REVERSED = "REVERSED"
    REFUND_OPEN = "REFUND_OPEN"


class StaffVerdict(StrEnum):
    """What staff found in billing's own books."""

    CHARGED = "charged"
    NOT_CHARGED = "not_charged"


class Evidence(StrEnum):
    """Why we believe that a charge stands."""

    ANSWER = "answer"
    STATUS = "status"
    STAFF = "staff"
    LATE_CHARGE = "late_charge"
    WALLET = "wallet"
    SETTLEMENT = "settlement"


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """One confirmed order, with the terms it was sold with. Amounts in minor units, tax contained.

    `epoch` rises with each claim and before each cancel; whoever acts on an older epoch loses. `reference` is what
    billing knows the charge by: it depends on the slot and its `generation` alone.
    """

    operator_id: UUID
    customer_id: UUID
    purchase_id: UUID
    item_kind: str
    item_id: UUID
    item_title: str
    generation: int
    reference: str
    state: PurchaseState
    state_since: datetime
    slot_released_at: datetime | None
    epoch: int
    deadline_at: datetime | None
    claimed_at: datetime | None
    next_check_at: datetime | None
    checked_at: datetime | None
    check_count: int
    not_found_at: datetime | None
    gave_up_at: datetime | None
    alerted_at: datetime | None
    evidence: Evidence | None
    amount_minor: int
    currency: str
    tax_minor: int
    tax_rate_basis_points: int
    payment_type: PaymentType
    product_id: UUID
    provision_id: UUID | None
    provision_version: int | None
    rule_id: UUID
    rule_name: str
    rule_unit: WindowUnit
    rule_quantity: int
    finish_window_hours: int | None
    runtime_minutes: int
    licence_ends_at: datetime | None
    device_id: UUID
    confirmed_at: datetime
    granted_at: datetime | None
    billing_transaction: str | None
    decline_reason: str | None

    @property
    def price(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def charge_began_at(self) -> datetime:
        """From when on a charge may land: the claim, or the confirmation of what was never claimed."""
        return self.claimed_at or self.confirmed_at


class ReversalState(StrEnum):
    """Where a reversal stands."""

    REVERSING = "REVERSING"
    REVERSED = "REVERSED"
    REFUND_OPEN = "REFUND_OPEN"


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """A liability that was booked, with a refund reference of its own.

    `is_duplicate`: it gives back one charge too many; the purchase keeps its state.
    `tries` counts the refund calls that may have been sent; more than none means that the outcome may be unclear.
    """

    operator_id: UUID
    customer_id: UUID
    reversal_id: UUID
    purchase_id: UUID
    is_duplicate: bool
    charge_id: str | None
    refund_reference: str
    state: ReversalState
    state_since: datetime
    booked_at: datetime
    tries: int
    epoch: int
    next_check_at: datetime | None
    alerted_at: datetime | None
    reason: str
    requested_by: str


class PurchaseEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One change of state. `cause` is a stable code."""

    at: datetime
    from_state: PurchaseState | None
    to_state: PurchaseState
    epoch: int
    cause: str


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call to billing as the attempt log keeps it; `exchange` is masked."""

    at: datetime
    call: str
    outcome: str
    request: str
    status: int | None
    body: str
    elapsed_ms: int
    cause: str
    matched: str = ""


class RefundProposal(msgspec.Struct, frozen=True, kw_only=True, tag="refund"):
    """Give the money of a purchase back."""

    purchase_id: UUID


class SettleProposal(msgspec.Struct, frozen=True, kw_only=True, tag="settle"):
    """Settle an unclear purchase as billing's books say."""

    purchase_id: UUID
    verdict: StaffVerdict


class WalletProposal(msgspec.Struct, frozen=True, kw_only=True, tag="wallet"):
    """Add credits to a wallet, or take some away (below 0)."""

    credits_added: int


class GrantProposal(msgspec.Struct, frozen=True, kw_only=True, tag="grant"):
    """Let a customer play an item without paying.

    For how long: as a PPV rule says (`rule_id`), or `until`; for an unclear purchase (`for_purchase_id`) as that was
    sold.
    """

    item_kind: str
    item_id: UUID
    rule_id: UUID | None = None
    until: datetime | None = None
    for_purchase_id: UUID | None = None


Proposal = RefundProposal | SettleProposal | WalletProposal | GrantProposal


class DecisionOutcome(StrEnum):
    """What became of a request. `lapsed`: the world had changed, so that it could not be done any more."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What one person asked for and another one decides. `outcome` None: it is open."""

    operator_id: UUID
    customer_id: UUID
    decision_id: UUID
    kind: str
    purchase_id: UUID | None
    item_title: str
    amount_minor: int
    currency: str
    proposal: Proposal
    reason: str
    requested_by: UUID
    requester_name: str
    requested_at: datetime
    outcome: DecisionOutcome | None
    decided_by: UUID | None
    decider_name: str | None
    decided_at: datetime | None
    decision_reason: str | None


class WalletLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a wallet's ledger, seen from the customer: `credits_added` is below 0 for what was spent."""

    entry_id: UUID
    posted_at: datetime
    cause: str
    credits_added: int
    balance: int
    item_title: str | None
    purchase_id: UUID | None
    reason: str
    posted_by: str


class Named(msgspec.Struct, frozen=True):
    """A purchase that a reference leads to, with all its reversals, oldest first.

    `nothing_stood`: its access had ended because no charge stood.
    """

    purchase: Purchase
    reversals: tuple[Reversal, ...]
    nothing_stood: bool
