"""Reading a customer's credits and the lines of their ledger."""

from uuid import UUID

from matinee.kernel.money import CREDIT
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Transaction
from matinee.purchases.types import WalletLine


async def wallet_balance(tx: Transaction, *, operator_id: UUID, customer_id: UUID) -> int:
    """Return the customer's credits; 0 for a wallet that was never topped up."""
    balance: int | None = await tx.fetchval(
        "SELECT balance_minor FROM wallets WHERE operator_id = $1 AND customer_id = $2 AND currency = $3",
        operator_id, customer_id, CREDIT,
    )  # fmt: skip
    return balance or 0


async def wallet_lines(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, query: ListQuery
) -> Page[WalletLine]:
    """Return one page of a wallet's ledger, newest first, each line with the balance after it."""
    total = await tx.fetchval(
        "SELECT count(*) FROM ledger_entries "
        "WHERE operator_id = $1 AND customer_id = $2 AND account = 'wallet' AND currency = $3",
        operator_id, customer_id, CREDIT,
    )  # fmt: skip
    rows = await tx.fetch(
        """SELECT l.entry_id, l.posted_at, l.cause, l.credits_added, l.balance, p.item_title, l.purchase_id, l.reason,
                  l.posted_by
           FROM (SELECT e.*, -e.amount_minor AS credits_added,
                        (-sum(e.amount_minor) OVER (ORDER BY e.posted_at, e.entry_id))::bigint AS balance
                 FROM ledger_entries e
                 WHERE e.operator_id = $1 AND e.customer_id = $2 AND e.account = 'wallet' AND e.currency = $3) l
           LEFT JOIN purchases p ON p.operator_id = l.operator_id AND p.customer_id = l.customer_id
                                AND p.purchase_id = l.purchase_id
           ORDER BY l.posted_at DESC, l.entry_id DESC LIMIT $4 OFFSET $5""",
        operator_id, customer_id, CREDIT, query.page_size, query.offset,
    )  # fmt: skip
    return Page(rows=[WalletLine(**row) for row in rows], total=total, query=query)
