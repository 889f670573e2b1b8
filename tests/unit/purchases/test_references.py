"""What billing knows a charge by."""

import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.purchases.rules.references import charge_reference, customer_of, refund_reference

KEY = b"k" * 32
SLOT: dict[str, Any] = {
    "operator_id": UUID(int=1), "customer_id": UUID(int=2), "item_kind": "movie", "item_id": UUID(int=3),
    "generation": 0,
}  # fmt: skip
ALLOWED = re.compile(r"[A-Za-z0-9-]{1,64}\Z")


def test_the_same_slot_and_generation_always_give_the_same_reference() -> None:
    assert charge_reference(KEY, **SLOT) == charge_reference(KEY, **SLOT)
    # A new way to make references would let billing take a forgotten purchase for another one.
    assert charge_reference(KEY, **SLOT) == "maaaaaaaaaaaaaaaaaaaaaaaaai-bzilyovszasl3zx5caw4mmqwqkatln4i"


def test_every_part_of_the_slot_and_the_key_change_the_reference() -> None:
    others = [
        SLOT | {"operator_id": UUID(int=9)}, SLOT | {"customer_id": UUID(int=9)}, SLOT | {"item_kind": "event"},
        SLOT | {"item_id": UUID(int=9)}, SLOT | {"generation": 1},
    ]  # fmt: skip
    references = [charge_reference(KEY, **slot) for slot in [SLOT, *others]]
    references.append(charge_reference(b"o" * 32, **SLOT))
    assert len(set(references)) == 7


@given(st.binary(min_size=1), st.uuids(), st.uuids(), st.uuids(), st.text(max_size=80), st.integers(0, 10**6))
def test_references_fit_every_billing_system(
    key: bytes, operator_id: UUID, customer_id: UUID, item_id: UUID, item_kind: str, generation: int
) -> None:
    reference = charge_reference(
        key, operator_id=operator_id, customer_id=customer_id, item_kind=item_kind, item_id=item_id,
        generation=generation,
    )  # fmt: skip
    assert ALLOWED.match(reference)
    refund = refund_reference(key, customer_id=customer_id, charge_reference=reference, charge_id=item_kind)
    assert ALLOWED.match(refund)
    assert (customer_of(reference), customer_of(refund)) == (customer_id, customer_id)


@pytest.mark.parametrize(
    "text",
    [
        "", "m-bzilyovszasl3zx5caw4mmqwqkatln4i", "x" + "a" * 26 + "-" + "a" * 32, "m" + "a" * 26 + "-" + "a" * 31,
        "m" + "A" * 26 + "-" + "a" * 32, "m" + "a" * 25 + "1-" + "a" * 32, "m" + "a" * 26 + "-" + "a" * 32 + "\n",
        # 26 letters hold 130 bits and a customer's id 128: two texts must not name one customer.
        "m" + "a" * 25 + "b-" + "a" * 32,
    ],
)  # fmt: skip
def test_what_is_no_reference_names_nobody(text: str) -> None:
    assert customer_of(text) is None


@given(st.text(alphabet="mra27-", max_size=64))
def test_any_text_names_a_customer_or_nobody(text: str) -> None:
    assert customer_of(text) is None or ALLOWED.match(text)


def test_a_refund_has_a_reference_of_its_own_for_each_charge() -> None:
    reference = charge_reference(KEY, **SLOT)
    refunds = [
        refund_reference(KEY, customer_id=UUID(int=2), charge_reference=reference, charge_id=charge)
        for charge in (None, "1", "2")
    ]
    assert len({reference, *refunds}) == 4
    again = refund_reference(KEY, customer_id=UUID(int=2), charge_reference=reference, charge_id="1")
    assert again == refunds[1]
