"""The customer's credit, in our own double-entry ledger. Credits are never converted into money."""

from datetime import datetime
from uuid import UUID

from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import new_id
from matinee.kernel.money import CREDIT, Money
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.purchases.operations.transitions import Change, move
from matinee.purchases.queries import wallet_balance
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
    return await change_credits(
        tx, operator_id=operator_id, customer_id=customer_id, change_id=new_id(),
        credits_added=max(credits_added, 0), actor=actor, reason=reason, now=now,
    )  # fmt: skip


async def change_credits(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer_id: UUID,
    change_id: UUID,
    credits_added: int,
    actor: Actor,
    reason: str,
    now: datetime,
) -> int:
    """Add credits, or take some away (`credits_added` below 0), and return the new balance.

    The same `change_id` again changes nothing. Raises Invalid (`credits`, `reason`), also where the balance is too
    low, and Conflict for a `change_id` that was used otherwise.
    """
    reason = checked_change(credits_added, reason)
    mine = await tx.execute(
        """INSERT INTO ledger_entries (operator_id, customer_id, entry_id, account, amount_minor, currency, cause,
                                       posted_at, reason, posted_by)
           VALUES ($1, $2, $3, 'wallet', $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING""",
        operator_id, customer_id, change_id, -credits_added, CREDIT, _cause(credits_added), now, reason, actor.name,
    )  # fmt: skip
    if mine != "INSERT 0 1":
        return await _balance_after(tx, operator_id, customer_id, change_id, credits_added)
    await tx.execute(
        """INSERT INTO ledger_entries (operator_id, customer_id, entry_id, account, amount_minor, currency, cause,
                                       posted_at, reason, posted_by)
           VALUES ($1, $2, $3, 'wallet_funding', $4, $5, $6, $7, $8, $9)""",
        operator_id, customer_id, new_id(), credits_added, CREDIT, _cause(credits_added), now, reason, actor.name,
    )  # fmt: skip
    balance = await _changed_balance(tx, operator_id, customer_id, credits_added)
    action = "wallet.topped_up" if credits_added > 0 else "wallet.debited"
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=action, subject_kind="customer",
        subject_id=customer_id, now=now, reason=reason, details={"credits": abs(credits_added)},
    )  # fmt: skip
    return balance


def _cause(credits_added: int) -> str:
    return "top_up" if credits_added > 0 else "correction"


def check_credits(credits_added: int) -> None:
    """Raise Invalid (`credits`) for a change of nothing, and for one that is too large to be meant."""
    if not 1 <= abs(credits_added) <= LARGEST_TOP_UP:
        raise Invalid({"credits": f"Choose between 1 and {LARGEST_TOP_UP:,} credits."})


def checked_change(credits_added: int, reason: str) -> str:
    """Return the reason of a change as it is kept. Raises Invalid naming `credits`, `reason` or both."""
    problems: dict[str, str] = {}
    try:
        check_credits(credits_added)
    except Invalid as error:
        problems |= error.fields
    try:
        reason = checked_reason(reason)
    except Invalid as error:
        problems |= error.fields
    if problems:
        raise Invalid(problems)
    return reason


async def _changed_balance(tx: Transaction, operator_id: UUID, customer_id: UUID, credits_added: int) -> int:
    if credits_added > 0:
        balance: int = await tx.fetchval(
            """INSERT INTO wallets (operator_id, customer_id, currency, balance_minor) VALUES ($1, $2, $3, $4)
               ON CONFLICT (operator_id, customer_id, currency)
               DO UPDATE SET balance_minor = wallets.balance_minor + excluded.balance_minor
               RETURNING balance_minor""",
            operator_id, customer_id, CREDIT, credits_added,
        )  # fmt: skip
        return balance
    left: int | None = await tx.fetchval(
        """UPDATE wallets SET balance_minor = balance_minor + $4
           WHERE operator_id = $1 AND customer_id = $2 AND currency = $3 AND balance_minor + $4 >= 0
           RETURNING balance_minor""",
        operator_id, customer_id, CREDIT, credits_added,
    )  # fmt: skip
    if left is None:
        there = await wallet_balance(tx, operator_id=operator_id, customer_id=customer_id)
        raise too_low(there)
    return left


def too_low(balance: int) -> Invalid:
    """Return the error for taking more than there is."""
    return Invalid(
        {"credits": f"The balance is {Money(balance, CREDIT).format('en')}; it cannot go below 0."}
    )


async def _balance_after(
    tx: Transaction, operator_id: UUID, customer_id: UUID, change_id: UUID, credits_added: int
) -> int:
    """Return the balance for a change that was made before. Raises Conflict if it was another one."""
    same = await tx.fetchval(
        """SELECT account = 'wallet' AND amount_minor = $4 AND cause = $5 FROM ledger_entries
           WHERE operator_id = $1 AND customer_id = $2 AND entry_id = $3""",
        operator_id, customer_id, change_id, -credits_added, _cause(credits_added),
    )  # fmt: skip
    if not same:
        raise Conflict("This form was sent before with another amount. Open the page again.")
    return await wallet_balance(tx, operator_id=operator_id, customer_id=customer_id)
