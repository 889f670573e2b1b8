"""Write endpoints, hand events on, and note how each try went."""

import base64
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

from matinee.kernel.errors import Conflict, EditedMeanwhile, NotFound
from matinee.kernel.ids import new_id
from matinee.kernel.webhook_signatures import PREFIX
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.rounds import ROWS_AT_ONCE
from matinee.platform.secrets import SecretBox
from matinee.webhooks.queries import NO_DELIVERY, NO_ENDPOINT, get_delivery, get_endpoint, list_endpoints
from matinee.webhooks.rules import (
    GONE,
    KEEP_FOR,
    LEASE,
    MOST_ENDPOINTS,
    UNDELIVERED_KEPT,
    delay_after,
    has_arrived,
    validated_endpoint,
)
from matinee.webhooks.types import DeliveryKey, DeliveryState, Endpoint, EndpointDraft, EventKey, Outcome

_SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Return a signing secret, as Standard Webhooks writes them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def secret_context(operator_id: UUID, endpoint_id: UUID) -> bytes:
    """Return what a sealed secret is bound to: its operator and endpoint."""
    return b"event-endpoint:" + operator_id.bytes + endpoint_id.bytes


async def create_endpoint(
    tx: Transaction,
    *,
    operator_id: UUID,
    draft: EndpointDraft,
    secret: str,
    box: SecretBox,
    policy: EgressPolicy,
    actor: Actor,
    now: datetime,
) -> Endpoint:
    """Add an endpoint, which is told of what happens from now on. Raises Invalid, and Conflict when there are too many.

    `secret` is sealed here; whoever made it shows it once.
    """
    draft, endpoint_id = validated_endpoint(draft, policy=policy), new_id()
    if len(await list_endpoints(tx, operator_id=operator_id)) >= MOST_ENDPOINTS:
        raise Conflict(f"There are {MOST_ENDPOINTS} endpoints already, which is the most.")
    await tx.execute(
        """INSERT INTO event_endpoints
               (operator_id, endpoint_id, url, description, kinds, sealed_secret, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $7)""",
        operator_id, endpoint_id, draft.url, draft.description, sorted(draft.kinds),
        box.seal(secret.encode(), context=secret_context(operator_id, endpoint_id)), now,
    )  # fmt: skip
    await _audit(tx, operator_id, endpoint_id, "created", actor, now, url=draft.url)
    return await get_endpoint(tx, operator_id=operator_id, endpoint_id=endpoint_id)


async def update_endpoint(
    tx: Transaction,
    *,
    operator_id: UUID,
    endpoint_id: UUID,
    draft: EndpointDraft,
    expected_version: int,
    policy: EgressPolicy,
    actor: Actor,
    now: datetime,
) -> Endpoint:
    """Change an endpoint. Raises Invalid, NotFound, and Conflict when somebody else changed it meanwhile."""
    draft = validated_endpoint(draft, policy=policy)
    before = await get_endpoint(tx, operator_id=operator_id, endpoint_id=endpoint_id)
    if before.draft == draft:
        return before
    tag = await tx.execute(
        """UPDATE event_endpoints SET url = $3, description = $4, kinds = $5, version = version + 1, updated_at = $6
           WHERE operator_id = $1 AND endpoint_id = $2 AND version = $7""",
        operator_id, endpoint_id, draft.url, draft.description, sorted(draft.kinds), now, expected_version,
    )  # fmt: skip
    if tag != "UPDATE 1":
        raise EditedMeanwhile("this endpoint")
    await _audit(tx, operator_id, endpoint_id, "updated", actor, now, url=draft.url)
    return await get_endpoint(tx, operator_id=operator_id, endpoint_id=endpoint_id)


async def replace_secret(
    tx: Transaction,
    *,
    operator_id: UUID,
    endpoint_id: UUID,
    secret: str,
    box: SecretBox,
    actor: Actor,
    now: datetime,
) -> None:
    """Sign with another secret from now on, also what was not delivered yet. Raises NotFound."""
    tag = await tx.execute(
        """UPDATE event_endpoints SET sealed_secret = $3, updated_at = $4
           WHERE operator_id = $1 AND endpoint_id = $2""",
        operator_id, endpoint_id,
        box.seal(secret.encode(), context=secret_context(operator_id, endpoint_id)), now,
    )  # fmt: skip
    if tag != "UPDATE 1":
        raise NotFound(NO_ENDPOINT)
    await _audit(tx, operator_id, endpoint_id, "secret_replaced", actor, now)


async def switch_endpoint(
    tx: Transaction, *, operator_id: UUID, endpoint_id: UUID, on: bool, actor: Actor, now: datetime
) -> None:
    """Stop telling an endpoint, or go on. What waits meanwhile is sent when it is switched on. Raises NotFound."""
    before = await get_endpoint(tx, operator_id=operator_id, endpoint_id=endpoint_id)
    if (before.switched_off_at is None) == on:
        return
    await tx.execute(
        """UPDATE event_endpoints SET switched_off_at = $3, switched_off_because = $4, updated_at = $5
           WHERE operator_id = $1 AND endpoint_id = $2""",
        operator_id, endpoint_id, None if on else now, "" if on else "staff", now,
    )  # fmt: skip
    await _audit(tx, operator_id, endpoint_id, "switched_on" if on else "switched_off", actor, now)


async def hand_on(tx: Transaction, *, key: EventKey, now: datetime) -> int:
    """Put an event on its way to every endpoint that wants its kind; returns to how many. Safe to repeat."""
    tag = await tx.execute(
        """UPDATE outgoing_events SET handed_on_at = $4
           WHERE operator_id = $1 AND customer_id = $2 AND event_id = $3 AND handed_on_at IS NULL""",
        key.operator_id, key.customer_id, key.event_id, now,
    )  # fmt: skip
    if tag != "UPDATE 1":
        return 0
    return await tx.changed(
        """INSERT INTO event_deliveries
               (operator_id, customer_id, event_id, endpoint_id, state, next_try_at, created_at)
           SELECT e.operator_id, e.customer_id, e.event_id, n.endpoint_id, 'pending', $4, e.created_at
           FROM outgoing_events e JOIN event_endpoints n ON n.operator_id = e.operator_id
           WHERE e.operator_id = $1 AND e.customer_id = $2 AND e.event_id = $3
             AND e.kind = ANY (n.kinds) AND n.created_at <= e.created_at
           ON CONFLICT DO NOTHING""",
        key.operator_id, key.customer_id, key.event_id, now,
    )  # fmt: skip


async def claim_delivery(tx: Transaction, *, key: DeliveryKey, now: datetime) -> bool:
    """Take a due delivery for one try; False: another worker has it, or it is not due any more."""
    tag = await tx.execute(
        """UPDATE event_deliveries SET next_try_at = $6
           WHERE operator_id = $1 AND customer_id = $2 AND event_id = $3 AND endpoint_id = $4 AND next_try_at <= $5""",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id, now, now + LEASE,
    )  # fmt: skip
    return tag == "UPDATE 1"


async def wait_for_endpoint(tx: Transaction, *, key: DeliveryKey, now: datetime) -> None:
    """Look again in an hour at a delivery whose endpoint is switched off; that is no try."""
    await tx.execute(
        """UPDATE event_deliveries SET next_try_at = $5::timestamptz + interval '1 hour'
           WHERE operator_id = $1 AND customer_id = $2 AND event_id = $3 AND endpoint_id = $4
             AND next_try_at IS NOT NULL""",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id, now,
    )  # fmt: skip


async def note_try(tx: Transaction, *, key: DeliveryKey, outcome: Outcome, now: datetime) -> DeliveryState:
    """Keep how a try went and say when the next one is; an endpoint that answers "gone" is switched off."""
    row = await tx.fetchrow(
        """UPDATE event_deliveries SET tries = tries + 1, tried_at = $5, status = $6, cause = $7
           WHERE operator_id = $1 AND customer_id = $2 AND event_id = $3 AND endpoint_id = $4
           RETURNING tries, tries_before""",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id, now, outcome.status, outcome.cause,
    )  # fmt: skip
    if row is None:
        raise NotFound(NO_DELIVERY)
    state, next_try_at = DeliveryState.DELIVERED, None
    if not has_arrived(outcome.status):
        delay = None if outcome.status == GONE else delay_after(row["tries"] - row["tries_before"])
        state = DeliveryState.FAILED if delay is None else DeliveryState.PENDING
        next_try_at = None if delay is None else now + delay
    await tx.execute(
        """UPDATE event_deliveries SET state = $5, next_try_at = $6
           WHERE operator_id = $1 AND customer_id = $2 AND event_id = $3 AND endpoint_id = $4""",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id, state, next_try_at,
    )  # fmt: skip
    await tx.execute(
        """INSERT INTO event_delivery_tries (operator_id, customer_id, event_id, endpoint_id, number, at, status,
                                             cause, elapsed_ms, answer)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id, row["tries"], now, outcome.status,
        outcome.cause, outcome.elapsed_ms, outcome.answer,
    )  # fmt: skip
    if outcome.status == GONE:
        await tx.execute(
            """UPDATE event_endpoints SET switched_off_at = $3, switched_off_because = 'gone', updated_at = $3
               WHERE operator_id = $1 AND endpoint_id = $2 AND switched_off_at IS NULL""",
            key.operator_id, key.endpoint_id, now,
        )  # fmt: skip
    return state


async def send_again(tx: Transaction, *, key: DeliveryKey, actor: Actor, now: datetime) -> None:
    """Try a delivery again at once, whatever became of it; its schedule begins anew. Raises NotFound."""
    await get_delivery(tx, key=key)
    await tx.execute(
        """UPDATE event_deliveries SET state = 'pending', next_try_at = $5, tries_before = tries
           WHERE operator_id = $1 AND customer_id = $2 AND event_id = $3 AND endpoint_id = $4""",
        key.operator_id, key.customer_id, key.event_id, key.endpoint_id, now,
    )  # fmt: skip
    await _audit(tx, key.operator_id, key.endpoint_id, "sent_again", actor, now, event_id=str(key.event_id))


async def forget_events(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    """Forget events that are old and arrived everywhere, and those that are too old to be of use to anybody.

    Returns how many; a call removes a bounded number.
    """
    return await tx.changed(
        """DELETE FROM outgoing_events e USING (
               SELECT o.operator_id, o.customer_id, o.event_id FROM outgoing_events o
               WHERE o.operator_id = $1 AND o.created_at < $2 AND o.handed_on_at IS NOT NULL
                 AND (o.created_at < $3
                      OR NOT EXISTS (SELECT FROM event_deliveries d
                                     WHERE d.operator_id = o.operator_id AND d.customer_id = o.customer_id
                                       AND d.event_id = o.event_id AND d.state <> 'delivered'))
               ORDER BY o.created_at LIMIT $4 FOR UPDATE SKIP LOCKED) old
           WHERE e.operator_id = old.operator_id AND e.customer_id = old.customer_id AND e.event_id = old.event_id""",
        operator_id, now - KEEP_FOR, now - UNDELIVERED_KEPT, ROWS_AT_ONCE,
    )  # fmt: skip


async def _audit(
    tx: Transaction,
    operator_id: UUID,
    endpoint_id: UUID,
    action: str,
    actor: Actor,
    now: datetime,
    **details: str,
) -> None:
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=f"event_endpoint.{action}",
        subject_kind="event_endpoint", subject_id=endpoint_id, now=now, details=details,
    )  # fmt: skip
