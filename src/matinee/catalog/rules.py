"""Rules of the catalogue, without I/O."""

from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from matinee.catalog.types import (
    AnyDraft,
    EpisodeDraft,
    ItemDraft,
    ItemKind,
    LiveEventDraft,
    MovieDraft,
    PaymentMethod,
    SeasonDraft,
    StreamKind,
)
from matinee.kernel.cards import contains_card_number
from matinee.kernel.errors import Invalid
from matinee.kernel.money import LARGEST_MINOR, exponent_of

LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 5_000
LONGEST_URL = 2_000
LONGEST_PACKAGE_NAME = 100
LARGEST_PRICE_COUNT = 30
YEARS = (1880, 2200)
RUNTIMES_MINUTES = (1, 6_000)
SEASONS = (1, 1_000)
MOST_EPISODES = 500

_CARD = "This looks like a card number. Never write one here."


_NOUNS = {ItemKind.MOVIE: "movie", ItemKind.LIVE_EVENT: "live event", ItemKind.SEASON: "season"}
_KINDS: dict[type, ItemKind] = {
    MovieDraft: ItemKind.MOVIE,
    LiveEventDraft: ItemKind.LIVE_EVENT,
    SeasonDraft: ItemKind.SEASON,
}


def kind_of(draft: ItemDraft) -> ItemKind:
    """Return which kind of item a draft is of."""
    return _KINDS[type(draft)]


def noun_of(kind: ItemKind) -> str:
    """Return the kind as staff call one, such as `live event`."""
    return _NOUNS[kind]


def shown_title(draft: AnyDraft) -> str:
    """Return the title that viewers and billing read; a season's says the series too."""
    if isinstance(draft, SeasonDraft):
        title = f"{draft.series_title.strip()}, season {draft.season_number}"
        return f"{title}: {draft.own_title.strip()}" if draft.own_title.strip() else title
    return draft.title.strip()


def event_runtime_minutes(starts_at: datetime, ends_at: datetime) -> int:
    """Return a live event's length, begun minutes counted whole."""
    return -(-int((ends_at - starts_at).total_seconds()) // 60)


def check_item(draft: AnyDraft) -> None:
    """Raise Invalid, with every problem at once, for an item that cannot be."""
    match draft:
        case MovieDraft():
            problems = _movie_problems(draft)
        case LiveEventDraft():
            problems = _event_problems(draft)
        case SeasonDraft():
            problems = _season_problems(draft)
    noun = noun_of(kind_of(draft))
    problems |= _long_text_problem("description", draft.description)
    is_ppv = draft.payment_method is PaymentMethod.PPV
    problems |= _ppv_problems(draft, noun) if is_ppv else _plain_problems(draft, noun)
    if draft.licence_ends_at is not None and draft.licence_ends_at.tzinfo is None:
        problems["licence_ends_at"] = "The end of the licence needs a time zone."
    if problems:
        raise Invalid(problems)


def check_episode(draft: EpisodeDraft) -> None:
    """Raise Invalid, with every problem at once, for an episode that cannot be."""
    problems = _title_problem("title", draft.title, "Give the episode a title.")
    problems |= _runtime_problem(draft.runtime_minutes) | _stream_problems(draft, "episode")
    if problems:
        raise Invalid(problems)


def _movie_problems(draft: MovieDraft) -> dict[str, str]:
    problems = _title_problem("title", draft.title, "Give the movie a title.")
    problems |= _year_problem(draft.year) | _stream_problems(draft, "movie")
    if draft.runtime_minutes is not None:
        problems |= _runtime_problem(draft.runtime_minutes)
    elif draft.payment_method is PaymentMethod.PPV:
        problems["runtime_minutes"] = "A PPV movie needs its runtime: the time to watch is counted from it."
    return problems


def _event_problems(draft: LiveEventDraft) -> dict[str, str]:
    problems = _title_problem("title", draft.title, "Give the live event a title.")
    problems |= _stream_problems(draft, "live event")
    for name in ("starts_at", "ends_at"):
        if getattr(draft, name).tzinfo is None:
            return problems | {name: "The time needs a time zone."}
    if draft.ends_at <= draft.starts_at:
        problems["ends_at"] = "A live event ends after it has started."
    elif event_runtime_minutes(draft.starts_at, draft.ends_at) > RUNTIMES_MINUTES[1]:
        problems["ends_at"] = f"A live event lasts at most {RUNTIMES_MINUTES[1] // 60} hours."
    return problems


def _season_problems(draft: SeasonDraft) -> dict[str, str]:
    problems = _title_problem("series_title", draft.series_title, "Give the title of the series.")
    if draft.own_title:
        problems |= _title_problem("own_title", draft.own_title, "")
    if not SEASONS[0] <= draft.season_number <= SEASONS[1]:
        problems["season_number"] = f"Use a whole number from {SEASONS[0]} to {SEASONS[1]:,}."
    return problems | _year_problem(draft.year)


def _title_problem(name: str, title: str, missing: str) -> dict[str, str]:
    if not title.strip():
        return {name: missing} if missing else {}
    if len(title) > LONGEST_TITLE:
        return {name: f"Use at most {LONGEST_TITLE} characters."}
    return {name: _CARD} if contains_card_number(title) else {}


def _long_text_problem(name: str, text: str) -> dict[str, str]:
    if len(text) > LONGEST_DESCRIPTION:
        return {name: f"Use at most {LONGEST_DESCRIPTION:,} characters."}
    return {name: _CARD} if contains_card_number(text) else {}


def _year_problem(year: int | None) -> dict[str, str]:
    if year is None or YEARS[0] <= year <= YEARS[1]:
        return {}
    return {"year": f"Use a year from {YEARS[0]} to {YEARS[1]}."}


def _runtime_problem(minutes: int) -> dict[str, str]:
    first, last = RUNTIMES_MINUTES
    if first <= minutes <= last:
        return {}
    return {"runtime_minutes": f"Use whole minutes from {first} to {last:,}."}


def _stream_problems(draft: MovieDraft | LiveEventDraft | EpisodeDraft, noun: str) -> dict[str, str]:
    both = f"{'An' if noun[0] in 'aeiou' else 'A'} {noun} has an address or a film, not both."
    if draft.stream_kind is StreamKind.FILE:
        return {} if draft.stream_url is None else {"stream_url": both}
    if draft.asset_id is not None:
        return {"asset_id": both}
    if not draft.stream_url:
        return {"stream_url": "Write the address of the stream, or upload a film instead."}
    if not _is_stream_address(draft.stream_url):
        return {"stream_url": "Write a whole address such as https://cdn.example.com/film/index.m3u8."}
    return {}


def _is_stream_address(text: str) -> bool:
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and port_is_right
    )


def _ppv_problems(draft: ItemDraft, noun: str) -> dict[str, str]:
    problems = {}
    if draft.rule_id is None:
        problems["rule_id"] = f"Choose the PPV rule: it says how long viewers have to start the {noun}."
    if draft.package_ids:
        problems["package_ids"] = (
            f"Packages are for what subscriptions cover. Take the {noun} out, or sell it by subscription."
        )
    return problems | _price_problems(draft)


def _price_problems(draft: ItemDraft) -> dict[str, str]:
    if not draft.prices:
        return {"prices": "Give at least one price: without one nobody could rent it."}
    if len(draft.prices) > LARGEST_PRICE_COUNT:
        return {"prices": f"Use at most {LARGEST_PRICE_COUNT} prices."}
    problems, seen = {}, set()
    for index, price in enumerate(draft.prices):
        exponent_of(price.currency)
        if not 0 < price.minor <= LARGEST_MINOR:
            problems[f"prices-{index}-amount"] = (
                "A price is more than nothing. To give it away, use a subscription."
            )
        if price.currency in seen:
            problems[f"prices-{index}-currency"] = f"There is a price in {price.currency} already."
        seen.add(price.currency)
    return problems


def _plain_problems(draft: ItemDraft, noun: str) -> dict[str, str]:
    problems = {}
    if draft.rule_id is not None:
        problems["rule_id"] = f"A subscription {noun} has no PPV rule."
    if draft.prices:
        problems["prices"] = f"A subscription {noun} has no price."
    return problems


OtherDraft = TypeVar("OtherDraft", bound=ItemDraft)


def other_way(draft: OtherDraft) -> OtherDraft:
    """Return a draft to sell the same thing the other way too: it shares poster and film."""
    to_ppv = draft.payment_method is PaymentMethod.SUBSCRIPTION
    return msgspec.structs.replace(
        draft,
        payment_method=PaymentMethod.PPV if to_ppv else PaymentMethod.SUBSCRIPTION,
        rule_id=None,
        prices=(),
        package_ids=frozenset(),
    )


def check_package_name(name: str) -> str:
    """Return the name without white space around it. Raises Invalid (name)."""
    plain = name.strip()
    if not plain:
        raise Invalid({"name": "Give the package a name."})
    if len(plain) > LONGEST_PACKAGE_NAME:
        raise Invalid({"name": f"Use at most {LONGEST_PACKAGE_NAME} characters."})
    if contains_card_number(plain):
        raise Invalid({"name": _CARD})
    return plain
