"""Which of the charges that billing lists are too many."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from matinee.purchases.rules import is_for_finance, surplus_charges
from matinee.purchases.types import Reversal, ReversalState

NOW = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
QUIET = timedelta(minutes=15)
OPEN_REVERSAL = Reversal(
    operator_id=UUID(int=1), customer_id=UUID(int=2), reversal_id=UUID(int=3), purchase_id=UUID(int=4),
    is_duplicate=True, charge_id=None, refund_reference="r-1", state=ReversalState.REVERSING, state_since=NOW,
    booked_at=NOW, tries=0, epoch=0, next_check_at=NOW, alerted_at=None, reason="", requested_by="",
)  # fmt: skip


def reversal(charge: str | None, state: str = "REVERSING", age: timedelta = timedelta(0)) -> Reversal:
    return msgspec.structs.replace(
        OPEN_REVERSAL, charge_id=charge, state=ReversalState(state), state_since=NOW - age
    )


def surplus(standing: str, *reversals: Reversal, granted: bool = True, kept: str | None = None) -> list[str]:
    return surplus_charges(
        standing.split(), reversals=reversals, keeps_one=granted, kept=kept, listed_until=NOW - QUIET
    )


def test_a_granted_purchase_keeps_its_own_charge_or_else_the_first() -> None:
    assert surplus("a") == []
    assert surplus("a b c") == ["b", "c"]
    assert surplus("a b c", kept="b") == ["a", "c"]
    assert surplus("a b", kept="gone") == ["b"]


def test_nothing_is_kept_for_a_purchase_without_access() -> None:
    assert surplus("a b", granted=False) == ["a", "b"]


def test_an_open_reversal_accounts_for_the_charge_that_it_names() -> None:
    assert surplus("a b", reversal("b")) == []
    assert surplus("a b c", reversal("b")) == ["c"]
    assert surplus("a c", reversal("b")) == ["c"]
    assert surplus("a b", reversal("b", "REFUND_OPEN")) == []


def test_an_open_reversal_without_a_name_accounts_for_any_one() -> None:
    assert surplus("a", reversal(None), granted=False) == []
    assert surplus("a b", reversal(None), granted=False) == ["b"]
    assert surplus("a b c", reversal(None), granted=True, kept="a") == ["c"]


def test_a_charge_just_given_back_may_be_listed_for_a_while() -> None:
    assert surplus("a b", reversal("b", "REVERSED", QUIET - timedelta(seconds=1))) == []


def test_a_charge_that_still_stands_a_quiet_period_after_its_refund_was_not_given_back() -> None:
    assert surplus("a b", reversal("b", "REVERSED", QUIET)) == ["b"]
    assert surplus("a", reversal("a", "REVERSED", QUIET), granted=False) == ["a"]


def test_a_charge_that_two_refunds_did_not_move_goes_to_finance() -> None:
    once, other = reversal("b", "REVERSED", QUIET), reversal("a", "REVERSED", QUIET)
    assert not is_for_finance("b", [once, other, reversal("b")])
    assert is_for_finance("b", [once, other, once])
    assert surplus("a b", once, once) == ["b"]
