"""What a live event, a season and an episode must be."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.factories.catalogue import by_ppv, episode_draft, event_draft, season_draft

from matinee.catalog.rules import (
    check_episode,
    check_item,
    event_runtime_minutes,
    kind_of,
    other_way,
    shown_title,
)
from matinee.catalog.types import ItemKind, PaymentMethod, StreamKind
from matinee.kernel.errors import Invalid

START = datetime(2027, 6, 1, 19, tzinfo=UTC)
RULE = UUID(int=7)


@pytest.mark.parametrize(
    ("draft", "fields"),
    [
        (event_draft(), []),
        (event_draft(**by_ppv(RULE)), []),
        (event_draft(title=" "), ["title"]),
        (event_draft(starts_at=START.replace(tzinfo=None)), ["starts_at"]),
        (event_draft(ends_at=START), ["ends_at"]),
        (event_draft(ends_at=START + timedelta(hours=101)), ["ends_at"]),
        (event_draft(stream_url=None), ["stream_url"]),
        (event_draft(payment_method=PaymentMethod.PPV), ["prices", "rule_id"]),
        (event_draft(**(by_ppv(RULE) | {"package_ids": frozenset({RULE})})), ["package_ids"]),
        (season_draft(), []),
        (season_draft(**by_ppv(RULE)), []),  # its runtime comes with its episodes
        (season_draft(series_title="", season_number=0), ["season_number", "series_title"]),
        (season_draft(own_title="x" * 201, year=1700), ["own_title", "year"]),
        (season_draft(rule_id=RULE), ["rule_id"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_fields(draft: object, fields: list[str]) -> None:
    if not fields:
        check_item(draft)  # type: ignore[arg-type]
        return
    with pytest.raises(Invalid) as caught:
        check_item(draft)  # type: ignore[arg-type]
    assert sorted(caught.value.fields) == fields


def test_an_episode_needs_title_runtime_and_one_stream() -> None:
    check_episode(episode_draft())
    for changes, field in (
        ({"title": ""}, "title"),
        ({"runtime_minutes": 0}, "runtime_minutes"),
        ({"stream_url": "ftp://x"}, "stream_url"),
        ({"stream_kind": StreamKind.FILE}, "stream_url"),
    ):
        with pytest.raises(Invalid) as caught:
            check_episode(episode_draft(**changes))
        assert list(caught.value.fields) == [field]


def test_a_season_is_called_after_its_series() -> None:
    assert shown_title(season_draft()) == "Tidewater, season 2"
    assert shown_title(season_draft(own_title=" Ebb ")) == "Tidewater, season 2: Ebb"
    assert shown_title(event_draft(title=" The Final ")) == "The Final"


def test_a_begun_minute_of_an_event_counts_whole() -> None:
    assert event_runtime_minutes(START, START + timedelta(hours=3)) == 180
    assert event_runtime_minutes(START, START + timedelta(seconds=61)) == 2


def test_the_other_way_keeps_what_is_shown() -> None:
    paid = other_way(season_draft(package_ids=frozenset({RULE})))
    assert (kind_of(paid), paid.payment_method, paid.package_ids) == (
        ItemKind.SEASON, PaymentMethod.PPV, frozenset(),
    )  # fmt: skip
    plain = other_way(event_draft(**by_ppv(RULE)))
    assert (plain.payment_method, plain.prices, plain.starts_at) == (PaymentMethod.SUBSCRIPTION, (), START)
