"""What a movie and a package may be."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from matinee.catalog.rules import check_item, check_package_name, other_way
from matinee.catalog.types import MovieDraft, PaymentMethod, StreamKind
from matinee.kernel.errors import Invalid
from matinee.kernel.money import Money

RULE, PACKAGE, ASSET = UUID(int=1), UUID(int=2), UUID(int=3)
PPV = MovieDraft(
    title="Fog",
    runtime_minutes=90,
    payment_method=PaymentMethod.PPV,
    rule_id=RULE,
    prices=(Money(499, "EUR"),),
)
PLAIN = MovieDraft(title="Fog", payment_method=PaymentMethod.SUBSCRIPTION, package_ids=frozenset({PACKAGE}))
CARD = "4111 1111 1111 1111"


def problems(draft: MovieDraft, **changes: object) -> list[str]:
    """Return the fields that are wrong."""
    try:
        check_item(msgspec.structs.replace(draft, **changes))
    except Invalid as error:
        return sorted(error.fields)
    return []


@pytest.mark.parametrize(
    ("draft", "changes", "fields"),
    [
        (PPV, {}, []),
        (PLAIN, {}, []),
        (PPV, {"asset_id": ASSET}, []),
        (PLAIN, {"stream_kind": StreamKind.URL, "stream_url": "http://10.0.0.5:8080/a.m3u8"}, []),
        (PPV, {"title": "  "}, ["title"]),
        (PPV, {"title": "x" * 201}, ["title"]),
        (PPV, {"title": f"Fog {CARD}"}, ["title"]),
        (PLAIN, {"description": f"Call {CARD}"}, ["description"]),
        (PLAIN, {"description": "x" * 5001}, ["description"]),
        (PPV, {"year": 1879}, ["year"]),
        (PPV, {"year": 2201}, ["year"]),
        (PPV, {"runtime_minutes": 0}, ["runtime_minutes"]),
        (PPV, {"runtime_minutes": None}, ["runtime_minutes"]),
        (PLAIN, {"runtime_minutes": None}, []),
        (PPV, {"rule_id": None, "prices": ()}, ["prices", "rule_id"]),
        (PPV, {"package_ids": frozenset({PACKAGE})}, ["package_ids"]),
        (PPV, {"prices": (Money(0, "EUR"),)}, ["prices-0-amount"]),
        (PPV, {"prices": (Money(1, "EUR"), Money(2, "EUR"))}, ["prices-1-currency"]),
        (PPV, {"prices": (Money(1, "EUR"), Money(5, "CREDIT"))}, []),
        (PLAIN, {"rule_id": RULE, "prices": (Money(1, "EUR"),)}, ["prices", "rule_id"]),
        (PLAIN, {"stream_url": "https://a.example/x"}, ["stream_url"]),
        (PLAIN, {"stream_kind": StreamKind.URL}, ["stream_url"]),
        (PLAIN, {"stream_kind": StreamKind.URL, "asset_id": ASSET}, ["asset_id"]),
        (PPV, {"licence_ends_at": datetime(2027, 1, 1)}, ["licence_ends_at"]),  # noqa: DTZ001
        (PPV, {"licence_ends_at": datetime(2027, 1, 1, tzinfo=UTC)}, []),
    ],
)
def test_every_problem_is_named(draft: MovieDraft, changes: dict[str, object], fields: list[str]) -> None:
    assert problems(draft, **changes) == fields


@pytest.mark.parametrize(
    "address",
    [
        "ftp://a.example/x", "file:///etc/passwd", "javascript:alert(1)", "//a.example/x", "https://",
        "https://user:secret@a.example/x", "https://a.example:0/x", "https://a.example:99999/x", "https://a b/x",
        "https://a.example/\n", "https://[::1", "https://a.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(address: str) -> None:
    assert problems(PLAIN, stream_kind=StreamKind.URL, stream_url=address) == ["stream_url"]


def test_the_other_way_keeps_the_film_and_drops_the_terms() -> None:
    plain = other_way(msgspec.structs.replace(PPV, asset_id=ASSET, poster_key="p"))
    assert (plain.payment_method, plain.rule_id, plain.prices) == (PaymentMethod.SUBSCRIPTION, None, ())
    assert (plain.asset_id, plain.poster_key, plain.title) == (ASSET, "p", "Fog")
    paid = other_way(PLAIN)
    assert (paid.payment_method, paid.package_ids) == (PaymentMethod.PPV, frozenset())


def test_a_package_has_a_plain_name() -> None:
    assert check_package_name("  Basic ") == "Basic"
    for name in ("", "   ", "x" * 101, CARD):
        with pytest.raises(Invalid):
            check_package_name(name)
