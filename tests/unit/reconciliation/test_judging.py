"""What rows of one purchase come to, however many they are."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from matinee.customers.types import PaymentType
from matinee.kernel.ids import new_id
from matinee.kernel.periods import WindowUnit
from matinee.purchases.rules.by_file import FileEffect
from matinee.purchases.types import Evidence, Named, Purchase, PurchaseState
from matinee.reconciliation.rules.judging import StoredRow, judge_rows
from matinee.reconciliation.types import RowKind, Verdict

NOW, ONE = datetime(2026, 3, 2, 19, tzinfo=UTC), UUID(int=1)
BOUGHT = Purchase(
    operator_id=ONE, customer_id=ONE, purchase_id=ONE, item_kind="movie", item_id=ONE, item_title="Film",
    generation=0, reference="m-1", state=PurchaseState.GRANTED, state_since=NOW, slot_released_at=None, epoch=1,
    deadline_at=None, claimed_at=NOW, next_check_at=None, checked_at=None, check_count=0, not_found_at=None,
    gave_up_at=None, alerted_at=None, evidence=Evidence.ANSWER, amount_minor=499, currency="EUR", tax_minor=0,
    tax_rate_basis_points=0, payment_type=PaymentType.API, product_id=ONE, provision_id=ONE, provision_version=1,
    rule_id=ONE, rule_name="Two days", rule_unit=WindowUnit.HOURS, rule_quantity=48, finish_window_hours=None,
    runtime_minutes=90, licence_ends_at=None, device_id=ONE, confirmed_at=NOW, granted_at=NOW,
    billing_transaction="t-3", decline_reason=None,
)  # fmt: skip


class Walked(list[StoredRow]):
    """Counts how often somebody goes through it."""

    times = 0

    def __iter__(self) -> Iterator[StoredRow]:
        self.times += 1
        return super().__iter__()


def charge(line: int, transaction: str | None) -> StoredRow:
    return StoredRow(
        row_id=new_id(), line=line, is_mine=True, reference="m-1", kind=RowKind.CHARGE, amount_minor=499,
        currency="EUR", transaction_id=transaction,
    )  # fmt: skip


def test_a_reference_that_is_listed_many_times_is_gone_through_a_few_times() -> None:
    """All operators' purchases wait while one file is judged: the work must not grow with the square of its rows."""
    rows = Walked(charge(line, f"t-{line}") for line in range(1, 301))
    judged = judge_rows(
        rows, Named(BOUGHT, reversals=(), nothing_stood=False), of_purchase=rows, provision_id=ONE, now=NOW
    )
    assert [one.verdict for one in judged].count(Verdict.DUPLICATE) == 299
    assert (judged[2].verdict, judged[0].effect) == (Verdict.MATCHED, FileEffect.REVERSE_DUPLICATES)
    assert rows.times < 20
