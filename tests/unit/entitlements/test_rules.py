"""Who may play until when."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.entitlements.queries import best_right
from matinee.entitlements.rules import (
    GRACE_AFTER_RUNTIME,
    counts_as_start,
    may_go_on,
    may_start,
    right_ends_at,
    startable_until,
)
from matinee.entitlements.types import Entitlement, Right, RightVia
from matinee.kernel.periods import WindowUnit

GRANTED = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
END = GRANTED + 48 * HOUR
RIGHT = Entitlement(
    operator_id=UUID(int=1), customer_id=UUID(int=2), entitlement_id=UUID(int=3), item_kind="movie",
    item_id=UUID(int=4), purchase_id=UUID(int=5), granted_at=GRANTED, startable_until=END,
    finish_window_hours=None, runtime_minutes=90, first_played_at=None, last_started_at=None, revoked_at=None,
)  # fmt: skip
WHOLE_FILM = timedelta(minutes=90) + GRACE_AFTER_RUNTIME


def right(**changes: object) -> Entitlement:
    return msgspec.structs.replace(RIGHT, **changes)


def played(at: datetime, **changes: object) -> Entitlement:
    return right(first_played_at=at, last_started_at=at, **changes)


def test_before_the_first_play_the_start_window_counts_and_its_end_is_outside() -> None:
    assert may_start(RIGHT, now=END - SECOND)
    assert not may_start(RIGHT, now=END)
    assert right_ends_at(RIGHT) == END


def test_a_finish_window_runs_from_the_first_play_however_early_or_late() -> None:
    early, late = GRANTED + HOUR, END - SECOND
    assert right_ends_at(played(early, finish_window_hours=24)) == early + 24 * HOUR
    assert right_ends_at(played(late, finish_window_hours=24)) == late + 24 * HOUR
    assert not may_start(played(early, finish_window_hours=24), now=early + 24 * HOUR)


def test_a_running_session_may_end_after_the_finish_window_unless_the_operator_cuts() -> None:
    finished = played(GRANTED, finish_window_hours=24)
    began, after = GRANTED + 23 * HOUR, GRANTED + 25 * HOUR
    assert may_go_on(finished, started_at=began, now=after, cut_at_finish=False)
    assert not may_go_on(finished, started_at=began, now=after, cut_at_finish=True)
    assert not may_start(finished, now=after)


def test_what_runs_after_the_finish_window_has_the_time_of_one_film_from_its_own_start() -> None:
    finished = played(GRANTED, finish_window_hours=24)
    began = GRANTED + 23 * HOUR
    end = began + WHOLE_FILM
    assert may_go_on(finished, started_at=began, now=end - SECOND, cut_at_finish=False)
    assert not may_go_on(finished, started_at=began, now=end, cut_at_finish=False)
    assert may_go_on(finished, started_at=GRANTED, now=GRANTED + 24 * HOUR - SECOND, cut_at_finish=False)
    assert not may_go_on(finished, started_at=GRANTED, now=GRANTED + 24 * HOUR, cut_at_finish=False)


def test_without_a_finish_window_whoever_started_inside_may_finish() -> None:
    assert right_ends_at(played(GRANTED)) == END
    late = played(END - SECOND)
    assert right_ends_at(late) == END - SECOND + WHOLE_FILM
    assert may_start(late, now=END + HOUR)  # on any device
    assert may_go_on(late, started_at=END - SECOND, now=END + HOUR, cut_at_finish=True)
    assert not may_start(late, now=END - SECOND + WHOLE_FILM)


def test_the_last_start_inside_the_window_counts() -> None:
    twice = right(first_played_at=GRANTED, last_started_at=END - HOUR)
    assert right_ends_at(twice) == END - HOUR + WHOLE_FILM
    assert counts_as_start(twice, now=END - SECOND)
    assert not counts_as_start(twice, now=END)


def test_a_session_that_has_not_fetched_a_key_may_not_outlive_the_start_window() -> None:
    assert may_go_on(RIGHT, started_at=GRANTED, now=END - SECOND, cut_at_finish=False)
    assert not may_go_on(RIGHT, started_at=GRANTED, now=END, cut_at_finish=False)


@given(
    st.sampled_from([None, 24]),
    st.one_of(st.none(), st.timedeltas(min_value=timedelta(0), max_value=47 * HOUR)),
    st.timedeltas(min_value=timedelta(0), max_value=100 * HOUR),
    st.booleans(),
)
def test_a_revoked_right_plays_never_again(
    finish: int | None, first_play: timedelta | None, later: timedelta, cut: bool
) -> None:
    at = None if first_play is None else GRANTED + first_play
    gone = right(
        finish_window_hours=finish, first_played_at=at, last_started_at=at, revoked_at=GRANTED + HOUR
    )
    assert not may_start(gone, now=GRANTED + later)
    assert not may_go_on(gone, started_at=GRANTED, now=GRANTED + later, cut_at_finish=cut)
    assert right_ends_at(gone) == GRANTED + HOUR


@pytest.mark.parametrize(("licence_hours", "expected_hours"), [(None, 48), (10, 10), (100, 48)])
def test_the_start_window_is_cut_at_the_end_of_the_licence_that_was_quoted(
    licence_hours: int | None, expected_hours: int
) -> None:
    licence = None if licence_hours is None else GRANTED + licence_hours * HOUR
    end = startable_until(
        GRANTED,
        unit=WindowUnit.HOURS,
        quantity=48,
        zone=ZoneInfo("Europe/Amsterdam"),
        licence_ends_at=licence,
    )
    assert end == GRANTED + expected_hours * HOUR


def test_the_right_that_lasts_longest_is_the_one_that_counts() -> None:
    longer = right(entitlement_id=UUID(int=9), purchase_id=None, startable_until=END + HOUR)
    over = right(entitlement_id=UUID(int=8), revoked_at=GRANTED)
    best = best_right([RIGHT, longer, over], now=GRANTED)
    assert best == Right(via=RightVia.GRANT, play_until=END + HOUR, entitlement=longer)
    assert best_right([RIGHT], now=END) is None
    assert best_right([], now=GRANTED) is None


def test_only_a_first_play_under_a_finish_window_starts_a_clock() -> None:
    def starts_clock(entitlement: Entitlement | None) -> bool:
        return Right(via=RightVia.PURCHASE, play_until=None, entitlement=entitlement).starts_finish_clock

    assert starts_clock(right(finish_window_hours=24))
    assert not starts_clock(played(GRANTED, finish_window_hours=24))
    assert not starts_clock(RIGHT)
    assert not starts_clock(None)


def test_nothing_of_a_live_event_plays_once_it_is_over() -> None:
    over = GRANTED + 3 * HOUR
    event = {"item_kind": "live_event", "item_ends_at": over}
    for one in (
        right(**event), played(GRANTED, **event), played(GRANTED, finish_window_hours=24, **event),
    ):  # fmt: skip
        assert right_ends_at(one) == over
        assert may_go_on(one, started_at=GRANTED, now=over - SECOND, cut_at_finish=False)
        assert not may_go_on(one, started_at=GRANTED, now=over, cut_at_finish=False)
    assert right_ends_at(right(item_kind="live_event", item_ends_at=END + HOUR)) == END
