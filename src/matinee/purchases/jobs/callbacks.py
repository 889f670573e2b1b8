"""Callbacks: billing says that something happened. Who said so is verified, what was said is asked for anew.

A callback decides nothing: all that it can cause is one question to billing about one purchase.
"""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from matinee.kernel.errors import MatineeError, NotSignedIn
from matinee.kernel.webhook_signatures import is_signed
from matinee.platform.db import Database
from matinee.platform.secrets import SecretBox
from matinee.platform.try_limits import address_limit, check_tries, take_try
from matinee.provisions.gateway.sealing import open_secret
from matinee.provisions.queries import callback_secret
from matinee.provisions.rules.callbacks import SignedMessage, reference_in
from matinee.purchases.jobs.resolve import look_now
from matinee.purchases.operations.receipts import note_receipt
from matinee.purchases.queries import purchase_by_reference
from matinee.purchases.rules.references import customer_of
from matinee.purchases.services import PurchaseServices

TOLERANCE = timedelta(minutes=5)

log = structlog.get_logger(__name__)


class Told(msgspec.Struct, frozen=True):
    """The purchase that a callback was about."""

    operator_id: UUID
    customer_id: UUID
    purchase_id: UUID
    provision_id: UUID


async def take_callback(
    database: Database,
    box: SecretBox,
    *,
    operator_id: UUID,
    provision_id: UUID,
    message: SignedMessage,
    address: str,
) -> Told | None:
    """Verify a callback and note that it came. None: nothing is to be done, which the sender is not told.

    That is so when it came before, and when we know no such reference. Raises NotSignedIn (`bad_signature`, also for
    a provision that is not there or takes no callbacks; `stale_callback`), TooMany, and Invalid (`reference`).
    """
    limit = address_limit("callback", address)
    async with database.transaction(operator_id) as tx:
        now = await tx.now()
        await check_tries(tx, operator_id=operator_id, limits=[limit], now=now)
        found = await callback_secret(tx, operator_id=operator_id, provision_id=provision_id)
    secret = secrets.token_urlsafe()  # so that no secret takes as long as a wrong one
    if found is not None:
        secret = open_secret(box, found[1], operator_id=operator_id, provision_id=provision_id, name=found[0])
    try:
        _verify(message, secret, now)
    except NotSignedIn:
        async with database.transaction(operator_id) as tx:
            await take_try(tx, operator_id=operator_id, limits=[limit], now=now)
        raise
    reference = reference_in(message.body)
    async with database.transaction(operator_id) as tx:
        if not await note_receipt(
            tx, operator_id=operator_id, provision_id=provision_id, message_id=message.message_id, now=now
        ):
            return None
        customer_id = customer_of(reference)
        if customer_id is None:
            return None
        purchase = await purchase_by_reference(
            tx, operator_id=operator_id, customer_id=customer_id, reference=reference
        )
    if purchase is None or purchase.provision_id != provision_id:
        return None
    return Told(operator_id, customer_id, purchase.purchase_id, provision_id)


def _verify(message: SignedMessage, secret: str, now: datetime) -> None:
    if not _is_signed(message, secret):
        raise NotSignedIn("The signature is missing or wrong.", code="bad_signature")
    if abs(now - datetime.fromtimestamp(int(message.timestamp), UTC)) > TOLERANCE:
        raise NotSignedIn(
            "The message is more than five minutes old, or a clock is wrong.", code="stale_callback"
        )


def _is_signed(message: SignedMessage, secret: str) -> bool:
    try:
        return message.is_whole and is_signed(
            message.signatures,
            secret,
            message_id=message.message_id,
            timestamp=int(message.timestamp),
            body=message.body,
        )
    except ValueError:
        log.error("callback_secret_unusable")  # it begins with whsec_, and no base64 follows
        return False


async def follow_up(services: PurchaseServices, told: Told) -> None:
    """Ask billing about the purchase that a callback named, unless many such questions are under way already.

    Nothing is raised: who sent the callback has its answer, and the schedule asks anyway.
    """
    with services.pressure.question((told.operator_id, told.provision_id)) as may_ask:
        if not may_ask:
            return
        try:
            await look_now(
                services,
                operator_id=told.operator_id,
                customer_id=told.customer_id,
                purchase_id=told.purchase_id,
            )
        except MatineeError as error:
            log.warning("callback_not_followed", purchase_id=str(told.purchase_id), code=error.code)
        except Exception:
            log.exception("callback_crashed", purchase_id=str(told.purchase_id))
