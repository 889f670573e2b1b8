"""The table of states as the business knows it, pair by pair."""

import pytest

from matinee.purchases.rules import OPEN, RELEASING, TRANSITIONS, allowed
from matinee.purchases.types import PurchaseState

S = PurchaseState

MAY_FOLLOW = {
    "RESERVED": "CHARGING NOT_SENT GRANTED DECLINED",
    "CHARGING": "GRANTED DECLINED NOT_SENT UNKNOWN REVIEW",
    "UNKNOWN": "GRANTED DECLINED VOID REVIEW",
    "REVIEW": "GRANTED VOID REVERSING",
    "GRANTED": "REVERSING",
    "REVERSING": "REVERSED REFUND_OPEN",
    "REFUND_OPEN": "REVERSED",
    "DECLINED": "REVERSING GRANTED",
    "VOID": "REVERSING GRANTED",
    "NOT_SENT": "",
    "REVERSED": "",
}


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("after", list(S))
def test_every_pair_of_states(before: PurchaseState, after: PurchaseState) -> None:
    assert allowed(before, after) == (after.value in MAY_FOLLOW[before.value].split())


def test_the_table_names_every_state() -> None:
    assert set(TRANSITIONS) == set(S)


def test_nothing_stays_as_it_is_by_a_move() -> None:
    assert [state for state in S if allowed(state, state)] == []


def test_final_states_never_change() -> None:
    assert {state for state in S if not TRANSITIONS[state]} == {S.NOT_SENT, S.REVERSED}


def test_an_outcome_is_reached_from_every_open_state() -> None:
    ends = {S.GRANTED, S.DECLINED, S.VOID, S.NOT_SENT, S.REVERSING}
    assert all(TRANSITIONS[state] & ends for state in OPEN)


def test_the_slot_is_free_in_every_state_that_releases_it_and_in_those_after_it() -> None:
    free = RELEASING | {S.REVERSED, S.REFUND_OPEN}
    assert {state for state in S if state not in free} == OPEN | {S.GRANTED}
    taken_again = {(before, after) for before in free for after in TRANSITIONS[before] - free}
    assert taken_again == {(S.DECLINED, S.GRANTED), (S.VOID, S.GRANTED)}


def test_a_purchase_that_was_once_granted_can_only_be_given_back() -> None:
    reached, ahead = set[PurchaseState](), {S.GRANTED}
    while ahead:
        reached |= ahead
        ahead = {after for state in ahead for after in TRANSITIONS[state]} - reached
    assert reached == {S.GRANTED, S.REVERSING, S.REVERSED, S.REFUND_OPEN}
