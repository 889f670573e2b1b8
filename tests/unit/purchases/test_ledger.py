"""What each move posts."""

from itertools import pairwise, product

import pytest

from matinee.purchases.rules import TRANSITIONS, postings
from matinee.purchases.types import PurchaseState

S = PurchaseState
MOVES = [(before, after) for before in S for after in TRANSITIONS[before]]


@pytest.mark.parametrize(("move", "source"), list(product(MOVES, ["billing", "wallet"])))
def test_the_lines_of_every_move_sum_to_zero(move: tuple[PurchaseState, PurchaseState], source: str) -> None:
    assert sum(sign for _, sign in postings(*move, source)) == 0


@pytest.mark.parametrize(
    "path",
    [
        (S.CHARGING, S.GRANTED, S.REVERSING, S.REVERSED),
        (S.CHARGING, S.GRANTED, S.REVERSING, S.REFUND_OPEN, S.REVERSED),
        (S.CHARGING, S.REVIEW, S.REVERSING, S.REVERSED),
        (S.CHARGING, S.DECLINED, S.REVERSING, S.REVERSED),
        (S.UNKNOWN, S.VOID, S.GRANTED, S.REVERSING, S.REVERSED),
    ],
)
def test_every_account_is_even_when_the_money_is_back(path: tuple[PurchaseState, ...]) -> None:
    accounts: dict[str, int] = {}
    for before, after in pairwise(path):
        for account, sign in postings(before, after, "billing"):
            accounts[account] = accounts.get(account, 0) + sign
    assert set(accounts.values()) == {0}


def test_a_grant_is_revenue_and_a_reversal_a_liability() -> None:
    assert postings(S.CHARGING, S.GRANTED, "billing") == (("billing", 1), ("revenue", -1))
    assert postings(S.GRANTED, S.REVERSING, "billing") == (("revenue", 1), ("refund_liability", -1))
    assert postings(S.DECLINED, S.REVERSING, "billing") == (("billing", 1), ("refund_liability", -1))
    assert postings(S.REVERSING, S.REVERSED, "wallet") == (("refund_liability", 1), ("wallet", -1))


@pytest.mark.parametrize(
    "after", [S.CHARGING, S.UNKNOWN, S.REVIEW, S.DECLINED, S.VOID, S.NOT_SENT, S.REFUND_OPEN]
)
def test_what_moves_no_money_posts_nothing(after: PurchaseState) -> None:
    assert {postings(before, after, "billing") for before in S if after in TRANSITIONS[before]} == {()}
