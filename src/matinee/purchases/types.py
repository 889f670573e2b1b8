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


class Evidence(StrEnum):
    """Why we believe that a charge stands."""

    ANSWER = "answer"
    STATUS = "status"
    STAFF = "staff"
    LATE_CHARGE = "late_charge"
    WALLET = "wallet"


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """One confirmed order, with the terms it was sold with. Amounts in minor units, tax contained.

    `epoch` rises with each claim; whoever acts on an older epoch loses. `reference` is what billing
    knows the charge by: it depends on the slot and its `generation` alone.
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
