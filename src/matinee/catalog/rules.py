"""Rules of the catalogue, without I/O."""

from urllib.parse import urlsplit

import msgspec

from matinee.catalog.types import Movie, MovieDraft, PaymentMethod, StreamKind
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

_CARD = "This looks like a card number. Never write one here."


def check_movie(draft: MovieDraft) -> None:
    """Raise Invalid, with every problem at once, for a movie that cannot be."""
    problems = _text_problems(draft) | _stream_problems(draft)
    problems |= _ppv_problems(draft) if draft.payment_method is PaymentMethod.PPV else _plain_problems(draft)
    if draft.licence_ends_at is not None and draft.licence_ends_at.tzinfo is None:
        problems["licence_ends_at"] = "The end of the licence needs a time zone."
    if problems:
        raise Invalid(problems)


def _text_problems(draft: MovieDraft) -> dict[str, str]:
    problems = {}
    if not draft.title.strip():
        problems["title"] = "Give the movie a title."
    elif len(draft.title) > LONGEST_TITLE:
        problems["title"] = f"Use at most {LONGEST_TITLE} characters."
    elif contains_card_number(draft.title):
        problems["title"] = _CARD
    if draft.year is not None and not YEARS[0] <= draft.year <= YEARS[1]:
        problems["year"] = f"Use a year from {YEARS[0]} to {YEARS[1]}."
    if draft.runtime_minutes is not None and not (
        RUNTIMES_MINUTES[0] <= draft.runtime_minutes <= RUNTIMES_MINUTES[1]
    ):
        problems["runtime_minutes"] = (
            f"Use whole minutes from {RUNTIMES_MINUTES[0]} to {RUNTIMES_MINUTES[1]:,}."
        )
    if len(draft.description) > LONGEST_DESCRIPTION:
        problems["description"] = f"Use at most {LONGEST_DESCRIPTION:,} characters."
    elif contains_card_number(draft.description):
        problems["description"] = _CARD
    return problems


def _stream_problems(draft: MovieDraft) -> dict[str, str]:
    if draft.stream_kind is StreamKind.FILE:
        return (
            {} if draft.stream_url is None else {"stream_url": "A movie has an address or a film, not both."}
        )
    if draft.asset_id is not None:
        return {"asset_id": "A movie has an address or a film, not both."}
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


def _ppv_problems(draft: MovieDraft) -> dict[str, str]:
    problems = {}
    if draft.rule_id is None:
        problems["rule_id"] = "Choose the PPV rule: it says how long viewers have to start the movie."
    if draft.runtime_minutes is None:
        problems["runtime_minutes"] = "A PPV movie needs its runtime: the time to watch is counted from it."
    if draft.package_ids:
        problems["package_ids"] = (
            "Packages are for subscription movies. Take it out, or sell it by subscription."
        )
    return problems | _price_problems(draft)


def _price_problems(draft: MovieDraft) -> dict[str, str]:
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


def _plain_problems(draft: MovieDraft) -> dict[str, str]:
    problems = {}
    if draft.rule_id is not None:
        problems["rule_id"] = "A subscription movie has no PPV rule."
    if draft.prices:
        problems["prices"] = "A subscription movie has no price."
    return problems


def other_way(movie: Movie) -> MovieDraft:
    """Return a draft to sell the same film the other way too: it shares poster and film."""
    to_ppv = movie.draft.payment_method is PaymentMethod.SUBSCRIPTION
    return msgspec.structs.replace(
        movie.draft,
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
