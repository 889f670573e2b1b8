"""Read endpoints, the log of deliveries, and what one try needs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Record, Transaction
from matinee.webhooks.types import (
    Delivery,
    DeliveryKey,
    DeliveryState,
    Endpoint,
    EndpointDraft,
    EventBody,
    EventKey,
    EventKind,
    Message,
    Try,
)

LOOK_AT = 200
"""Rows that one look at the due list gives."""

NO_ENDPOINT = "There is no such endpoint."
NO_DELIVERY = "There is no such delivery."


async def list_endpoints(tx: Transaction, *, operator_id: UUID) -> list[Endpoint]:
    """Return the operator's endpoints, oldest first. There are few of them."""
    rows = await tx.fetch(
        "SELECT * FROM event_endpoints WHERE operator_id = $1 ORDER BY created_at, endpoint_id", operator_id
    )
    return [_endpoint(row) for row in rows]


async def get_endpoint(tx: Transaction, *, operator_id: UUID, endpoint_id: UUID) -> Endpoint:
    """Return one endpoint. Raises NotFound."""
    row = await tx.fetchrow(
        "SELECT * FROM event_endpoints WHERE operator_id = $1 AND endpoint_id = $2", operator_id, endpoint_id
    )
    if row is None:
        raise NotFound(NO_ENDPOINT)
    return _endpoint(row)


async def due_events(
    tx: Transaction, *, now: datetime, per_operator: int, busy: Sequence[UUID]
) -> list[EventKey]:
    """Return events of every operator that nobody was handed yet, oldest first."""
    rows = await tx.fetch(
        "SELECT * FROM due_outgoing_events($1, $2, $3, $4)", now, LOOK_AT, per_operator, busy
    )
    return [EventKey(**dict(row)) for row in rows]


async def due_deliveries(
    tx: Transaction, *, now: datetime, per_operator: int, busy: Sequence[UUID]
) -> list[DeliveryKey]:
    """Return deliveries of every operator whose next try is due, longest due first."""
    rows = await tx.fetch(
        "SELECT * FROM due_event_deliveries($1, $2, $3, $4)", now, LOOK_AT, per_operator, busy
    )
    return [DeliveryKey(**dict(row)) for row in rows]


async def message_of(tx: Transaction, *, key: DeliveryKey) -> Message | None:
    """Return what a try needs; None when its endpoint is switched off or there is no such delivery."""
    row = await tx.fetchrow(
        """SELECT n.url, n.sealed_secret, e.kind, e.payload::text AS payload, e.created_at
           FROM event_deliveries d
           JOIN outgoing_events e ON e.operator_id = d.operator_id AND e.customer_id = d.customer_id
                                 AND e.event_id = d.event_id
           JOIN event_endpoints n ON n.operator_id = d.operator_id AND n.endpoint_id = d.endpoint_id
           WHERE d.operator_id = $1 AND d.customer_id = $2 AND d.event_id = $3 AND d.endpoint_id = $4
             AND n.switched_off_at IS NULL""",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id,
    )  # fmt: skip
    if row is None:
        return None
    said = EventBody(
        type=row["kind"], timestamp=row["created_at"], data=msgspec.json.decode(row["payload"], type=dict)
    )
    return Message(
        key=key, url=row["url"], sealed_secret=row["sealed_secret"], body=msgspec.json.encode(said)
    )


_DELIVERIES = """
    SELECT d.operator_id, d.customer_id, d.event_id, d.endpoint_id, e.kind, n.url, e.purchase_id, d.state, d.tries,
           d.next_try_at, d.status, d.cause, d.created_at
    FROM event_deliveries d
    JOIN outgoing_events e ON e.operator_id = d.operator_id AND e.customer_id = d.customer_id
                          AND e.event_id = d.event_id
    JOIN event_endpoints n ON n.operator_id = d.operator_id AND n.endpoint_id = d.endpoint_id
    WHERE d.operator_id = $1
"""

_WANTED = """
    AND ($2::uuid IS NULL OR d.endpoint_id = $2) AND ($3::text IS NULL OR d.state = $3)
    AND ($4::text IS NULL OR e.kind = $4)
    AND ($5::uuid IS NULL OR $5 IN (d.event_id, e.purchase_id, d.customer_id))
"""


async def list_deliveries(tx: Transaction, *, operator_id: UUID, query: ListQuery) -> Page[Delivery]:
    """Return a page of the log, newest first.

    Filters: `endpoint` (id), `state`, `kind`; the search is the id of an event, a purchase or a customer.
    """
    about = _id_in(query.search)
    if query.search and about is None:
        return Page(rows=[], total=0, query=query)
    wanted = (
        operator_id, _id_in(query.filters.get("endpoint", "")), query.filters.get("state"),
        query.filters.get("kind"), about,
    )  # fmt: skip
    rows = await tx.fetch(
        f"{_DELIVERIES} {_WANTED} ORDER BY d.created_at DESC, d.event_id DESC, d.endpoint_id OFFSET $6 LIMIT $7",
        *wanted, query.offset, query.page_size,
    )  # fmt: skip
    total: int = await tx.fetchval(f"SELECT count(*) FROM ({_DELIVERIES} {_WANTED}) AS found", *wanted)
    return Page(rows=[_delivery(row) for row in rows], total=total, query=query)


async def get_delivery(tx: Transaction, *, key: DeliveryKey) -> Delivery:
    """Return one line of the log. Raises NotFound."""
    row = await tx.fetchrow(
        _DELIVERIES + " AND d.customer_id = $2 AND d.event_id = $3 AND d.endpoint_id = $4",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id,
    )  # fmt: skip
    if row is None:
        raise NotFound(NO_DELIVERY)
    return _delivery(row)


async def payload_of(tx: Transaction, *, key: DeliveryKey) -> str:
    """Return what happened, as indented JSON for staff. Raises NotFound."""
    text: str | None = await tx.fetchval(
        """SELECT payload::text FROM outgoing_events
           WHERE operator_id = $1 AND customer_id = $2 AND event_id = $3""",
        key.operator_id, key.customer_id, key.event_id,
    )  # fmt: skip
    if text is None:
        raise NotFound(NO_DELIVERY)
    return msgspec.json.format(text, indent=2)


async def tries_of(tx: Transaction, *, key: DeliveryKey) -> list[Try]:
    """Return every request that was made for a delivery, newest first."""
    rows = await tx.fetch(
        """SELECT at, status, cause, elapsed_ms, answer FROM event_delivery_tries
           WHERE operator_id = $1 AND customer_id = $2 AND event_id = $3 AND endpoint_id = $4
           ORDER BY number DESC""",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id,
    )  # fmt: skip
    return [Try(**dict(row)) for row in rows]


def _id_in(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _endpoint(row: Record) -> Endpoint:
    return Endpoint(
        endpoint_id=row["endpoint_id"],
        draft=EndpointDraft(
            url=row["url"],
            description=row["description"],
            kinds=frozenset(EventKind(kind) for kind in row["kinds"]),
        ),
        version=row["version"],
        switched_off_at=row["switched_off_at"],
        switched_off_because=row["switched_off_because"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _delivery(row: Record) -> Delivery:
    values = dict(row)
    key = DeliveryKey(**{name: values.pop(name) for name in DeliveryKey.__struct_fields__})
    return Delivery(key=key, **(values | {"state": DeliveryState(values["state"])}))
