"""When a process holds back from a billing system."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from matinee.platform.http.messages import Failure
from matinee.purchases.pressure import Pressure
from matinee.purchases.rules.gate import CALLS_AT_ONCE, is_silence, open_for

NOW = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OURS, THEIRS = (UUID(int=1), UUID(int=2)), (UUID(int=1), UUID(int=3))


def test_five_silences_in_a_row_within_a_minute_are_too_many() -> None:
    pressure = Pressure()
    assert [pressure.silent(OURS, NOW + n * 10 * SECOND) for n in range(5)] == [False] * 4 + [True]


def test_an_answer_begins_the_row_anew() -> None:
    pressure = Pressure()
    for _ in range(4):
        pressure.silent(OURS, NOW)
    pressure.answered(OURS)
    assert [pressure.silent(OURS, NOW) for _ in range(5)] == [False] * 4 + [True]


def test_silences_over_more_than_a_minute_are_not_many() -> None:
    pressure = Pressure()
    assert not any(pressure.silent(OURS, NOW + n * 20 * SECOND) for n in range(50))


def test_one_billing_system_says_nothing_of_another() -> None:
    pressure = Pressure()
    for _ in range(4):
        pressure.silent(OURS, NOW)
    assert not pressure.silent(THEIRS, NOW)
    assert pressure.silent(OURS, NOW)


def test_calls_to_one_billing_system_are_bounded_and_others_are_not_held_up() -> None:
    pressure = Pressure()
    under_way = [pressure.call(OURS) for _ in range(CALLS_AT_ONCE)]
    assert all(call.__enter__() for call in under_way)
    with pressure.call(OURS) as one_more, pressure.call(THEIRS) as other, pressure.call(None) as wallet:
        assert (one_more, other, wallet) == (False, True, True)
    under_way[0].__exit__(None, None, None)
    with pressure.call(OURS) as again:
        assert again


def test_a_call_that_ended_badly_is_not_counted_any_more() -> None:
    pressure = Pressure()
    for _ in range(CALLS_AT_ONCE + 1):
        with suppress(RuntimeError), pressure.call(OURS) as may:
            assert may
            raise RuntimeError


@pytest.mark.parametrize(
    ("times", "seconds"), [(1, 15), (2, 30), (3, 60), (4, 120), (5, 120), (1_000_000, 120)]
)
def test_billing_is_left_alone_for_longer_and_longer_up_to_two_minutes(times: int, seconds: int) -> None:
    assert open_for(times) == seconds * SECOND


@pytest.mark.parametrize("failure", Failure)
def test_what_counts_as_silence(failure: Failure) -> None:
    ours_or_answered = (Failure.NOT_BUILT, Failure.TOO_LARGE, Failure.ENCODED)
    assert is_silence(failure.value) is (failure not in ours_or_answered)


@pytest.mark.parametrize(
    "cause", ["success", "no_success", "no_rule_matches", "both_rules_match", "server_error"]
)
def test_an_answer_is_no_silence(cause: str) -> None:
    assert not is_silence(cause)
