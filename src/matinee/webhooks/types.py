"""Endpoints, deliveries and their tries."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec


class EventKind(StrEnum):
    """What may be told; the names are part of the contract with the operator's systems."""

    PURCHASE_GRANTED = "purchase.granted"
    PURCHASE_DECLINED = "purchase.declined"
    PURCHASE_REVERSED = "purchase.reversed"
    ENTITLEMENT_STARTED = "entitlement.started"
    ENTITLEMENT_ENDED = "entitlement.ended"


EVERY_KIND: Final = frozenset(EventKind)


class EndpointDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What staff say of an endpoint: where to, what it is for, and which kinds it is told."""

    url: str
    description: str = ""
    kinds: frozenset[EventKind] = EVERY_KIND


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One address of the operator's that is told. Its secret can be replaced, never read back."""

    endpoint_id: UUID
    draft: EndpointDraft
    version: int
    switched_off_at: datetime | None
    switched_off_because: str
    created_at: datetime
    updated_at: datetime


class DeliveryState(StrEnum):
    """PENDING is tried again by itself; FAILED only when staff send it again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryKey(msgspec.Struct, frozen=True, kw_only=True):
    """Names one event on its way to one endpoint."""

    operator_id: UUID
    customer_id: UUID
    event_id: UUID
    endpoint_id: UUID


class EventKey(msgspec.Struct, frozen=True, kw_only=True):
    """Names one event that has not been handed to its endpoints yet."""

    operator_id: UUID
    customer_id: UUID
    event_id: UUID


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the log. `status`: HTTP status of the last try; `cause`: why it did not arrive, a stable code."""

    key: DeliveryKey
    kind: str
    url: str
    purchase_id: UUID | None
    state: DeliveryState
    tries: int
    next_try_at: datetime | None
    status: int | None
    cause: str
    created_at: datetime


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the log; `answer` is the start of what came back, masked."""

    at: datetime
    status: int | None
    cause: str
    elapsed_ms: int
    answer: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one try needs. `body` is byte for byte the same at every try."""

    key: DeliveryKey
    url: str
    sealed_secret: bytes
    body: bytes


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a try went. `cause` is empty when it arrived."""

    status: int | None
    cause: str
    elapsed_ms: int
    answer: str


class EventBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: the kind, when it happened (ISO 8601, UTC) and what happened."""

    type: str
    timestamp: datetime
    data: dict[str, Any]
