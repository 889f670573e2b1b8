"""Which column is which."""

import msgspec
import pytest

from matinee.kernel.errors import Invalid
from matinee.reconciliation.rules.columns import check_mapping, proposed, words_of
from matinee.reconciliation.types import FileKind, KindBy, Layout, Mapping


def layout(*first: str, columns: int = 0) -> Layout:
    return Layout(
        kind=FileKind.CSV, encoding="utf-8-sig", delimiter=",", column_count=columns or len(first), row_count=2,
        sample=(first,),
    )  # fmt: skip


GOOD = Mapping(reference=0, amount=1, currency="EUR")


def test_columns_are_proposed_by_their_headings() -> None:
    found = proposed(
        layout("Date", "Order_Reference", "Type", "Amount", "Currency"), last=None, currency="EUR"
    )
    assert (found.charged_at, found.reference, found.kind_column, found.amount) == (0, 1, 2, 3)
    assert (found.currency_column, found.kind_by, found.headings[1]) == (4, KindBy.COLUMN, "Order_Reference")


def test_a_first_row_like_the_others_is_no_heading() -> None:
    assert proposed(layout("m-17", "4.99"), last=None, currency="EUR").headings == ()


def test_the_last_mapping_finds_its_columns_where_they_stand_now() -> None:
    last = msgspec.structs.replace(GOOD, headings=("ref", "paid"), transaction=None)
    moved = proposed(layout("new", "paid", "ref"), last=last, currency="USD")
    assert (moved.reference, moved.amount, moved.currency) == (2, 1, "EUR")
    fresh = proposed(layout("other", "reference", "amount"), last=last, currency="USD")
    assert (fresh.reference, fresh.amount, fresh.currency) == (1, 2, "USD")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reference": 2}, "reference"), ({"transaction": 0}, "transaction"), ({"currency": "QQQ"}, "currency"),
        ({"kind_by": KindBy.COLUMN}, "kind_column"),
        ({"kind_by": KindBy.COLUMN, "kind_column": 1, "amount": 0}, "charge_words"),
    ],
)  # fmt: skip
def test_wrong_mappings_name_the_field(changes: dict[str, object], field: str) -> None:
    assert check_mapping(GOOD, layout("a", "b")) == GOOD
    with pytest.raises(Invalid) as refused:
        check_mapping(msgspec.structs.replace(GOOD, **changes), layout("a", "b"))
    assert field in refused.value.fields


def test_words() -> None:
    assert words_of(" Refund, reversal ,, refund") == ("refund", "reversal")
