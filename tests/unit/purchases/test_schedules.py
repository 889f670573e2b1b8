"""When a purchase is looked at next."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories.clock import START

from matinee.provisions.types import Capabilities, Capability
from matinee.purchases.rules import (
    OPEN,
    RESOLVE_DELAYS,
    RESOLVE_GIVES_UP_AFTER,
    check_after,
    count_delays,
    may_repeat,
    person_delay,
    quiet_period,
    resolve_delay,
    retry_delay,
    watch_delays,
)
from matinee.purchases.types import PurchaseState

S = PurchaseState
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUIET = 20 * MINUTE
CAN_ASK: Capabilities = frozenset({Capability.STATUS})
CAN_CANCEL: Capabilities = frozenset({Capability.CANCEL, Capability.REFUND})
CANNOT_ASK: Capabilities = frozenset({Capability.IDEMPOTENT})


def test_an_unclear_purchase_is_asked_for_quickly_then_hourly_for_a_day_then_daily_for_a_week() -> None:
    assert [delay / SECOND for delay in RESOLVE_DELAYS[:6]] == [2, 5, 10, 20, 40, 60]
    assert [delay / MINUTE for delay in RESOLVE_DELAYS[6:10]] == [2, 4, 8, 15]
    assert RESOLVE_DELAYS[10:34] == (HOUR,) * 24
    assert RESOLVE_DELAYS[34:] == (DAY,) * 7
    assert sum(RESOLVE_DELAYS, timedelta(0)) >= RESOLVE_GIVES_UP_AFTER


def test_the_schedule_begins_with_the_second_delay_and_ends_daily() -> None:
    assert [resolve_delay(count) / SECOND for count in (1, 2, 3)] == [5, 10, 20]
    assert resolve_delay(40) == resolve_delay(10_000) == DAY


@pytest.mark.parametrize(
    ("processing_seconds", "quiet"), [(0, 15 * MINUTE), (450, 15 * MINUTE), (451, 902 * SECOND), (600, QUIET)]
)
def test_the_quiet_period_is_twice_the_longest_processing_time_but_never_short(
    processing_seconds: int, quiet: timedelta
) -> None:
    assert quiet_period(processing_seconds) == quiet


@given(st.integers(min_value=0, max_value=86_400))
def test_a_charge_that_takes_as_long_as_billing_ever_takes_lands_inside_the_quiet_period(
    seconds: int,
) -> None:
    assert quiet_period(seconds) >= seconds * SECOND


def test_a_closed_purchase_is_watched_for_a_week() -> None:
    assert watch_delays(QUIET) == (QUIET, HOUR, 6 * HOUR, *[DAY] * 7)
    assert sum(watch_delays(QUIET), timedelta(0)) >= 7 * DAY


def test_charges_are_counted_after_the_quiet_period_and_a_day_later() -> None:
    assert count_delays(QUIET) == (QUIET, DAY)


@pytest.mark.parametrize("state", sorted(OPEN - {S.CHARGING}))
@pytest.mark.parametrize("capabilities", [CAN_ASK, CAN_CANCEL, CANNOT_ASK, frozenset()])
def test_every_open_state_has_a_next_check(state: PurchaseState, capabilities: Capabilities) -> None:
    assert check_after(state, capabilities=capabilities, quiet=QUIET) is not None


@pytest.mark.parametrize(
    ("state", "delay"),
    [
        (S.GRANTED, 2 * SECOND),
        (S.DECLINED, QUIET),
        (S.VOID, QUIET),
        (S.REVERSING, QUIET),
        (S.REVERSED, QUIET),
        (S.REFUND_OPEN, QUIET),
        (S.UNKNOWN, 2 * SECOND),
        (S.REVIEW, DAY),
        (S.NOT_SENT, None),
    ],
)
def test_the_first_look_where_billing_can_be_asked(state: PurchaseState, delay: timedelta | None) -> None:
    assert check_after(state, capabilities=CAN_ASK, quiet=QUIET) == delay


@pytest.mark.parametrize("state", [S.GRANTED, S.DECLINED, S.VOID, S.REVERSING, S.REVERSED, S.NOT_SENT])
def test_nothing_is_looked_at_in_vain(state: PurchaseState) -> None:
    assert check_after(state, capabilities=CANNOT_ASK, quiet=QUIET) is None


@pytest.mark.parametrize(
    ("state", "delay"),
    [(S.DECLINED, 2 * SECOND), (S.VOID, 2 * SECOND), (S.GRANTED, None), (S.REVERSED, None)],
)
def test_where_billing_can_only_cancel_what_is_closed_is_cancelled_soon(
    state: PurchaseState, delay: timedelta | None
) -> None:
    assert check_after(state, capabilities=CAN_CANCEL, quiet=QUIET) == delay
    both = CAN_CANCEL | CAN_ASK
    assert check_after(state, capabilities=both, quiet=QUIET) == check_after(
        state, capabilities=CAN_ASK, quiet=QUIET
    )


@pytest.mark.parametrize(
    ("age", "gave_up", "ends_in", "may"),
    [
        (10 * MINUTE, False, None, True),
        (10 * MINUTE + SECOND, False, None, False),
        (SECOND, True, None, False),
        (SECOND, False, 11 * SECOND, True),
        (SECOND, False, 10 * SECOND, False),
        (SECOND, False, -SECOND, False),
    ],
)
def test_until_when_a_charge_is_repeated(
    age: timedelta, gave_up: bool, ends_in: timedelta | None, may: bool
) -> None:
    ends_at = None if ends_in is None else START + ends_in
    assert may_repeat(age=age, gave_up=gave_up, ends_at=ends_at, timeout=10 * SECOND, now=START) is may


def test_what_only_a_person_can_settle_waits_a_day_and_is_then_looked_at_daily() -> None:
    assert [person_delay(age) for age in (timedelta(0), 23 * HOUR, DAY, 5 * DAY)] == [DAY, HOUR, DAY, DAY]


@given(st.timedeltas(min_value=timedelta(0), max_value=30 * DAY))
def test_a_silent_billing_system_is_asked_less_and_less_but_every_hour(age: timedelta) -> None:
    assert MINUTE <= retry_delay(MINUTE, age) <= HOUR
    assert retry_delay(MINUTE, age) <= retry_delay(MINUTE, age + MINUTE)
