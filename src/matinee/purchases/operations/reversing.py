"""Giving money back: access ends and the liability is booked first, billing is called afterwards."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from matinee.customers.types import PaymentType
from matinee.entitlements.operations import revoke
from matinee.kernel.ids import new_id
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.types import Capability, ExchangeRecord
from matinee.purchases.operations.charging import BillingOrder
from matinee.purchases.operations.transitions import Change, move, note
from matinee.purchases.operations.wallet import credit_back
from matinee.purchases.queries import get_purchase, reversals_of
from matinee.purchases.rules import (
    ALERT_AFTER,
    FINANCE_LOOK,
    FIRST_CHECK,
    is_for_finance,
    surplus_charges,
)
from matinee.purchases.rules.references import refund_reference
from matinee.purchases.types import (
    Evidence,
    Purchase,
    PurchaseState,
    Reversal,
    ReversalState,
)


class ReversalCause(msgspec.Struct, frozen=True, kw_only=True):
    """Why money is given back, and who asked for it (a name for the record)."""

    code: str
    reason: str
    requested_by: str


NONE_STANDS = ReversalCause(
    code="no_charge_stands", reason="Billing says that no charge stands.", requested_by="Matinee"
)
CANCELLED = ReversalCause(
    code="cancelled", reason="Billing has closed the reference: no charge stands.", requested_by="Matinee"
)
LATE_CHARGE = ReversalCause(
    code="late_charge", reason="A charge turned up after the purchase had ended.", requested_by="Matinee"
)

TOO_LATE = ReversalCause(
    code="found_too_late", reason="The charge was found when nothing could be watched any more.",
    requested_by="Matinee",
)  # fmt: skip


async def begin_reversal(
    tx: Transaction,
    *,
    operator: Operator,
    reference_key: bytes,
    purchase: Purchase,
    cause: ReversalCause,
    check_in: timedelta | None,
    evidence: Evidence | None = None,
    record: ExchangeRecord | None = None,
    now: datetime,
) -> Purchase | None:
    """End the access, book the liability, free the slot; a wallet is credited at once.

    `check_in`: when charges are counted again. None is returned when the purchase was moved meanwhile.
    """
    moved = await move(
        tx,
        operator=operator,
        purchase=purchase,
        change=Change(
            to=PurchaseState.REVERSING, cause=cause.code, check_in=check_in, evidence=evidence, record=record
        ),
        now=now,
    )
    if moved is None:
        return None
    await revoke(
        tx,
        operator_id=moved.operator_id,
        customer_id=moved.customer_id,
        purchase_id=moved.purchase_id,
        now=now,
    )
    if moved.payment_type is PaymentType.WALLET:
        await credit_back(tx, purchase=moved)
        done = Change(to=PurchaseState.REVERSED, cause="wallet_credited", check_in=None)
        return await move(tx, operator=operator, purchase=moved, change=done, now=now)
    await _book(tx, moved, reference_key, cause, charge_id=None, is_duplicate=False, now=now)
    return moved


async def book_duplicates(
    tx: Transaction,
    *,
    reference_key: bytes,
    purchase: Purchase,
    standing: Sequence[str],
    quiet: timedelta,
    most: int | None = None,
    now: datetime,
) -> int:
    """Book a reversal for each charge that stands beyond those that are due, `most` of them; returns how many.

    `standing`: the ids of the charges that billing lists.
    """
    reversals = await reversals_of(
        tx,
        operator_id=purchase.operator_id,
        customer_id=purchase.customer_id,
        purchase_id=purchase.purchase_id,
    )
    chosen = surplus_charges(
        standing,
        reversals=reversals,
        keeps_one=purchase.state is PurchaseState.GRANTED,
        kept=purchase.billing_transaction,
        listed_until=now - quiet,
    )
    cause = ReversalCause(code="duplicate", reason="Billing charged more than once.", requested_by="Matinee")
    for charge_id in chosen[:most]:
        state = ReversalState.REVERSING
        if is_for_finance(charge_id, reversals):
            state = ReversalState.REFUND_OPEN
        await _book(
            tx, purchase, reference_key, cause, charge_id=charge_id, is_duplicate=True, state=state, now=now
        )
        await tx.executemany(
            """INSERT INTO ledger_entries (operator_id, customer_id, entry_id, purchase_id, account, amount_minor,
                                           currency, cause, posted_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'duplicate', $8)""",
            _duplicate_lines(purchase, ("billing", "refund_liability"), now),
        )
    return len(chosen[:most])


def _duplicate_lines(
    purchase: Purchase, accounts: tuple[str, str], now: datetime
) -> list[tuple[object, ...]]:
    """Return the two ledger lines that move one price from the second account to the first."""
    return [
        (
            purchase.operator_id, purchase.customer_id, new_id(), purchase.purchase_id, account,
            sign * purchase.amount_minor, purchase.currency, now,
        )
        for account, sign in zip(accounts, (1, -1), strict=True)
    ]  # fmt: skip


async def _book(
    tx: Transaction,
    purchase: Purchase,
    reference_key: bytes,
    cause: ReversalCause,
    *,
    charge_id: str | None,
    is_duplicate: bool,
    state: ReversalState = ReversalState.REVERSING,
    now: datetime,
) -> None:
    for_finance = state is ReversalState.REFUND_OPEN
    await tx.execute(
        """INSERT INTO reversals (operator_id, customer_id, reversal_id, purchase_id, is_duplicate, charge_id,
                                  refund_reference, state, state_since, booked_at, next_check_at, reason,
                                  requested_by, alerted_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $12, $8, $8, $9, $10, $11, $13)""",
        purchase.operator_id, purchase.customer_id, new_id(), purchase.purchase_id, is_duplicate, charge_id,
        refund_reference(
            reference_key, customer_id=purchase.customer_id, charge_reference=purchase.reference,
            charge_id=charge_id,
        ),
        now, now + (FINANCE_LOOK if for_finance else FIRST_CHECK), cause.reason, cause.requested_by,
        state, now if for_finance else None,
    )  # fmt: skip


async def claim_refund(
    tx: Transaction, *, reversal: Reversal, charge_id: str | None, lease: timedelta, now: datetime
) -> Reversal | None:
    """Allow one refund request: count it before it is sent, and name the charge for good. None: somebody else did."""
    tag = await tx.execute(
        """UPDATE reversals SET tries = tries + 1, epoch = epoch + 1, next_check_at = $6,
                  charge_id = coalesce(charge_id, $7)
           WHERE operator_id = $1 AND customer_id = $2 AND reversal_id = $3 AND state = $4 AND epoch = $5""",
        reversal.operator_id, reversal.customer_id, reversal.reversal_id, reversal.state, reversal.epoch,
        now + lease, charge_id,
    )  # fmt: skip
    if tag != "UPDATE 1":
        return None
    return msgspec.structs.replace(
        reversal,
        tries=reversal.tries + 1,
        epoch=reversal.epoch + 1,
        charge_id=reversal.charge_id or charge_id,
        next_check_at=now + lease,
    )


async def take_refund_lease(tx: Transaction, *, reversal: Reversal, until: datetime) -> bool:
    """Take a due reversal for oneself until `until`; False: another worker has it."""
    tag = await tx.execute(
        """UPDATE reversals SET next_check_at = $6
           WHERE operator_id = $1 AND customer_id = $2 AND reversal_id = $3 AND state = $4 AND epoch = $5
             AND next_check_at IS NOT DISTINCT FROM $7""",
        reversal.operator_id, reversal.customer_id, reversal.reversal_id, reversal.state, reversal.epoch,
        until, reversal.next_check_at,
    )  # fmt: skip
    return tag == "UPDATE 1"


async def refund_later(
    tx: Transaction, *, reversal: Reversal, delay: timedelta, forget_try: bool = False, now: datetime
) -> None:
    """Look at a reversal again after `delay`; staff are told of one that is a day old.

    `forget_try`: the request that was counted was certainly never sent.
    """
    await tx.execute(
        """UPDATE reversals SET next_check_at = $6, tries = tries - $7::int,
                  alerted_at = CASE WHEN $8 THEN coalesce(alerted_at, $9) ELSE alerted_at END
           WHERE operator_id = $1 AND customer_id = $2 AND reversal_id = $3 AND state = $4 AND epoch = $5""",
        reversal.operator_id, reversal.customer_id, reversal.reversal_id, reversal.state, reversal.epoch,
        now + delay, int(forget_try), now - reversal.state_since >= ALERT_AFTER, now,
    )  # fmt: skip


async def finish_reversal(
    tx: Transaction,
    *,
    order: BillingOrder,
    reversal: Reversal,
    to: ReversalState,
    cause: str,
    record: ExchangeRecord | None = None,
    now: datetime,
) -> bool:
    """End a reversal, or hand it to finance (REFUND_OPEN). False: somebody else moved it meanwhile."""
    closed = to is ReversalState.REVERSED
    tag = await tx.execute(
        """UPDATE reversals SET state = $6, state_since = $7::timestamptz, next_check_at = $8,
                  alerted_at = CASE WHEN $9 THEN NULL ELSE $7::timestamptz END
           WHERE operator_id = $1 AND customer_id = $2 AND reversal_id = $3 AND state = $4 AND epoch = $5""",
        reversal.operator_id, reversal.customer_id, reversal.reversal_id, reversal.state, reversal.epoch,
        to, now, None if closed else now + FINANCE_LOOK, closed,
    )  # fmt: skip
    if tag != "UPDATE 1":
        return False
    purchase = await get_purchase(
        tx,
        operator_id=reversal.operator_id,
        customer_id=reversal.customer_id,
        purchase_id=reversal.purchase_id,
    )
    if reversal.is_duplicate:
        if closed:
            await tx.executemany(
                """INSERT INTO ledger_entries (operator_id, customer_id, entry_id, purchase_id, account,
                                               amount_minor, currency, cause, posted_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, 'duplicate_refunded', $8)""",
                _duplicate_lines(purchase, ("refund_liability", "billing"), now),
            )
        if record is not None:
            await note(tx, purchase=purchase, record=record, now=now)
        return True
    state = PurchaseState(to.value)
    counted = order.check_after(state)
    change = Change(to=state, cause=cause, check_in=counted, check_count=1, record=record)
    if await move(tx, operator=order.operator, purchase=purchase, change=change, now=now) is None:
        raise RuntimeError("a purchase was moved while its own reversal was open")
    return True


async def end_unpaid(
    tx: Transaction,
    *,
    order: BillingOrder,
    reference_key: bytes,
    cause: ReversalCause,
    ended: str,
    record: ExchangeRecord | None = None,
    now: datetime,
) -> Purchase | None:
    """End a GRANTED purchase under which no charge stands: nothing is due back, so billing is asked for no refund.

    `ended`: why, as the event's cause says it, one of `ENDED_UNPAID`. None: the purchase was moved meanwhile.
    """
    moved = await begin_reversal(
        tx, operator=order.operator, reference_key=reference_key, purchase=order.purchase, cause=cause,
        check_in=None, record=record, now=now,
    )  # fmt: skip
    if moved is None:
        return None
    ids = {
        "operator_id": moved.operator_id,
        "customer_id": moved.customer_id,
        "purchase_id": moved.purchase_id,
    }
    main = next(one for one in await reversals_of(tx, **ids) if not one.is_duplicate)
    await finish_reversal(tx, order=order, reversal=main, to=ReversalState.REVERSED, cause=ended, now=now)
    return await get_purchase(tx, **ids)


def can_refund(order: BillingOrder) -> bool:
    """Say whether billing was proved to give charges back."""
    return Capability.REFUND in order.capabilities and order.config.refund is not None


async def open_refunds(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID
) -> list[Reversal]:
    """Return the reversals of a purchase that wait for finance: its own, and those of duplicates."""
    reversals = await reversals_of(
        tx, operator_id=operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    return [reversal for reversal in reversals if reversal.state is ReversalState.REFUND_OPEN]
