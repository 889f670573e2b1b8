"""Telling: events are handed to their endpoints, and each delivery is tried until it arrives."""

import time
from collections.abc import Sequence
from uuid import UUID

import msgspec

from matinee.kernel.webhook_signatures import signature
from matinee.platform.db import Database
from matinee.platform.due_work import PER_OPERATOR, DueWork
from matinee.platform.http.messages import HttpRequest, Reply
from matinee.platform.http.resolver import LookupPool
from matinee.platform.http.wire import Wire
from matinee.platform.secrets import SecretBox
from matinee.provisions.rules import excerpt
from matinee.webhooks.operations import (
    claim_delivery,
    hand_on,
    note_try,
    secret_context,
    wait_for_endpoint,
)
from matinee.webhooks.queries import due_deliveries, due_events, message_of
from matinee.webhooks.rules import CALL_SECONDS, has_arrived
from matinee.webhooks.types import DeliveryKey, EventKey, Message, Outcome

_ANSWER_CHARACTERS = 500


class WebhookServices(msgspec.Struct, frozen=True):
    """What telling needs; `main` picks the adapters."""

    database: Database
    wire: Wire
    names: LookupPool
    box: SecretBox

    def __repr__(self) -> str:
        return "WebhookServices()"


def telling(services: WebhookServices) -> DueWork[EventKey | DeliveryKey]:
    """Return the loop that hands events on and tries deliveries."""

    async def look(busy: Sequence[UUID]) -> list[EventKey | DeliveryKey]:
        async with services.database.directory() as tx:
            now = await tx.now()
            return [
                *await due_deliveries(tx, now=now, per_operator=PER_OPERATOR, busy=busy),
                *await due_events(tx, now=now, per_operator=PER_OPERATOR, busy=busy),
            ]

    async def do(key: EventKey | DeliveryKey) -> None:
        if isinstance(key, DeliveryKey):
            await deliver(services, key)
            return
        async with services.database.transaction(key.operator_id) as tx:
            await hand_on(tx, key=key, now=await tx.now())

    return DueWork("webhooks", look=look, do=do)


async def deliver(services: WebhookServices, key: DeliveryKey) -> None:
    """Make one try of a due delivery: claim it, send it with nothing open, note how it went."""
    async with services.database.transaction(key.operator_id) as tx:
        now = await tx.now()
        if not await claim_delivery(tx, key=key, now=now):
            return
        message = await message_of(tx, key=key)
        if message is None:
            await wait_for_endpoint(tx, key=key, now=now)
            return
        sent_at = int(now.timestamp())
    outcome = await _send(services, message, sent_at)
    async with services.database.transaction(key.operator_id) as tx:
        await note_try(tx, key=key, outcome=outcome, now=await tx.now())


async def _send(services: WebhookServices, message: Message, sent_at: int) -> Outcome:
    """Send the message once, signed for this moment; the database's clock says which it is."""
    key = message.key
    secret = services.box.open(
        message.sealed_secret, context=secret_context(key.operator_id, key.endpoint_id)
    ).decode()
    message_id = f"evt_{key.event_id.hex}"
    signed = signature(secret, message_id=message_id, timestamp=sent_at, body=message.body)
    request = HttpRequest(
        method="POST",
        url=message.url,
        headers=(
            ("Content-Type", "application/json"),
            ("webhook-id", message_id),
            ("webhook-timestamp", str(sent_at)),
            ("webhook-signature", signed),
        ),
        body=message.body,
        shown="",
    )
    started = time.monotonic()
    reply = await services.wire.send(
        request, limit_seconds=CALL_SECONDS, lookup=services.names.of(key.operator_id)
    )
    elapsed_ms = round((time.monotonic() - started) * 1000)
    answer = excerpt(reply.body, secrets=(secret, signed))[:_ANSWER_CHARACTERS]
    return Outcome(status=reply.status, cause=_cause(reply), elapsed_ms=elapsed_ms, answer=answer)


def _cause(reply: Reply) -> str:
    """Return why a message did not arrive; a 2xx counts even when the rest of its answer was lost."""
    if has_arrived(reply.status):
        return ""
    if reply.status is not None:
        return "redirect" if 300 <= reply.status < 400 else "refused"
    return reply.failure.value if reply.failure else "broken"
