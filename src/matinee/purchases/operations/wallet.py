"""The customer's credit, in our own double-entry ledger. Credits are never converted into money."""

from datetime import datetime
from uuid import UUID

from matinee.kernel.errors import Invalid
from matinee.kernel.ids import new_id
from matinee.kernel.money import CREDIT
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.purchases.operations.transitions import Change, move
from matinee.purchases.types import Evidence, Purchase, PurchaseState

LARGEST_TOP_UP = 1_000_000


async def pay_from_wallet(
    tx: Transaction, *, operator: Operator, purchase: Purchase, now: datetime
) -> Purchase:
    """Debit the wallet and grant, or decline, in this one transaction; the caller holds the customer's lock."""
    tag = await tx.execute(
        """UPDATE wallets SET balance_minor = balance_minor - $4
           WHERE operator_id = $1 AND customer_id = $2 AND currency = $3 AND balance_minor >= $4""",
        purchase.operator_id, purchase.customer_id, purchase.currency, purchase.amount_minor,
    )  # fmt: skip
    if tag == "UPDATE 1":
        change = Change(
            to=PurchaseState.GRANTED, cause="wallet_debited", check_in=None, evidence=Evidence.WALLET
        )
    else:
        change = Change(
            to=PurchaseState.DECLINED,
            cause="wallet_too_low",
            check_in=None,
            decline_reason="Your balance is too low.",
        )
    moved = await move(tx, operator=operator, purchase=purchase, change=change, now=now)
    if moved is None:
        raise RuntimeError("a purchase that this transaction made was moved by somebody else")
    return moved


async def credit_back(tx: Transaction, *, purchase: Purchase) -> None:
    """Give the credits of a purchase back; the ledger lines are written by the purchase's own move."""
    tag = await tx.execute(
        """UPDATE wallets SET balance_minor = balance_minor + $4
           WHERE operator_id = $1 AND customer_id = $2 AND currency = $3""",
        purchase.operator_id, purchase.customer_id, purchase.currency, purchase.amount_minor,
    )  # fmt: skip
    if tag != "UPDATE 1":
        raise RuntimeError("the wallet that paid for a purchase is not there to be credited")


async def top_up(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, credits_added: int, actor: Actor, reason: str,
    now: datetime,
) -> int:  # fmt: skip
    """Add credits to a wallet and return the new balance. Raises Invalid (`credits`, `reason`)."""
    problems = {}
    if not 1 <= credits_added <= LARGEST_TOP_UP:
        problems["credits"] = f"Add between 1 and {LARGEST_TOP_UP:,} credits."
    try:
        reason = checked_reason(reason)
    except Invalid as error:
        problems.update(error.fields)
    if problems:
        raise Invalid(problems)
    balance: int = await tx.fetchval(
        """INSERT INTO wallets (operator_id, customer_id, currency, balance_minor) VALUES ($1, $2, $3, $4)
           ON CONFLICT (operator_id, customer_id, currency)
           DO UPDATE SET balance_minor = wallets.balance_minor + excluded.balance_minor
           RETURNING balance_minor""",
        operator_id, customer_id, CREDIT, credits_added,
    )  # fmt: skip
    await tx.executemany(
        """INSERT INTO ledger_entries (operator_id, customer_id, entry_id, account, amount_minor, currency,
                                       cause, posted_at)
           VALUES ($1, $2, $3, $4, $5, $6, 'top_up', $7)""",
        [
            (operator_id, customer_id, new_id(), "wallet_funding", credits_added, CREDIT, now),
            (operator_id, customer_id, new_id(), "wallet", -credits_added, CREDIT, now),
        ],
    )
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="wallet.topped_up", subject_kind="customer",
        subject_id=customer_id, now=now, reason=reason, details={"credits": credits_added},
    )  # fmt: skip
    return balance
